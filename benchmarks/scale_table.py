"""A table of a million studies, committed as the encode job commits: what grows, and what reading costs.

    python benchmarks/scale_table.py [--studies 1000000] [--videos 10] [--commit 256] [--folder FOLDER]

Rows are drawn, with the keys of a drawn archive's studies and no embeddings, so that only what grows with
studies and commits is measured. They go through `Committer`, which compacts every 2,000 commits. Then, each
in a process of its own: opening, keys, `encode` with nothing left to do, `status`, `failures`, before and
after `echoprime compact`. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from machine import heading
from processes import Measured, measure
from scale_encode import COMPACT, ENCODE, OPEN, STATUS, log_bytes
from scale_manifest import LIST

from tests.tiny import write_tiny_bundle

NOTHING_SECONDS = 30
"""What the issue asks for."""

COMMITS = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
def job():
    import json
    from pathlib import Path
    import numpy as np, pyarrow as pa
    from population import encoded_rows
    from echoprime.archive import open_manifest, plan_studies
    from echoprime.bundle import open_bundle
    from echoprime.storage import Location
    from echoprime.tables import ENCODINGS, RunRecord, StudyTable
    from pipelines.committing import Committer
    from pipelines.encode import encoding_identity
    from pipelines.settings import EncodeSettings
    manifest, bundle, output, size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    settings = EncodeSettings(manifest=manifest, bundle=bundle, output=output)
    identity = encoding_identity(open_bundle(bundle), settings)
    table = StudyTable.open(Location.parse(output) / "encodings", ENCODINGS, identity=identity)
    run = RunRecord.start(Location.parse(output), "encode", {{"manifest": manifest}})
    rng, found = np.random.default_rng(0), []
    log = Path(output) / "encodings" / "_delta_log"
    def memory():
        lines = open("/proc/self/status").read().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))
    def say(studies, seconds):
        number = committer.commits
        if number % 100 == 0:
            held = sum(file.stat().st_size for file in log.iterdir())
            found.append((number, held, memory()))
        times.append(seconds)
    times = []
    committer = Committer(table, studies=size, seconds=1e9, on_commit=say)
    held = []
    def add():
        keys = pa.array([study.study_id for study in held])
        rows = encoded_rows(rng, keys, np.array([len(study.videos) for study in held]))
        said = {{"study_key": [study.study_key for study in held], "run_id": [run.run_id] * len(held)}}
        for name, values in said.items():
            rows = rows.set_column(rows.schema.get_field_index(name), name, pa.array(values))
        committer.add(rows)
        held.clear()
    for study in plan_studies(open_manifest(Location.parse(manifest)), videos_per_part=10**6):
        held.append(study)
        if len(held) == size:
            add()
    if held:
        add()
    committer.flush()
    run.finish(0, {{"studies": committer.committed}})
    return {{"times": times, "found": found, "studies": committer.committed}}
"""

FAILURES = """
import contextlib, sys, time
def job():
    from pipelines.settings import FailuresSettings
    from pipelines.status import show_failures
    started = time.perf_counter()
    show_failures(FailuresSettings(output=sys.argv[1], csv=True))
    sys.stdout.flush()
    return {"wall": time.perf_counter() - started}
"""


def print_commits(run: Measured, commit: int) -> None:
    """Seconds of commits, size of the log and the writer's memory along the way."""
    times, found = run.answer["times"], run.answer["found"]
    print("| commits | studies | median commit, s | slowest, s | log, MB | writer's memory, MB |")
    print("|---:|---:|---:|---:|---:|---:|")
    before = 0
    for number, log, memory in found[:: max(1, len(found) // 10)] + found[-1:]:
        part = sorted(times[before:number])
        if part:
            print(
                f"| {number:,} | {number * commit:,} | {part[len(part) // 2]:.3f} | {part[-1]:.1f} "
                f"| {log / 2**20:.1f} | {memory / 2**20:.0f} |"
            )
        before = number


def print_reading(place: Path, studies: int) -> None:
    """What it costs to open and read the table, before and after compaction."""
    output = place / "out"
    print("\n| table | step | seconds | processor seconds | peak memory, GiB |\n|---|---|---:|---:|---:|")
    for state in ("as left", "compacted"):
        if state == "compacted":
            print_step(state, "compact", measure(COMPACT, str(output)))
        opened = measure(OPEN, str(output / "encodings"))
        facts, (size, checkpoints) = opened.answer, log_bytes(output / "encodings")
        assert facts["rows"] == facts["studies"] == studies, facts
        print(
            f"| {state} | open: {facts['files']:,} files, {facts['versions']:,} versions, log "
            f"{size / 2**20:.1f} MB with {checkpoints} checkpoints | {facts['open']:.2f} | | |"
        )
        print(f"| {state} | keys of all rows | {facts['keys']:.2f} | | {opened.gigabytes} |")
        arguments = (str(place / "manifest.parquet"), str(place / "bundle"), str(output))
        again = measure(ENCODE, *arguments)
        assert again.answer["nothing"], again.answer
        print_step(state, f"encode, nothing to do (asked for at 50,000: {NOTHING_SECONDS} s)", again)
        print_step(state, "status", measure(STATUS, str(output)))
        print_step(state, "failures --csv", measure(FAILURES, str(output)))


def print_step(state: str, name: str, found: Measured) -> None:
    """One row."""
    print(
        f"| {state} | {name} | {found.answer['wall']:.1f} | {found.processor:.1f} | {found.gigabytes} |",
        flush=True,
    )


def report(place: Path, studies: int, videos: int, commit: int) -> None:
    """Draw, commit, read."""
    write_tiny_bundle(place / "bundle")
    measure(LIST, str(place / "manifest.parquet"), str(studies), str(videos))
    arguments = (str(place / "manifest.parquet"), str(place / "bundle"), str(place / "out"), str(commit))
    run = measure(COMMITS, *arguments)
    assert run.answer["studies"] == studies
    print(heading(__doc__, ["deltalake", "pyarrow"]))
    print(f"{studies:,} studies of {videos} videos, {len(run.answer['times']):,} commits.\n")
    print_commits(run, commit)
    print_reading(place, studies)


def main() -> None:
    """Read the arguments, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=1_000_000)
    parser.add_argument("--videos", type=int, default=10, help="of each study")
    parser.add_argument("--commit", type=int, default=256, help="studies of a commit")
    parser.add_argument("--folder", type=Path, help="where its files lie meanwhile")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        report(Path(folder), asked.studies, asked.videos, asked.commit)


if __name__ == "__main__":
    main()
