"""The command line: one command a job, each also a Python function of one settings object."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import Any

from cyclopts import CycloptsError

from echoprime.errors import EchoPrimeError, StalledError, UserError
from echoprime.storage.space import is_full
from pipelines.commands import app
from pipelines.configuration import take_configuration
from pipelines.console import console
from pipelines.exit_codes import CRASHED, DONE, INCOMPLETE, INTERRUPTED, MISTAKEN


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a person's mistake is one line on standard error and exit code 2."""
    out = console(stderr=True)

    def say(message: object) -> None:
        out.print(f"echoprime: {message}", markup=False)

    try:
        words, app.config = take_configuration(list(sys.argv[1:] if arguments is None else arguments))
        code: Any = app(words, exit_on_error=False, print_error=False, result_action="return_value")
        return int(code or DONE)
    except CycloptsError as error:
        say(f"{' '.join(str(error).split())} See --help.")
    except UserError as error:
        say(error)
    except KeyboardInterrupt:
        say("interrupted; what was finished is kept. The same command does the rest.")
        return INTERRUPTED
    except StalledError as error:
        say(error)
        return INCOMPLETE
    except EchoPrimeError as error:
        say(error)
        return CRASHED
    except (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        # strerror alone: the name of the file may be a patient's
        reason = error.strerror or "permission denied"
        say(f"{reason}: a place that was given cannot be used; check paths and their permissions")
    except OSError as error:
        if not is_full(error):
            raise
        say("no space is left where the job writes; make room and run the same command again")
        return CRASHED
    return MISTAKEN


def entry() -> None:
    """Entry point of the `echoprime` script; asked to end (SIGTERM) it does so as by Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
