"""What a job would do and take, before anything runs: counted, and tried on a sample. Writes nothing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

from echoprime.archive import Manifest, open_manifest, write_manifest
from echoprime.bundle import open_bundle
from echoprime.errors import SettingError
from echoprime.storage import Location
from pipelines.checks import require_positive, require_precision
from pipelines.encode import check_encoding, encoding_identity, reading_limits
from pipelines.exit_codes import DONE
from pipelines.forecasting.forecast import Forecast, Range, cost, forecast, plain
from pipelines.forecasting.shown import show_counts, show_forecast
from pipelines.forecasting.to_do import ToDo, to_do
from pipelines.forecasting.trial import try_sample
from pipelines.manifest import require_study_from
from pipelines.pools import encode_pools
from pipelines.ray_session import ClusterSize
from pipelines.settings import EncodeSettings, PlanSettings


def plan(settings: PlanSettings) -> int:
    """Say what the job would do and take; return the exit code.

    Raises
    ------
    UserError
        What the job itself would refuse, or a setting of the trial.
    """
    # 1. Everything that the job would refuse, and the trial's own settings.
    bundle = open_bundle(settings.bundle)
    job = _encode_settings(settings)
    check_encoding(job, bundle)
    require_precision(job)
    require_positive(
        sample=settings.sample,
        seconds=settings.seconds,
        cores=settings.cores,
        gpus=settings.gpus,
        price_per_hour=settings.price_per_hour,
    )
    output = Location.parse(settings.output)
    output.require_reachable("--output", SettingError)
    if output.exists() and not output.is_dir():
        raise SettingError(f"--output {output}: is a file; give a folder or s3:// prefix")
    cluster = _cluster(settings)
    pools = encode_pools(job, cluster)
    with _manifest(settings) as manifest:
        # 2. What is left to do, and a sample of it.
        todo = to_do(job, manifest, encoding_identity(bundle, job), settings.sample, settings.seed)
        # 3. The sample through the job's own stages, and from that the whole.
        found: Forecast | None = None
        if todo.sample:
            trial = try_sample(
                todo.sample,
                manifest.root,
                bundle,
                device=pools.device,
                precision=job.precision,
                mode=job.mode,
                limits=reading_limits(job),
                seconds=settings.seconds,
            )
            found = forecast(
                trial, videos=todo.videos, studies=todo.studies, pools=pools, cores=cluster.cores
            )
    price = settings.price_per_hour
    costs = cost(found.hours, price) if found is not None and price is not None else None
    if settings.json:
        _write_json(todo, found, costs, cluster)
    else:
        show_counts(todo)
        if found is not None:
            show_forecast(found, todo, cluster, costs)
    return DONE


def _encode_settings(settings: PlanSettings) -> EncodeSettings:
    shared = {field.name for field in fields(EncodeSettings)} & {field.name for field in fields(settings)}
    values = {name: getattr(settings, name) for name in shared - {"manifest"}}
    return EncodeSettings(manifest=settings.manifest or "", **values)


def _cluster(settings: PlanSettings) -> ClusterSize:
    """This machine, or one of so many cores and GPUs; a GPU's speed is known where there is one."""
    import torch

    here = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if settings.gpus and not here:
        raise SettingError(
            f"--gpus {settings.gpus}: this machine has no GPU to try; plan on one that has, or leave it out"
        )
    # as a Ray of one's own has it: two at least
    cores = settings.cores or max(2, len(os.sched_getaffinity(0)))
    return ClusterSize(cores=cores, gpus=here if settings.gpus is None else settings.gpus, nodes=1)


@contextmanager
def _manifest(settings: PlanSettings) -> Iterator[Manifest]:
    """The manifest that was given, or a listing that is thrown away."""
    if settings.manifest is not None:
        yield open_manifest(Location.parse(settings.manifest))
        return
    if settings.archive is None:
        raise SettingError("give --archive, to list it, or --manifest, listed before")
    columns = require_study_from(settings.study_from, settings.columns)
    with TemporaryDirectory(prefix="echoprime-plan-") as scratch:
        place = Location.parse(Path(scratch) / "manifest.parquet")
        archive = Location.parse_archive(settings.archive)
        write_manifest(archive, place, study_from=settings.study_from, columns=columns)
        yield open_manifest(place)


def _write_json(todo: ToDo, found: Forecast | None, costs: Range | None, cluster: ClusterSize) -> None:
    values = {
        "listed": {"studies": todo.listed_studies, "videos": todo.listed_videos},
        "studies_by_state": todo.counts,
        "to_do": {"studies": todo.studies, "videos": todo.videos, "bytes": todo.bytes},
        "duplicate_paths": todo.duplicate_paths,
        "cluster": {"cores": cluster.cores, "gpus": cluster.gpus},
        "forecast": None if found is None else found,
        "cost": costs,
    }
    json.dump(plain(values), sys.stdout, indent=2)
    sys.stdout.write("\n")
