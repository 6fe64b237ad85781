"""Clocks that are wrong by hours, on this machine or another: who lives is not told by a clock."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from echoprime.errors import TableError
from echoprime.storage import Location
from echoprime.tables import WriterLock
from tests.s3_server import S3Server

pytestmark = pytest.mark.slow

LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
NAMESPACES = ["unshare", "--map-root-user", "--uts"]

needs_faketime = pytest.mark.skipif(
    LIBRARY is None or shutil.which("unshare") is None,
    reason="needs Debian's libfaketime (apt-get install libfaketime) and unshare",
)


def skewed(hours: int) -> dict[str, str]:
    """Environment of a process whose clock is wrong by so many hours; its stopwatches are right."""
    return {
        **os.environ,
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME": f"{hours:+d}h",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "TZ": "Asia/Kathmandu",
    }


@needs_faketime
@pytest.mark.parametrize("hours", [-5, 5])
def test_a_writer_on_a_machine_with_another_clock(hours: int, tmp_path: Path) -> None:
    """Not taken for dead while it lives, by force neither; and taken over once it is dead."""
    out = Location.parse(tmp_path)
    code = (
        # libfaketime 0.9.10 breaks the sleep of Python 3.11 (EINVAL), not its waits
        "import sys, threading, time; time.sleep = lambda seconds: threading.Event().wait(seconds)\n"
        "from echoprime.storage import Location; from echoprime.tables import WriterLock\n"
        "with WriterLock(Location.parse(sys.argv[1]), 'encodings', 'first', False):\n"
        "    print('in', flush=True); time.sleep(600)"
    )
    words = [*NAMESPACES, "sh", "-c", 'hostname other-machine && exec "$@"', "sh", sys.executable, "-c", code]
    writer = subprocess.Popen([*words, str(out)], stdout=subprocess.PIPE, env=skewed(hours))
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"in\n"
        beat = json.loads((out / "runs/writing-encodings.json").read_bytes())
        assert abs(beat["beat"] - time.time() - 3600 * hours) < 120, "its clock is not wrong"
        assert beat["host"].startswith("other-machine")
        with pytest.raises(TableError, match="if it is dead, run again with --force"):
            WriterLock(out, "encodings", "second", force=False).__enter__()
        with pytest.raises(TableError, match=r"on other-machine\) is writing encodings \(its clock and this"):
            WriterLock(out, "encodings", "second", force=True).__enter__()
    finally:
        writer.kill()
        writer.wait()
    with pytest.raises(TableError, match="if it is dead, run again with --force"):
        WriterLock(out, "encodings", "second", force=False).__enter__()
    with WriterLock(out, "encodings", "second", force=True):
        pass


@needs_faketime
@pytest.mark.s3
def test_a_clock_that_the_store_refuses(s3_server: S3Server) -> None:
    """Signed requests carry the time: the store's answer is told as what it is."""
    words = [sys.executable, "-m", "pipelines", "status", f"s3://{s3_server.make_bucket()}/out"]
    done = subprocess.run(words, env=skewed(-5), capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "this machine's clock" in done.stderr
    assert done.stderr.count("\n") == 1
