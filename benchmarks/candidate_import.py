"""A release of full size into a bundle: seconds, memory, bytes; and once more after a kill.

    python benchmarks/candidate_import.py [--rows 1230676] [--folder FOLDER]

Draws a release in the official files' formats (invented, no weights), imports it in a process of its own,
then a second time in one that is killed when half of the files are written, and goes on with that. Both
bundles must have the same files. Memory is the kernel's count of the most that was resident (VmHWM): the
mapped embeddings, which it may drop at any time, are in it; beside it the process's own, sampled. What
--folder holds is kept, else all is removed. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from drawn_release import OFFICIAL_ROWS
from machine import heading
from processes import Measured, measure

from echoprime.bundle import open_bundle

DRAW = """
import sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from drawn_release import write_drawn_release
def job():
    write_drawn_release(Path(sys.argv[1]), int(sys.argv[2]))
"""
IMPORT = """
import sys
from echoprime.release import import_release
def job():
    return import_release(sys.argv[1], sys.argv[2], name="drawn").candidates_rows
"""
ROOT = Path(__file__).parents[1]


class OwnMemory:
    """The most anonymous memory that a process was seen with, in bytes."""

    def __init__(self) -> None:
        self.most = 0

    def __call__(self, pid: int) -> None:
        status = Path(f"/proc/{pid}/status").read_text()
        own = next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("RssAnon"))
        self.most = max(self.most, own)


def killed_at_half(release: Path, bundle: Path, files: int) -> float:
    """Seconds until an import was killed: when half of its pairs of files were there."""
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", f"{IMPORT}\njob()", release, bundle], cwd=ROOT) as process:
        while len(list(bundle.parent.glob(f".{bundle.name}.importing-*/candidates/studies-*"))) < files // 2:
            if process.poll() is not None:
                raise SystemExit("the import ended before it was killed")
            time.sleep(0.05)
        process.kill()
    return time.perf_counter() - started


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def show(name: str, found: Measured, own: OwnMemory | None, folder: Path) -> None:
    """Print one line of the table."""
    seen = f"{own.most / 2**30:.2f}" if own and own.most else ""
    print(
        f"| {name} | {found.seconds:.0f} | {found.processor:.0f} | {found.gigabytes} | {seen} "
        f"| {size(folder) / 1e9:.2f} |",
        flush=True,
    )


def main() -> None:
    """Draw, import, kill, go on, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=OFFICIAL_ROWS)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    print(heading(__doc__, ["numpy", "pyarrow", "torch"]))
    print(f"{asked.rows:,} candidates, 512 numbers, 21 labels and about 30 phrases each.\n")
    print("| | seconds | processor seconds | GiB resident, the most | of its own | GB on disk |")
    print("|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = (asked.folder or Path(scratch)).resolve()
        release, whole, second = folder / "release", folder / "bundle", folder / "second"
        if not release.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            drawn = measure(DRAW, str(release), str(asked.rows), str(Path(__file__).parent))
            show("the release drawn", drawn, None, release)
        own = OwnMemory()
        imported = measure(IMPORT, str(release), str(whole), watch=own)
        if imported.answer != asked.rows:
            raise SystemExit(f"{imported.answer} rows were imported")
        show("imported and verified", imported, own, whole)
        files = len(list((whole / "candidates").glob("studies-*")))
        spent = killed_at_half(release, second, files)
        own = OwnMemory()
        again = measure(IMPORT, str(release), str(second), watch=own)
        show(f"killed after {spent:.0f} s, the same command again", again, own, second)
        if open_bundle(whole).hash != open_bundle(second).hash:
            raise SystemExit("the bundle of a killed import has other files")


if __name__ == "__main__":
    main()
