"""One writer a table: an alive one is respected, a dead one is not waited for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from echoprime.errors import TableError
from echoprime.storage import Location
from echoprime.tables import OutputLock, WriterLock, lock


def heartbeat(out: Location) -> Location:
    return out / "runs/writing-encodings.json"


def write(out: Location, **changes: object) -> None:
    fields = {
        "run_id": "first",
        "host": lock._host(),
        "pid": os.getpid(),
        "started": lock._process_start(os.getpid()),
        "token": "t",
        "beat": time.time(),
    }
    heartbeat(out).write_bytes(json.dumps({**fields, **changes}).encode())


def test_an_alive_writer_is_respected_even_with_force(place: Location) -> None:
    with WriterLock(place, "encodings", "first", force=False):
        for force in (False, True):
            with pytest.raises(TableError, match=r"run first .* is writing encodings"):
                WriterLock(place, "encodings", "second", force=force).__enter__()
        with WriterLock(place, "interpretations-default", "third", force=False):
            pass
    assert not heartbeat(place).exists()
    with WriterLock(place, "encodings", "second", force=False):
        assert json.loads(heartbeat(place).read_bytes())["run_id"] == "second"


def test_a_killed_writer_is_taken_over_at_once(tmp_path) -> None:
    out = Location.parse(tmp_path)
    code = (
        "import sys, time; from echoprime.storage import Location; from echoprime.tables import WriterLock\n"
        "with WriterLock(Location.parse(sys.argv[1]), 'encodings', 'first', False):\n"
        "    print('in', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(out)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"in\n"
    with pytest.raises(TableError, match="run first"):
        WriterLock(out, "encodings", "second", force=False).__enter__()
    process.kill()
    process.wait()
    process.stdout.close()
    with WriterLock(out, "encodings", "second", force=False):
        pass


def test_a_reused_pid_is_another_process(tmp_path) -> None:
    out = Location.parse(tmp_path)
    write(out, started="1")
    with WriterLock(out, "encodings", "second", force=False):
        pass


@pytest.mark.parametrize("here", [True, False])
def test_a_silent_writer_needs_force(tmp_path, here: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.1)
    out = Location.parse(tmp_path)
    write(out, beat=time.time() - 61, **({} if here else {"host": "elsewhere"}))
    with pytest.raises(TableError, match="if it is dead, run again with --force"):
        WriterLock(out, "encodings", "second", force=False).__enter__()
    with WriterLock(out, "encodings", "second", force=True):
        assert json.loads(heartbeat(out).read_bytes())["run_id"] == "second"


def test_a_writer_on_another_host_is_alive_by_its_beat(tmp_path) -> None:
    write(Location.parse(tmp_path), host="elsewhere", beat=time.time() - 30)
    with pytest.raises(TableError, match="on elsewhere"):
        WriterLock(Location.parse(tmp_path), "encodings", "second", force=True).__enter__()


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_is_wrong_decides_nothing(hours: int, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By force a silent writer's file is watched: one that beats lives, whatever the time in it."""
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.2)
    out, over = Location.parse(tmp_path), threading.Event()

    def beat() -> None:
        while not over.is_set():
            write(out, host="elsewhere", beat=time.time() + 3600 * hours)
            over.wait(0.1)

    beating = threading.Thread(target=beat)
    write(out, host="elsewhere", beat=time.time() + 3600 * hours)
    beating.start()
    try:
        with pytest.raises(TableError, match="if it is dead, run again with --force"):
            WriterLock(out, "encodings", "second", force=False).__enter__()
        with pytest.raises(TableError, match="is writing encodings"):
            WriterLock(out, "encodings", "second", force=True).__enter__()
    finally:
        over.set()
        beating.join()
    with WriterLock(out, "encodings", "second", force=True):
        assert json.loads(heartbeat(out).read_bytes())["run_id"] == "second"


def test_the_heart_beats_and_leaves_a_new_owner_alone(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.02)
    out = Location.parse(tmp_path)
    with WriterLock(out, "encodings", "first", force=False):
        first = json.loads(heartbeat(out).read_bytes())["beat"]
        wait_for(lambda: json.loads(heartbeat(out).read_bytes())["beat"] != first)
        # as if it had been silent for long, and not seen while it was watched
        monkeypatch.setattr(lock, "ALIVE_SECONDS", 0.0)
        monkeypatch.setattr(lock, "WATCHED_BEATS", 0.0)
        with WriterLock(out, "encodings", "second", force=True):
            wait_for(lambda: stays(out, "second"))
        # it ended and left nothing: the first one, which goes on, says so again
        wait_for(lambda: stays(out, "first"))


def test_a_late_beat_of_the_earlier_owner_does_not_stand(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks whose the file is, and then writes: a new owner may come between."""
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(lock, "ALIVE_SECONDS", 0.0)
    out = Location.parse(tmp_path)
    earlier = WriterLock(out, "encodings", "first", force=False)
    earlier._write()
    with WriterLock(out, "encodings", "second", force=True):
        earlier._write()
        wait_for(lambda: stays(out, "second"))


def stays(out: Location, run_id: str) -> bool:
    """Whether the table is a run's for ten beats."""
    found = set()
    for _ in range(20):
        time.sleep(0.01)
        found.add(json.loads(heartbeat(out).read_bytes())["run_id"] if heartbeat(out).exists() else "")
    return found == {run_id}


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_file_that_is_no_heartbeat_stops_nobody(tmp_path) -> None:
    out = Location.parse(tmp_path)
    heartbeat(out).write_bytes(b"{")
    with WriterLock(out, "encodings", "second", force=False):
        pass


def test_a_whole_output_is_not_held_beside_any_writer_nor_a_writer_beside_it(place: Location) -> None:
    """Of tables that do not exist yet neither."""
    with WriterLock(place, "interpretations-new", "first"):
        with pytest.raises(TableError, match=r"run first .* is writing interpretations-new"):
            OutputLock(place, "second", force=True).__enter__()
        # who was refused leaves nothing behind that would keep others out
        with WriterLock(place, "encodings", "third"):
            pass
    with OutputLock(place, "second"):
        for table in ("encodings", "interpretations-newer"):
            with pytest.raises(TableError, match=r"run second .* is writing everything"):
                WriterLock(place, table, "third", force=True).__enter__()
        with pytest.raises(TableError, match=r"run second .* is writing everything"):
            OutputLock(place, "third").__enter__()
    assert (place / "runs").names() == []
    with WriterLock(place, "encodings", "third"):
        pass


def test_a_whole_output_is_held_after_a_writer_that_was_killed(tmp_path) -> None:
    out = Location.parse(tmp_path)
    write(out, started="1")
    with OutputLock(out, "second"):
        pass
