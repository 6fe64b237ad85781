"""Following a job on a cluster: its lines as they come, through lost connections, to its exit code."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Any

from echoprime.errors import EchoPrimeError
from pipelines.console import console
from pipelines.exit_codes import INTERRUPTED
from pipelines.submission.connection import ClusterError, exit_code_of, job_details
from pipelines.submission.stopping import stop_and_wait

QUIET_SECONDS = 60.0
"""A stream that says nothing for so long is opened again: a dead connection says nothing either."""

PATIENCE_SECONDS = 600.0
"""A cluster that has not answered for so long is given up; the job may go on there."""

REOPEN_SECONDS = 1.0
"""Between a stream that has closed and the next, while the job goes on."""

OWN_LINES = re.compile(r"Running entrypoint for job |\S+ \S+\tINFO job_manager\.py:")
"""Ray's own lines before the job's first one."""


class _NobodyReads(Exception):  # noqa: N818  # an OSError in Python, which a lost connection is too
    """Standard output is a pipe whose reader is gone, as after `| head`."""


def follow_job(
    client: Any,  # noqa: ANN401  # Ray's JobSubmissionClient
    address: str,
    job: str,
    *,
    stop_on_interrupt: bool = False,
) -> int:
    """Write the job's lines to standard output until it ends; return its exit code.

    Ctrl-C ends the following: the job goes on and a line says how to follow or stop it, or it is stopped.
    So does a reader of standard output that goes away; the job goes on then.

    Raises
    ------
    EchoPrimeError
        The cluster has not answered for ten minutes, or answers that it does not do this.
    """
    say = console(stderr=True).print
    try:
        details = JobLog(client, job, sys.stdout.write, address=address).to_the_end()
    except _NobodyReads:
        say(f"echoprime: {job} goes on. {how_to_go_on(address, job)}")
        return INTERRUPTED
    except KeyboardInterrupt:
        say(f"echoprime: {_after_interrupt(client, address, job, stop=stop_on_interrupt)}")
        return INTERRUPTED
    code = exit_code_of(details)
    if details.driver_exit_code != code and str(details.status) == "FAILED":
        say(f"echoprime: {job} failed: {_first_line(details.message)}")
    return code


def _after_interrupt(client: Any, address: str, job: str, *, stop: bool) -> str:  # noqa: ANN401
    if not stop:
        return f"{job} goes on. {how_to_go_on(address, job)}"
    try:
        return f"{job} {stop_and_wait(client, address, job)}"
    except EchoPrimeError as error:
        return f"{error}; {job} may go on. {how_to_go_on(address, job)}"


def how_to_go_on(address: str, job: str) -> str:
    """The two commands that a person wants next."""
    return (
        f"Follow it: echoprime jobs logs {job} --address {address} --follow. "
        f"Stop it: echoprime jobs stop {job} --address {address}"
    )


class JobLog:
    """A job's log as a stream without gaps or repeats, whatever happens to the connection.

    Parameters
    ----------
    client
        Ray's JobSubmissionClient.
    job
        Its name.
    write
        Takes the text as it comes.
    address
        For the line that says how to go on.
    quiet, patience
        See `QUIET_SECONDS`, `PATIENCE_SECONDS`.
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401
        job: str,
        write: Callable[[str], object],
        *,
        address: str = "",
        quiet: float = QUIET_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._client = client
        self._job = job
        self._write = write
        self._address = address
        self._quiet = quiet
        self._patience = patience
        self._characters = 0
        self._line_begins = True
        self._skipping = False
        self._answered = time.monotonic()
        self.reconnections = 0

    def to_the_end(self) -> Any:  # noqa: ANN401  # Ray's JobDetails
        """Write all of it; returns what the cluster knows of the job once it has ended."""
        from tenacity import RetryError, Retrying, retry_if_exception, wait_random_exponential

        retrying = Retrying(
            retry=retry_if_exception(_is_lost_connection),
            wait=wait_random_exponential(multiplier=1, max=15),
            stop=lambda _: time.monotonic() - self._answered > self._patience,
            before_sleep=self._say_lost,
        )
        try:
            while not (details := retrying(self._stretch)).status.is_terminal():
                time.sleep(REOPEN_SECONDS)
            text = retrying(lambda: self._client.get_job_logs(self._job))
        except RetryError as error:
            raise EchoPrimeError(
                f"the cluster has not answered for {self._patience / 60:.0f} minutes; {self._job} may go on. "
                + how_to_go_on(self._address, self._job)
            ) from error
        with suppress(_NobodyReads):  # it has ended, and its exit code is known
            self._show(text[self._characters :])
        return details

    def _stretch(self) -> Any:  # noqa: ANN401
        """One connection's time: until the stream closes or says nothing, then ask how the job stands."""
        asyncio.run(self._stream())
        details = job_details(self._client, self._job)
        self._answered = time.monotonic()
        return details

    async def _stream(self) -> None:
        """A stream begins at the log's first character; what has been shown is passed over."""
        passed = 0
        async with aclosing(self._client.tail_job_logs(self._job)) as stream:
            while True:
                try:
                    text = await asyncio.wait_for(anext(stream), self._quiet)
                except (StopAsyncIteration, TimeoutError):
                    return
                self._answered = time.monotonic()
                new = text[max(0, self._characters - passed) :]
                passed += len(text)
                self._show(new)

    def _show(self, text: str) -> None:
        self._characters += len(text)
        try:
            for piece in text.splitlines(keepends=True):
                if self._line_begins:
                    self._skipping = OWN_LINES.match(piece) is not None
                self._line_begins = piece.endswith("\n")
                if not self._skipping:
                    self._write(piece)
            sys.stdout.flush()
        except BrokenPipeError:
            _forget_standard_output()
            raise _NobodyReads from None

    def _say_lost(self, _: object) -> None:
        self.reconnections += 1
        if self.reconnections == 1 or time.monotonic() - self._answered > self._quiet:
            console(stderr=True).print("echoprime: the connection is lost; the job goes on, trying again ...")


def shown(log: str) -> str:
    """A whole log without Ray's own lines.

    Examples
    --------
    >>> shown("Running entrypoint for job j: python\\n6 studies\\n")
    '6 studies\\n'
    """
    return "".join(line for line in log.splitlines(keepends=True) if not OWN_LINES.match(line))


def _is_lost_connection(error: BaseException) -> bool:
    import aiohttp

    if isinstance(error, ClusterError):
        return error.passing
    # RuntimeError is what Ray's client makes of a stream that breaks.
    return isinstance(error, (OSError, RuntimeError, aiohttp.ClientError, TimeoutError))


def _forget_standard_output() -> None:
    """Else Python, at its end, would write what is left to the pipe and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _first_line(message: str | None) -> str:
    return (message or "without a word").splitlines()[0]
