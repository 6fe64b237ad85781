"""Reading in a child process, so that no file can end or stall the process that asks."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from types import TracebackType

from echoprime.errors import EchoPrimeError, Reason, UnreadableVideo, VideoError
from echoprime.reading.clip import Mode, require_mode
from echoprime.reading.limits import Limits
from echoprime.reading.reading import Reading
from echoprime.reading.starts import require_clips_per_video
from echoprime.reading.wire import LENGTH_BYTES, length_of, reading_of

_START_SECONDS = 120.0  # a cold file system may take long to give out the libraries
_PATIENCE = 5.0  # seconds for a child that has closed its pipes to end, so that its own status is known
_PIPE_BYTES = 1 << 20  # fewer and larger steps than the usual 64 KiB

_LIVES = 3
"""Children that may be killed over one file, before the file is held to be why."""

_FROM_OUTSIDE = frozenset(-end for end in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
"""Exit statuses of a child that somebody else ended, such as a machine short of memory: no file can do it by
itself, so it is read again. What a codec's crash raises (SIGSEGV, SIGABRT ...) is not among them."""


class ClipReader:
    """Does what `read_file` does, in a child process that may crash, hang or run out of memory.

    The child is started by the first `read`, serves one read after the other, and is started anew after it
    died. A file over which it was killed from outside is read again. It ends with `close`, with the `with`
    block, or with this process.

    Parameters
    ----------
    limits
        Bounds of one file, its decoding's time and the child's memory among them; the defaults of `Limits`.
    mode, clips_per_video
        See `read_file`.

    Raises
    ------
    SettingError
        There is no such mode, or no such number of clips.

    Examples
    --------
    >>> with ClipReader() as reader:
    ...     reader.read(b"").error
    UnreadableVideo('the file has no bytes')
    """

    def __init__(self, limits: Limits | None = None, mode: Mode = "exact", clips_per_video: int = 1) -> None:
        require_mode(mode)
        require_clips_per_video(clips_per_video)
        self._limits = limits or Limits()
        self._arguments = [json.dumps(asdict(self._limits)), mode, str(clips_per_video)]
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return self._process.pid if self._process else None

    def read(self, data: bytes) -> Reading:
        """Read one file: what it says of itself, and its clips or why it has none.

        Parameters
        ----------
        data
            The whole file.

        Returns
        -------
        As `read_file`; its error may also be DECODER_DIED or DECODER_TIMEOUT, and there are no facts then.

        Raises
        ------
        EchoPrimeError
            The child does not start: the installation is broken.
        """
        try:
            self._limits.check_bytes(len(data))
            with self._lock:
                return reading_of(self._reply(data))
        except VideoError as error:
            return Reading(error=error)

    def _reply(self, data: bytes) -> bytearray:
        """A child's reply to one file; one that was killed from outside is replaced."""
        lives = 0
        while True:
            reply, status = self._asked(data)
            lives += 1
            if reply is not None:
                return reply
            if status not in _FROM_OUTSIDE or lives == _LIVES:
                break
        times = f", {lives} times" if lives > 1 else ""
        raise UnreadableVideo(Reason.DECODER_DIED, f"the decoding process ended {_how(status)}{times}")

    def _asked(self, data: bytes) -> tuple[bytearray | None, int]:
        """The reply of the child that runs now, or None and how it ended."""
        process = self._running()
        try:
            return _exchange(process, data, time.monotonic() + self._limits.seconds), 0
        except TimeoutError:
            self._end()
            raise UnreadableVideo(
                Reason.DECODER_TIMEOUT, f"decoding took longer than {self._limits.seconds:g} seconds"
            ) from None
        except (EOFError, BrokenPipeError):
            return None, self._end(_PATIENCE)
        except BaseException:
            self._end()  # interrupted within a message: the rest of it would be taken for the next
            raise

    def close(self) -> None:
        """End the child, if there is one. A later `read` starts another."""
        with self._lock:
            self._end()

    def __enter__(self) -> ClipReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._end()  # ended while it was idle
        for life in range(1, _LIVES + 1):
            if self._process is not None:
                break
            try:
                self._process = _start(self._arguments)
            except OSError as error:  # no process or no memory left for one
                raise EchoPrimeError(
                    f"the decoding process does not start ({error.strerror}); free memory or processes"
                ) from None
            try:
                _exchange(self._process, None, time.monotonic() + _START_SECONDS)
            except (EOFError, BrokenPipeError, TimeoutError):
                status = self._end(_PATIENCE)
                if status in _FROM_OUTSIDE and life < _LIVES:
                    continue
                raise EchoPrimeError(
                    f"the decoding process does not start ({_how(status)}); "
                    f"run {sys.executable} -m echoprime.reading.child '{{}}' exact 1 to see why"
                ) from None
        assert self._process is not None
        return self._process

    def _end(self, patience: float = 0.0) -> int:
        """End the child and give its exit status; for `patience` seconds it may end on its own."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.stdin and process.stdout:
            process.stdout.close()
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            return process.wait(patience)
        process.kill()
        return process.wait()


def _start(arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start a child that finds the same packages, with one thread for each library."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    process = subprocess.Popen(  # nosec B603  # our own module, and numbers
        [sys.executable, "-P", "-m", "echoprime.reading.child", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        bufsize=0,
        pipesize=_PIPE_BYTES,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    os.set_blocking(process.stdin.fileno(), False)
    os.set_blocking(process.stdout.fileno(), False)
    return process


def _exchange(process: subprocess.Popen[bytes], request: bytes | None, deadline: float) -> bytearray:
    """Send a request, if there is one, and receive one message.

    Raises
    ------
    TimeoutError
        The deadline, of `time.monotonic`, has passed.
    EOFError, BrokenPipeError
        The child has ended.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    unsent = [] if request is None else [memoryview(length_of(request)), memoryview(request)]
    received = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if unsent:
            selector.register(process.stdin, selectors.EVENT_WRITE)
        while True:
            for key, _ in selector.select(max(deadline - time.monotonic(), 0)):
                if key.fileobj is process.stdin:
                    unsent[0] = unsent[0][os.write(key.fd, unsent[0][:_PIPE_BYTES]) :]
                    if not unsent[0]:
                        unsent.pop(0)
                    if not unsent:
                        selector.unregister(process.stdin)
                else:
                    part = os.read(key.fd, _PIPE_BYTES)
                    if not part:
                        raise EOFError
                    received += part
            if len(received) >= LENGTH_BYTES:
                length = int.from_bytes(received[:LENGTH_BYTES], "little")
                if len(received) == LENGTH_BYTES + length:
                    return received[LENGTH_BYTES:]
            if time.monotonic() > deadline:
                raise TimeoutError


def _how(status: int) -> str:
    """How a process ended, in words."""
    if status >= 0:
        return f"with exit status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"
