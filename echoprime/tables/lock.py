"""One run writes a table at a time, so that a user does not start the same work twice.

Nothing is lost or doubled if two write all the same: the newest row of a study counts. So this is a courtesy,
and a heartbeat file is enough. What removes files that an unfinished commit needs holds the whole output.

Machines' clocks differ, by hours where nobody set them. So what a beat says of time decides nothing that it
would be a pity about: before a writer is taken over by force, its file is watched for another beat.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from echoprime.errors import TableError
from echoprime.storage import Location

ALIVE_SECONDS = 60.0
"""A writer that has not been heard of for so long is not taken for alive."""

BEAT_SECONDS = 10.0
"""Between two beats: several may get lost before a writer is taken for dead."""

WATCHED_BEATS = 2.5
"""For so many beats a silent writer's file is watched, by this machine's clock alone."""

_PREFIX, _SUFFIX = "writing-", ".json"

_WHOLE = "everything"
"""Stands for a table in the heartbeat of `OutputLock`."""


@dataclass(frozen=True)
class Writer:
    """Who writes: what the heartbeat file holds."""

    run_id: str
    host: str  # host name and process namespace: equal pids of two containers are two processes
    pid: int
    started: str  # of the process, in clock ticks since boot; a reused pid differs in it
    token: str  # of this lock
    beat: float  # seconds since 1970


class WriterLock:
    """Hold a table for one run; a context manager.

    Parameters
    ----------
    out
        The output location; the file is `out/runs/writing-<table>.json`.
    table
        Name of the table: "encodings", "interpretations-default".
    run_id
        Of the run that writes.
    force
        Take over from a writer that cannot be seen but may be dead.

    Raises
    ------
    TableError
        On entry: another run is writing, or may be.
    """

    def __init__(self, out: Location, table: str, run_id: str, force: bool = False) -> None:
        self._runs = out / "runs"
        self.location = self._file(table)
        self._table = table
        self._force = force
        self._me = Writer(
            run_id, _host(), os.getpid(), _process_start(os.getpid()) or "", secrets.token_hex(8), time.time()
        )
        self._owners = {self._me.token}  # and those that this one takes over from
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> WriterLock:
        other = _read(self.location)
        if other is not None:
            self._require_dead(other, self._table)
            self._owners.add(other.token)
        self._write()
        # two that found the file free at once: the later one's name stands, the earlier one sees that
        time.sleep(0.05)
        now = _read(self.location)
        if now is not None and now.token != self._me.token:
            self._require_dead(now, self._table)
            self._owners.add(now.token)
        try:
            # own name first, then the others': of two that do so at once at least one sees the other
            for table in self._others():
                other = _read(self._file(table))
                if other is not None:
                    self._require_dead(other, table)
        except BaseException:
            self._release()
            raise
        self._thread = threading.Thread(target=self._beat, name=f"writing-{self._table}", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._release()

    def _file(self, table: str) -> Location:
        return self._runs / f"{_PREFIX}{table}{_SUFFIX}"

    def _others(self) -> list[str]:
        """Other tables whose writers exclude this one."""
        return [_WHOLE]

    def _release(self) -> None:
        with suppress(OSError):  # a store that is away hides nothing of what ended the run
            now = _read(self.location)
            if now is not None and now.token == self._me.token:
                self.location.remove()

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            try:
                now = _read(self.location)
                # Taken over by --force: leave the new owner's file alone. The new owner for its part writes
                # over a last beat of the earlier one, which had looked before and wrote after it.
                if now is None or now.token in self._owners:
                    self._write()
            except Exception:  # nosec B112  # a store that is down for a moment must not end the run
                continue

    def _write(self) -> None:
        fields = {**asdict(self._me), "beat": time.time()}
        self.location.write_bytes(json.dumps(fields).encode())

    def _require_dead(self, other: Writer, table: str) -> None:
        """Refuse unless the other writer is gone, or is silent and `force` is given."""
        here = other.host == self._me.host
        if here and not _runs(other.pid, other.started):
            return
        silent = time.time() - other.beat
        who = f"run {other.run_id} (process {other.pid} on {_plain(other.host)})"
        elsewhere = "wait until it ends, or write elsewhere (another --output)"
        if abs(silent) < ALIVE_SECONDS:
            raise TableError(f"{who} is writing {table}, heard of {max(0, silent):.0f} s ago; {elsewhere}")
        if not self._force:
            said = f"has been silent for {silent:.0f} s" if silent > 0 else "its clock is ahead of this one's"
            raise TableError(f"{who} was writing {table} and {said}; if it is dead, run again with --force")
        if self._beats_again(other, table):
            raise TableError(
                f"{who} is writing {table} (its clock and this one's differ by {abs(silent):.0f} s); "
                f"{elsewhere}"
            )

    def _beats_again(self, other: Writer, table: str) -> bool:
        """Whether another beat comes while it is watched: then it lives, whatever its clock says."""
        ends = time.monotonic() + WATCHED_BEATS * BEAT_SECONDS
        while time.monotonic() < ends:
            time.sleep(min(1.0, BEAT_SECONDS))
            now = _read(self._file(table))
            if now is None:  # it has ended
                return False
            if (now.token, now.beat) != (other.token, other.beat):
                return True
        return False


class OutputLock(WriterLock):
    """Hold a whole output: while this lasts no table of it is written, and none is made.

    Parameters
    ----------
    out, run_id, force
        See `WriterLock`.

    Raises
    ------
    TableError
        On entry: some run is writing, or may be.
    """

    def __init__(self, out: Location, run_id: str, force: bool = False) -> None:
        super().__init__(out, _WHOLE, run_id, force)

    def _others(self) -> list[str]:
        return [
            name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
            for name in self._runs.names()
            if name.startswith(_PREFIX) and name.endswith(_SUFFIX) and name != self.location.name
        ]


def _read(location: Location) -> Writer | None:
    try:
        return Writer(**json.loads(location.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):  # not ours, or of another version: nobody to wait for
        return None


def _host() -> str:
    try:
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  # not a path: "pid:[4026531836]"
    except OSError:
        namespace = ""
    return f"{socket.gethostname()} {namespace}".strip()


def _plain(host: str) -> str:
    return host.partition(" ")[0]


def _process_start(pid: int) -> str | None:
    """Start of a process in clock ticks since boot; "" where the system does not say, None if it is gone."""
    try:
        # the command's name, in brackets, may hold spaces and brackets itself
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
        return _signalled(pid)
    except ProcessLookupError:
        return None
    return None if fields[0] == "Z" else fields[19]


def _signalled(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return ""
    return ""


def _runs(pid: int, started: str) -> bool:
    found = _process_start(pid)
    return found is not None and (found == started or "" in (found, started))
