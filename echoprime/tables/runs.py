"""What was run: one `run.json` a run, beside the tables that it wrote."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from echoprime.storage import JSON, Location
from echoprime.tables.stage_use import what_bounded

_NAMED = (
    "echoprime-pipeline",
    "ray",
    "torch",
    "torchvision",
    "numpy",
    "pyarrow",
    "deltalake",
    "pydicom",
    "imagecodecs",
    "opencv-python-headless",
    "av",
)


def new_run_id(now: datetime | None = None) -> str:
    """A name that sorts by time and is unique: date, time (UTC) and six random hexadecimal digits.

    Examples
    --------
    >>> new_run_id(datetime(2026, 11, 24, 8, 38, 42, tzinfo=UTC))[:15]
    '20261124-083842'
    """
    return f"{now or datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on; those that are installed."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _NAMED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run, as its `run.json` says it.

    Attributes
    ----------
    run_id
        See `new_run_id`.
    command
        "encode", "interpret", ...
    settings
        All settings that it ran with.
    versions
        See `versions`.
    started_at, finished_at
        ISO 8601, UTC; `finished_at` is None while it runs, and for ever if it was killed.
    exit_code
        0 done, 1 a crash, 2 a mistake of the user's, 3 incomplete, 130 interrupted; None as above.
    counts
        Studies and videos by outcome and reason.
    seconds
        Seconds by stage, summed over its actors.
    wall
        Wall clock by phase, seconds: start (until the work began), work (first row to last), finish.
    pools
        Actor pools by name: actors, cores and gpus that each asks for, the stages that they spend their
        seconds in, and in which shares of their time they were starved, held and blocked, see `stage_use`.
    clips_per_second
        Encoded clips a second of work; None where none were.
    cluster
        What Ray had: cores, gpus, nodes.
    bound
        Name of the stage that bounded the run, see `stage_use`; "" where none did, or it is not known.
    advice
        What bounded it and what to change, in one line.
    leakage
        How many studies had left-out candidates among their nearest, and how far those would have moved the
        values, in one line; "" = none had.
    """

    out: Location = field(compare=False)
    run_id: str
    command: str
    settings: Mapping[str, JSON]
    versions: Mapping[str, str]
    started_at: str
    finished_at: str | None = None
    exit_code: int | None = None
    counts: Mapping[str, JSON] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    wall: Mapping[str, float] = field(default_factory=dict)
    pools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clips_per_second: float | None = None
    cluster: Mapping[str, int] = field(default_factory=dict)
    bound: str = ""
    advice: str = ""
    leakage: str = ""

    @classmethod
    def start(
        cls, out: Location, command: str, settings: Mapping[str, JSON], *, run_id: str | None = None
    ) -> RunRecord:
        """Write the record of a run that begins now.

        Parameters
        ----------
        out
            Output location; the record is `out/runs/<run_id>/run.json`.
        command
            Name of the command.
        settings
            What it runs with.
        run_id
            A name that was drawn before, with `new_run_id`.
        """
        now = datetime.now(UTC)
        run = cls(
            out=out,
            run_id=run_id or new_run_id(now),
            command=command,
            settings=settings,
            versions=versions(),
            started_at=now.isoformat(timespec="milliseconds"),
        )
        run._write()
        return run

    @property
    def directory(self) -> Location:
        """Where the run's files lie: `run.json` and its plan."""
        return self.out / "runs" / self.run_id

    def finish(
        self,
        exit_code: int,
        counts: Mapping[str, JSON] | None = None,
        seconds: Mapping[str, float] | None = None,
        *,
        wall: Mapping[str, float] | None = None,
        pools: Mapping[str, Mapping[str, Any]] | None = None,
        clips_per_second: float | None = None,
        cluster: Mapping[str, int] | None = None,
        leakage: str = "",
    ) -> RunRecord:
        """Write how the run ended; returns the record as it is now."""
        seconds, wall, pools, cluster = seconds or {}, wall or {}, pools or {}, cluster or {}
        bounded = what_bounded(pools, seconds, wall, cluster, self.settings)
        done = replace(
            self,
            finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            exit_code=exit_code,
            counts=counts or {},
            seconds=seconds,
            wall=wall,
            pools=pools,
            clips_per_second=clips_per_second,
            cluster=cluster,
            bound=bounded.stage,
            advice=bounded.advice if pools else "",
            leakage=leakage,
        )
        done._write()
        return done

    def _write(self) -> None:
        fields = {name: value for name, value in asdict(self).items() if name != "out"}
        text = json.dumps(fields, indent=2, ensure_ascii=False, default=str)
        (self.directory / "run.json").write_bytes(text.encode())


def list_runs(out: Location) -> list[RunRecord]:
    """All runs of an output location, oldest first; folders without a readable `run.json` are passed over."""
    runs = []
    for name in (out / "runs").names():
        try:
            fields = json.loads((out / "runs" / name / "run.json").read_bytes())
            runs.append(RunRecord(out=out, **fields))
        except (OSError, ValueError, TypeError):
            continue
    return sorted(runs, key=lambda run: run.run_id)
