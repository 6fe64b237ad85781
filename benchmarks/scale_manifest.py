"""Manifest and plan of a million studies and fifty million videos: seconds, memory and disk of each step.

    python benchmarks/scale_manifest.py [--studies 1000000] [--videos 50] [--folder FOLDER]

No store here holds so many objects, so the listing is drawn: a generator (`drawn_listing.py`) stands where
the product asks S3 for pages (`list_objects`), and nothing is asked whether the bucket answers. Everything
after that is the product's: `write_manifest` by folders, in listing order, and by a CSV in no order;
`plan_studies` and `write_plan` as `encode` calls them; the same when half of the studies are in the table
(a Delta table of drawn rows with the real keys). Each step runs in a process of its own. Prints a Markdown
table.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from drawn_listing import accession, drawn_study, write_list
from machine import heading
from processes import Measured, measure

MEMORY_GB = 2
"""Peak memory that a step may take, at most."""

SAMPLED = 1_000
"""Studies whose keys are computed plainly."""

LIST = f"""
import functools, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
def job():
    from drawn_listing import drawn_objects
    from echoprime.archive import listing, write_manifest
    from echoprime.storage import Location
    manifest, studies, videos, *named = sys.argv[1:]
    listing.list_objects = lambda bucket, prefix: drawn_objects(prefix, int(studies), int(videos))
    reachable = Location.require_reachable
    Location.require_reachable = lambda self, *a, **k: reachable(self, *a, **k) if self.is_local else None
    started = time.perf_counter()
    summary = write_manifest(Location.parse("s3://drawn/echo"), Location.parse(manifest),
                             study_from=named[0] if named else "folder")
    return {{"wall": time.perf_counter() - started, "studies": summary.studies, "videos": summary.videos,
            "bytes": summary.bytes, "left_out": summary.left_out, "notes": summary.notes}}
"""

PLAN = """
import sys, time
def job():
    from echoprime.archive import KnownStudies, open_manifest, plan_studies, write_plan
    from echoprime.storage import Location
    from echoprime.tables import ENCODINGS, StudyTable
    manifest, folder, *table = sys.argv[1:]
    started = time.perf_counter()
    opened = open_manifest(Location.parse(manifest))
    done = KnownStudies(StudyTable.existing(Location.parse(table[0])).keys()) if table else frozenset()
    read = time.perf_counter() - started
    planning = plan_studies(opened, done=done)
    plan = write_plan(planning, Location.parse(folder), root=opened.root)
    counts = planning.counts
    return {"wall": time.perf_counter() - started, "keys": read, "chunks": plan.chunks,
            "studies": plan.studies, "videos": plan.videos, "new": counts.new, "done": counts.done,
            "changed": counts.changed, "vanished": counts.vanished}
"""

READ = """
import sys, time
def job():
    from echoprime.archive import open_plan, read_chunk
    from echoprime.storage import Location
    started = time.perf_counter()
    plan = open_plan(Location.parse(sys.argv[1]))
    first = read_chunk(plan.location, 0)
    opened = time.perf_counter() - started
    most = first.num_rows
    for index in range(0, plan.chunks, max(1, plan.chunks // 100)):
        most = max(most, read_chunk(plan.location, index).num_rows)
    return {"open": opened, "most": most}
"""

HALF = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
def job():
    import pyarrow as pa, pyarrow.parquet as pq
    from population import repeated, whole
    from echoprime.storage import Location
    from echoprime.tables import ENCODINGS, StudyTable
    plan, folder = sys.argv[1:]
    table = StudyTable.open(Location.parse(folder), ENCODINGS, identity={{"encoding_id": "drawn"}})
    def append(parts):
        keys = pa.Table.from_batches(parts)
        columns = {{name: keys[name].combine_chunks() for name in keys.column_names}}
        columns |= {{"status": repeated("complete", len(keys)), "study_kind": repeated("unknown", len(keys))}}
        table.append(whole(ENCODINGS, columns, len(keys)))
    parts, studies = [], 0
    for batch in pq.ParquetFile(plan).iter_batches(columns=["study_id", "study_key", "part"]):
        first = [row for row, part in enumerate(batch["part"].to_pylist()) if part == 0]
        every_second = first[studies % 2 :: 2]
        studies += len(first)
        parts.append(batch.select(["study_id", "study_key"]).take(pa.array(every_second, pa.int64())))
        if sum(map(len, parts)) >= 10_000:
            append(parts)
            parts = []
    if parts:
        append(parts)
    return table.keys().num_rows
"""


class Disk:
    """Most bytes that a folder held."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = _held(folder)
        self.most = 0

    def __call__(self, pid: int) -> None:
        """Look; what was there before does not count."""
        self.most = max(self.most, _held(self._folder) - self._before)


def _held(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * 512 if path.is_file() else 0
        except OSError:  # gone meanwhile
            continue
    return total


def plain_key(study_id: str, videos: list[tuple[str, int, str]]) -> str:
    """A study's key, by the README's words alone: BLAKE2b-128 of JSON with sorted keys and no spaces."""
    text = json.dumps({"study_id": study_id, "videos": sorted(videos)}, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def require_sound(plan: Path, names: dict[str, int], videos: int, expected: int) -> int:
    """Every study is in the plan once, its parts one after another; sampled keys are as computed plainly.

    Parameters
    ----------
    names
        Sampled study_id -> number of the study.
    expected
        Studies.

    Returns
    -------
    int
        Sampled keys that were compared.
    """
    last, studies, compared = "", 0, 0
    seen_parts = 0
    for batch in pq.ParquetFile(plan).iter_batches(columns=["study_id", "study_key", "part", "parts"]):
        ids, keys, part, parts = (batch[name].to_pylist() for name in batch.schema.names)
        for study, key, number, of in zip(ids, keys, part, parts, strict=True):
            if study != last:
                assert study > last, "a study stands twice, or the plan is not in order"
                assert number == 0, "a study begins in its middle"
                studies += 1
                seen_parts = 0
                if study in names:
                    assert key == plain_key(study, drawn_study(names[study], videos)), study
                    compared += 1
            assert number == seen_parts < of, "parts of a study are not together"
            seen_parts += 1
            last = study
    assert studies == expected, (studies, expected)
    return compared


def sample(studies: int) -> list[int]:
    """The first, the last, and others between."""
    chosen = random.Random(0).sample(range(studies), min(SAMPLED, studies))
    return sorted({0, studies - 1, *chosen})


class Steps:
    """Runs the steps in a folder, prints a row for each, checks what they made.

    Parameters
    ----------
    folder
        Where everything lies meanwhile.
    studies, videos
        Studies, and videos of each.
    """

    def __init__(self, folder: Path, studies: int, videos: int) -> None:
        self._folder = folder
        self._studies, self._videos = studies, videos
        self._size = (str(studies), str(videos))
        self._sampled = sample(studies)
        self.peaks: list[int] = []
        self.said: list[str] = []

    def sorted_listing(self) -> None:
        """Folders are studies, and come in order: manifest, plan, and plan when half is done."""
        listed, whole, half = (self._folder / name for name in ("listed.parquet", "all", "half"))
        table = self._folder / "table"
        names = {f"{number // 1000:04d}/{number:07d}": number for number in self._sampled}
        self._manifest("manifest of a sorted listing", listed)
        self._plan("its plan, nothing done", listed, whole, names)
        in_table = measure(HALF, str(whole / "plan.parquet"), str(table)).answer
        assert in_table == (self._studies + 1) // 2, in_table
        shutil.rmtree(whole)
        found = self._step("its plan, half done", PLAN, str(listed), str(half), str(table)).answer
        assert found["new"] == found["studies"] == self._studies - in_table, found
        assert (found["done"], found["changed"], found["vanished"]) == (in_table, 0, 0), found
        require_sound(half / "plan.parquet", names, self._videos, found["studies"])
        self.said.append(f"Half done: the table's keys read and sorted in {found['keys']:.1f} s.")
        for gone in (half, table):
            shutil.rmtree(gone)
        listed.unlink()

    def unordered_list(self) -> None:
        """A CSV in no order names other studies: manifest, plan."""
        csv, joined, whole = (self._folder / name for name in ("list.csv", "joined.parquet", "all"))
        names = {accession(number): number for number in self._sampled}
        write_list(csv, self._studies, self._videos)
        self._manifest("manifest by a CSV in no order", joined, str(csv))
        self.said.append(f"CSV {csv.stat().st_size / 1e9:.2f} GB.")
        csv.unlink()
        self._plan("its plan, nothing done", joined, whole, names)
        shutil.rmtree(whole)
        joined.unlink()

    def _manifest(self, name: str, file: Path, *named: str) -> None:
        found = self._step(name, LIST, str(file), *self._size, *named).answer
        expected = (self._studies, self._studies * self._videos)
        assert (found["studies"], found["videos"]) == expected, found
        assert found["left_out"] == found["notes"] == {}, found
        self.said.append(f"{name}: {file.stat().st_size / 1e9:.2f} GB.")

    def _plan(self, name: str, manifest: Path, folder: Path, names: dict[str, int]) -> None:
        found = self._step(name, PLAN, str(manifest), str(folder)).answer
        expected = (self._studies, self._studies * self._videos)
        assert (found["studies"], found["videos"]) == expected, found
        file = folder / "plan.parquet"
        compared = require_sound(file, names, self._videos, self._studies)
        assert compared == len(self._sampled), compared
        chunk = measure(READ, str(file)).answer
        self.said.append(
            f"Its plan: {file.stat().st_size / 1e9:.2f} GB, {found['chunks']:,} chunks, of 100 looked at the "
            f"largest {chunk['most']} rows, footer {pq.read_metadata(file).serialized_size / 2**20:.1f} MB, "
            f"first chunk after {chunk['open']:.2f} s. {compared:,} keys equal those computed plainly."
        )

    def _step(self, name: str, source: str, *arguments: str) -> Measured:
        disk, load = Disk(self._folder), os.getloadavg()[0]
        found = measure(source, *arguments, watch=disk)
        disk(0)
        self.peaks.append(found.peak)
        print(
            f"| {name} | {found.answer['wall']:,.0f} | {found.processor:,.0f} | {found.gigabytes} "
            f"| {disk.most / 1e9:.1f} | {load:.0f} to {os.getloadavg()[0]:.0f} |",
            flush=True,
        )
        return found


def report(folder: Path, studies: int, videos: int, only: str | None) -> None:
    """All steps, or those of one source."""
    os.environ["TMPDIR"] = str(folder)  # the product's own scratch files are counted too
    print(heading(__doc__, ["duckdb", "pyarrow", "deltalake"]))
    print(f"{studies:,} studies, {studies * videos:,} videos.\n")
    print("| step | seconds | processor seconds | peak memory, GiB | disk at most, GB | load |")
    print("|---|---:|---:|---:|---:|---|", flush=True)
    steps = Steps(folder, studies, videos)
    if only in (None, "listing"):
        steps.sorted_listing()
    if only in (None, "csv"):
        steps.unordered_list()
    print("\n" + "\n".join(steps.said))
    print(f"Most memory {max(steps.peaks) / 2**30:.2f} GiB; asked for: {MEMORY_GB} GB.")


def main() -> None:
    """Read the arguments, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=1_000_000)
    parser.add_argument("--videos", type=int, default=50, help="of each study")
    parser.add_argument("--folder", type=Path, help="where its files lie meanwhile (25 GB at full size)")
    parser.add_argument("--only", choices=("listing", "csv"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        report(Path(folder), asked.studies, asked.videos, asked.only)


if __name__ == "__main__":
    main()
