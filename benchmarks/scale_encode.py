"""Many small studies through the whole encode job: what it costs beside its work, and what grows.

    python benchmarks/scale_encode.py [--studies 50000] [--keep FOLDER]

Real Ray, real Delta table in a folder, networks of two blocks. Studies have one loop of 6 frames, 96 x 128
(every tenth study two, every hundredth a damaged file beside it): links to a few dozen drawn files. The job
runs in a process of its own; every five seconds its processes are looked at. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from machine import heading
from processes import Measured, ProcessSamples, measure

from tests.tiny import small_loop, write_tiny_bundle

LOOPS = 48
MILLION = 1_000_000

ENCODE = """
import sys, time
def job():
    from pipelines.encode import encode
    from pipelines.settings import EncodeSettings
    manifest, bundle, output = sys.argv[1:]
    started = time.perf_counter()
    result = encode(EncodeSettings(manifest=manifest, bundle=bundle, output=output, progress=False))
    return {"wall": time.perf_counter() - started, "phases": result.wall, "seconds": result.seconds,
            "studies": result.studies, "nothing": result.nothing_to_do,
            "videos": {":".join(outcome): videos for outcome, videos in result.outcomes.items()}}
"""

LIST = """
import sys, time
def job():
    from echoprime.archive import write_manifest
    from echoprime.storage import Location
    archive, manifest = sys.argv[1:]
    started = time.perf_counter()
    summary = write_manifest(Location.parse(archive), Location.parse(manifest))
    return {"wall": time.perf_counter() - started, "studies": summary.studies, "videos": summary.videos}
"""

OPEN = """
import sys, time
def job():
    from echoprime.storage import Location
    from echoprime.tables import StudyTable
    started = time.perf_counter()
    table = StudyTable.existing(Location.parse(sys.argv[1]))
    opened = time.perf_counter() - started
    files = table.file_count
    started = time.perf_counter()
    keys = table.keys()
    return {"open": opened, "keys": time.perf_counter() - started, "rows": keys.num_rows, "files": files,
            "versions": table.versions, "studies": len(set(keys["study_id"].to_pylist()))}
"""

COMPACT = """
import sys, time
def job():
    from pipelines.compact import compact_tables
    from pipelines.settings import OutputSettings
    started = time.perf_counter()
    compact_tables(OutputSettings(output=sys.argv[1]))
    return {"wall": time.perf_counter() - started}
"""

STATUS = """
import sys, time
def job():
    from pipelines.settings import OutputSettings
    from pipelines.status import show_status
    started = time.perf_counter()
    show_status(OutputSettings(output=sys.argv[1]))
    return {"wall": time.perf_counter() - started}
"""


def draw(archive: Path, loops: Path, studies: int) -> None:
    """Folders of links; a file system allows some 65,000 links to a file, so each is copied now and then."""
    loops.mkdir(parents=True)
    drawn = [small_loop(seed) for seed in range(LOOPS)]
    damaged = drawn[0][: len(drawn[0]) // 2]
    for study in range(studies):
        folder = archive / f"{study // 1000:04d}" / f"{study:07d}"
        folder.mkdir(parents=True)
        names = ["1.dcm", "2.dcm"] if study % 10 == 0 else ["1.dcm"]
        for number, name in enumerate(names):
            os.link(_kept(loops, drawn, study, (study + 7 * number) % LOOPS), folder / name)
        if study % 100 == 0:
            (folder / "damaged.dcm").write_bytes(damaged)


def _kept(loops: Path, drawn: list[bytes], study: int, number: int) -> Path:
    file = loops / f"{study // 100_000:03d}-{number:02d}.dcm"
    if not file.exists():
        file.write_bytes(drawn[number])
    return file


def log_bytes(table: Path) -> tuple[int, int]:
    """Bytes of a table's log, and its checkpoints."""
    files = list((table / "_delta_log").iterdir())
    return sum(file.stat().st_size for file in files), sum(".checkpoint." in file.name for file in files)


def committed(output: Path) -> int:
    """Studies in the table, as the run's log says."""
    for log in sorted((output / "runs").glob("*/log.jsonl"), reverse=True):
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            for line in reversed(file.read().decode().splitlines()):
                if '"event": "commit"' in line:
                    return int(json.loads(line)["committed"])
    return 0


def commit_seconds(output: Path) -> list[float]:
    """Seconds of each commit, in order."""
    log = next((output / "runs").glob("*/log.jsonl"))
    lines = (json.loads(line) for line in log.read_text().splitlines())
    return [line["seconds"] for line in lines if line["event"] == "commit"]


def mean(values: list[float]) -> float:
    """Mean of a few numbers."""
    return sum(values) / len(values)


def print_growth(samples: ProcessSamples, studies: int) -> None:
    """Memory and processor time of each kind of process."""
    print(
        "| process | memory at a fifth, MB | at the end, MB | MB per 1,000 studies | MB at 1,000,000 | "
        "processor seconds per 1,000 studies |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    early = next(place for place, done in enumerate(samples.progress) if done >= 0.2 * samples.progress[-1])
    for kind, spent in sorted(samples.processor.items(), key=lambda each: -each[1]):
        memory = samples.memory[kind]
        late = max((place for place, amount in enumerate(memory) if amount), default=0)
        if late <= early + 2 or spent < 1:
            continue  # of the start alone
        slope = samples.slope(kind) * 1000 / 2**20
        at_million = memory[early] / 2**20 + slope * MILLION / 1000
        print(f"| {kind} | {memory[early] / 2**20:.0f} | {memory[late] / 2**20:.0f} | {slope:.2f} | "
              f"{at_million:,.0f} | {1000 * spent / studies:.2f} |")  # fmt: skip


def print_encode(run: Measured, output: Path) -> None:
    """Seconds of the job by phase and stage."""
    found = run.answer
    thousands = found["studies"] / 1000
    print("| encode | seconds | per 1,000 studies |\n|---|---:|---:|")
    for phase, seconds in {"whole process": run.seconds, **found["phases"]}.items():
        print(f"| {phase}, wall clock | {seconds:.1f} | {seconds / thousands:.2f} |")
    for stage, seconds in found["seconds"].items():
        if stage != "start":
            print(f"| {stage}, summed over its actors | {seconds:.1f} | {seconds / thousands:.2f} |")
    commits = commit_seconds(output)
    tenth = max(1, len(commits) // 10)
    print(f"\n{len(commits)} commits: the first tenth took {mean(commits[:tenth]):.3f} s each, the last "
          f"{mean(commits[-tenth:]):.3f} s. Peak memory of the driver {run.gigabytes} GiB.\n")  # fmt: skip


def print_table(rows: dict[str, tuple[Measured, Measured, int, int]]) -> None:
    """What the table costs whoever opens it, before and after compaction."""
    print(
        "| table | files | versions | log, MB | checkpoints | open, s | keys of all rows, s | "
        "nothing to do, s | whole process, s | peak, GiB |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, (opened, again, size, checkpoints) in rows.items():
        facts = opened.answer
        cells = [name, facts["files"], facts["versions"], f"{size / 2**20:.1f}", checkpoints]
        cells += [f"{facts['open']:.2f}", f"{facts['keys']:.2f}", f"{again.answer['wall']:.1f}"]
        print(f"| {' | '.join(map(str, cells))} | {again.seconds:.1f} | {again.gigabytes} |")


def looked_at(place: Path, studies: int) -> tuple[Measured, Measured, int, int]:
    """Open the table and encode again, with nothing left to do."""
    output = place / "out"
    opened = measure(OPEN, str(output / "encodings"))
    assert opened.answer["rows"] == opened.answer["studies"] == studies, opened.answer
    again = measure(ENCODE, str(place / "manifest.parquet"), str(place / "bundle"), str(output))
    assert again.answer["nothing"], again.answer
    return opened, again, *log_bytes(output / "encodings")


def report(place: Path, studies: int) -> None:
    """Draw, encode, open, compact, and say what it took."""
    output = place / "out"
    draw(place / "archive", place / "loops", studies)
    write_tiny_bundle(place / "bundle")
    listed = measure(LIST, str(place / "archive"), str(place / "manifest.parquet"))
    samples = ProcessSamples(lambda: committed(output))
    arguments = (str(place / "manifest.parquet"), str(place / "bundle"), str(output))
    load = os.getloadavg()[0]
    run = measure(ENCODE, *arguments, watch=samples.take)
    (place / "samples.json").write_text(
        json.dumps(
            {
                "run": run.answer,
                "seconds": samples.seconds,
                "progress": samples.progress,
                "memory": samples.memory,
                "processor": samples.processor,
            }
        )
    )
    loads = f"load {load:.1f} before, {os.getloadavg()[0]:.1f} at the end"
    expected = {"encoded:": studies + -(-studies // 10), "failed": -(-studies // 100)}
    failed = sum(videos for outcome, videos in run.answer["videos"].items() if outcome.startswith("failed"))
    assert (run.answer["videos"]["encoded:"], failed) == tuple(expected.values()), run.answer["videos"]
    rows = {"as the run left it": looked_at(place, studies)}
    compacted = measure(COMPACT, str(output))
    rows["compacted"] = looked_at(place, studies)
    status = measure(STATUS, str(output))

    print(heading(__doc__, ["ray", "deltalake", "pyarrow", "torch"]))
    print(f"{studies:,} studies, {listed.answer['videos']:,} videos; {loads}. Listed in "
          f"{listed.answer['wall']:.1f} s.\n")  # fmt: skip
    print_encode(run, output)
    print_growth(samples, studies)
    print()
    print_table(rows)
    print(f"\nCompaction {compacted.answer['wall']:.1f} s, {compacted.gigabytes} GiB. "
          f"`status` {status.answer['wall']:.1f} s, {status.gigabytes} GiB.")  # fmt: skip


def main() -> None:
    """Read the arguments, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=50_000)
    parser.add_argument("--keep", type=Path, help="folder for archive, table and samples; must not exist")
    asked = parser.parse_args()
    if asked.keep is not None:
        asked.keep.mkdir(parents=True)
        report(asked.keep, asked.studies)
        return
    with tempfile.TemporaryDirectory() as scratch:
        report(Path(scratch), asked.studies)


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"\nThe whole script took {time.perf_counter() - started:,.0f} s.")
