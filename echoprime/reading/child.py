"""The process that decodes for a `ClipReader`: python -m echoprime.reading.child LIMITS MODE CLIPS.

It reads requests on standard input and answers on standard output until its input ends. A file that makes a
codec crash, hang or eat memory ends this process and not the job. It imports neither torch nor Ray.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import resource
import signal
import sys
from typing import BinaryIO, cast

from echoprime.reading.clip import Mode
from echoprime.reading.library_state import reading_state
from echoprime.reading.limits import Limits
from echoprime.reading.reader import read_file
from echoprime.reading.wire import LENGTH_BYTES, READY, length_of, reply_of

_PR_SET_PDEATHSIG = 1
_GRACE = 5  # seconds: the parent's own limit comes first


def main(arguments: list[str]) -> None:
    """Serve until standard input ends.

    Parameters
    ----------
    arguments
        Fields of `Limits` as JSON; `exact` or `fast`; clips of each video that are asked for.
    """
    _die_with_parent()
    limits, mode, clips = Limits(**json.loads(arguments[0])), cast(Mode, arguments[1]), int(arguments[2])
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
    # Libraries may print, also what they find in a header: keep it out of the replies and of the logs.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    _send(replies, READY)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, sys.stdout.fileno())
    os.dup2(silence, sys.stderr.fileno())
    requests = sys.stdin.buffer
    with reading_state():
        while length := requests.read(LENGTH_BYTES):
            data = requests.read(int.from_bytes(length, "little"))
            # An orphan that hangs in a codec cannot see that its input has ended; the kernel's alarm ends it.
            signal.alarm(math.ceil(limits.seconds) + _GRACE)
            reply = reply_of(read_file(data, limits=limits, mode=mode, clips_per_video=clips))
            signal.alarm(0)
            del data  # else it is in memory together with the next
            _send(replies, reply)


def _send(replies: BinaryIO, content: bytes) -> None:
    replies.write(length_of(content))
    replies.write(content)
    replies.flush()


def _die_with_parent() -> None:
    """On Linux the kernel ends this process when the thread that started it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
