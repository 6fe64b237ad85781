"""What `echoprime plan` says of an encode run, against what the run then takes.

    .venv/bin/python benchmarks/forecast.py [--studies N] [--rounds N] [--seconds S] [--bundle DIR]

An archive of drawn loops, seeded and untrained networks of full size. Each round plans into an empty output,
runs the same settings there, and compares the run's own record with the range that was said. Both are
commands of their own. From the second round on the plan takes the seconds of the start from the runs before.
With 48 studies of four loops a run takes some four minutes on two quiet cores.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from encode_job import LOOPS_PER_STUDY, draw
from machine import heading

from echoprime.archive import write_manifest
from echoprime.demonstration import write_demonstration_bundle
from echoprime.storage import Location
from echoprime.tables import list_runs

CHECKOUT = Path(__file__).parents[1]


def command(*words: str | Path) -> str:
    """Standard output of an echoprime command.

    Ray's workers have a lower priority than what started them. Here they have not: beside other work they
    would be slower than the plan's trial.
    """
    return subprocess.run(
        [sys.executable, "-m", "pipelines", *map(str, words)],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "RAY_worker_niceness": "0"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def run_seconds(output: Path) -> tuple[float, float]:
    """Of the output's only run, by its record: the whole, and the work from first row to last."""
    (run,) = list_runs(Location.parse(str(output)))
    whole = datetime.fromisoformat(run.finished_at or "") - datetime.fromisoformat(run.started_at)
    return whole.total_seconds(), run.wall["work"]


def one_round(
    settings: list[str | Path], output: Path, earlier: list[Path], seconds: float
) -> dict[str, Any]:
    """Plan, run, and what came of both; records of earlier runs lie in the output before it is planned."""
    for number, place in enumerate(earlier):
        shutil.copytree(place / "runs", output / "runs", dirs_exist_ok=bool(number))
    said = json.loads(command("plan", *settings, "--output", output, "--seconds", f"{seconds:g}", "--json"))
    shutil.rmtree(output, ignore_errors=True)
    load = os.getloadavg()[0]
    command("encode", *settings, "--output", output, "--no-progress")
    whole, work = run_seconds(output)
    forecast = said["forecast"]
    return {
        "load": (load, os.getloadavg()[0]),
        "whole": whole,
        "work": work,
        "said_whole": [3600 * number for number in forecast["hours"].values()],
        "said_work": [3600 * number for number in forecast["work_hours"].values()],
        "bound": forecast["bound"],
        "rates": said["rates"],
    }


def verdict(real: float, said: list[float]) -> str:
    """Whether a time was within its range."""
    _, low, high = said
    if low <= real <= high:
        return "within"
    return f"{real / high:.2f} times the most" if real > high else f"{real / low:.2f} times the least"


def main() -> None:
    """Draw, plan and run in turn, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--bundle", type=Path, help="with weights of your own; default: the demonstration's")
    asked = parser.parse_args()
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        bundle, manifest = asked.bundle or place / "bundle", place / "manifest.parquet"
        if asked.bundle is None:
            write_demonstration_bundle(bundle)
        draw(place / "archive", asked.studies)
        write_manifest(Location.parse(str(place / "archive")), Location.parse(str(manifest)))
        settings: list[str | Path] = ["--manifest", manifest, "--bundle", bundle]
        outputs: list[Path] = []
        for number in range(asked.rounds):
            output = place / f"out-{number}"
            found.append(one_round(settings, output, outputs, asked.seconds))
            outputs.append(output)
            print(f"round {number + 1}: {found[-1]}", file=sys.stderr)
    print(heading(__doc__, ["ray", "torch", "torchvision"]))
    print(f"{asked.studies} studies of {LOOPS_PER_STUDY} drawn loops, float32; ", end="")
    print(f"a trial of {asked.seconds:.0f} s.\n")
    print("| round | what | said, s | from | to | taken, s | | load average |")
    print("|---|---|---|---|---|---|---|---|")
    for number, each in enumerate(found):
        for what in ("work", "whole"):
            said = each[f"said_{what}"]
            numbers = " | ".join(f"{seconds:.0f}" for seconds in (*said, each[what]))
            loads = " to ".join(f"{load:.0f}" for load in each["load"])
            print(f"| {number + 1} | {what} | {numbers} | {verdict(each[what], said)} | {loads} |")
    beside = [each["whole"] - each["work"] for each in found]
    print(f"\nBeside their work the runs took {', '.join(f'{seconds:.0f}' for seconds in beside)} seconds.")
    rates = found[-1]["rates"]
    for name, value in rates.items():
        if isinstance(value, dict):
            value, low, high = ("unknown" if each is None else f"{each:.4g}" for each in value.values())
            value = f"{value} ({low} to {high})"
        if value is not None:
            print(f"- {name}: {value}")


if __name__ == "__main__":
    main()
