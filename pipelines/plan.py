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
from typing import TYPE_CHECKING

from echoprime.archive import Manifest, ManifestSummary, open_manifest
from echoprime.bundle import Bundle, open_bundle
from echoprime.errors import SettingError
from echoprime.storage import Location
from pipelines.checks import require_apart, require_positive, require_precision
from pipelines.encode import check_encoding, encoding_identity, reading_limits
from pipelines.exit_codes import DONE
from pipelines.forecasting.ranges import Range, exactly, plain
from pipelines.forecasting.start import START_SECONDS, start_of_earlier_runs
from pipelines.manifest import listing_of, write_listing
from pipelines.pools import EncodePools, encode_pools
from pipelines.ray_session import ClusterSize
from pipelines.settings import EncodeSettings, PlanSettings

if TYPE_CHECKING:
    from pipelines.forecasting.forecast import Forecast
    from pipelines.forecasting.rates import Rates
    from pipelines.forecasting.to_do import ToDo
    from pipelines.forecasting.trial import Trial


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
    _check(settings, job, bundle)
    cluster = _cluster(settings)
    pools = encode_pools(job, cluster)
    if settings.gpu_clips_per_second is not None and pools.device != "cuda":
        raise SettingError(
            f"--gpu-clips-per-second {settings.gpu_clips_per_second}: the job would run on cores; give --gpus"
        )
    with _manifest(settings, bundle) as (manifest, listed):
        # the networks and the statistics: seconds that a mistake need not wait for
        from pipelines.forecasting.forecast import forecast
        from pipelines.forecasting.rates import rates
        from pipelines.forecasting.shown import show_counts, show_forecast
        from pipelines.forecasting.to_do import to_do

        # 2. What is left to do, and a sample of it.
        todo = to_do(job, manifest, encoding_identity(bundle, job), settings.sample, settings.seed)
        # 3. The sample through the job's own stages, and from that the whole.
        trial = _trial(settings, job, bundle, todo, manifest.root, pools) if todo.sample else None
    found: Forecast | None = None
    model: Rates | None = None
    if trial is not None:
        found = forecast(
            trial,
            videos=todo.videos,
            studies=todo.studies,
            pools=pools,
            cluster=cluster,
            start=_start(settings, cluster, trial),
            gpu_clips_per_second=settings.gpu_clips_per_second,
        )
        model = rates(found, todo, settings.price_per_hour) if found.encoded.value else None
    if settings.json:
        _write_json(todo, found, model, cluster, listed)
    else:
        show_counts(todo, listed)
        if found is not None:
            show_forecast(found, model, cluster)
    return DONE


def _check(settings: PlanSettings, job: EncodeSettings, bundle: Bundle) -> None:
    """Refuse what the job would refuse, before anything is listed."""
    check_encoding(job, bundle)
    require_positive(
        sample=settings.sample,
        seconds=settings.seconds,
        cores=settings.cores,
        gpus=settings.gpus,
        gpu_clips_per_second=settings.gpu_clips_per_second,
        price_per_hour=settings.price_per_hour,
    )
    if settings.gpu_clips_per_second is None:  # else this machine need not have what the job's has
        require_precision(job)
    output = Location.parse(settings.output)
    output.require_reachable("--output", SettingError)
    if output.exists() and not output.is_dir():
        raise SettingError(f"--output {output}: is a file; give a folder or s3:// prefix")


def _trial(
    settings: PlanSettings,
    job: EncodeSettings,
    bundle: Bundle,
    todo: ToDo,
    root: Location,
    pools: EncodePools,
) -> Trial:
    """As the job would; where a GPU's speed is given, a few clips on a core, for the bytes of their rows."""
    from pipelines.forecasting.trial import try_sample

    given = settings.gpu_clips_per_second is not None
    return try_sample(
        todo.sample,
        root,
        bundle,
        device="cpu" if given else pools.device,
        precision="float32" if given else job.precision,
        mode=job.mode,
        clips_per_video=job.clips_per_video,
        limits=reading_limits(job),
        read_seconds=job.read_seconds,
        seconds=settings.seconds,
        networks_share=0.1 if given else 0.5,
        at_once=1 if pools.device == "cuda" else min(pools.encoders.actors, _cores_here()),
    )


def _start(settings: PlanSettings, cluster: ClusterSize, trial: Trial) -> Range:
    earlier = start_of_earlier_runs(Location.parse(settings.output), cluster)
    return earlier or START_SECONDS.plus(exactly(trial.load_seconds))


def _encode_settings(settings: PlanSettings) -> EncodeSettings:
    shared = {field.name for field in fields(EncodeSettings)} & {field.name for field in fields(settings)}
    values = {name: getattr(settings, name) for name in shared - {"manifest"}}
    return EncodeSettings(manifest=settings.manifest or "", **values)


def _cluster(settings: PlanSettings) -> ClusterSize:
    """This machine, or one of so many cores and GPUs; a GPU's speed is known where there is one."""
    import torch

    here = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if settings.gpus and not here and settings.gpu_clips_per_second is None:
        raise SettingError(
            f"--gpus {settings.gpus}: this machine has no GPU to try; plan on one that has, say what "
            "one does by --gpu-clips-per-second, or leave it out"
        )
    # as a Ray of one's own has it: two at least
    cores = settings.cores or max(2, _cores_here())
    return ClusterSize(cores=cores, gpus=here if settings.gpus is None else settings.gpus, nodes=1)


def _cores_here() -> int:
    return len(os.sched_getaffinity(0))


@contextmanager
def _manifest(settings: PlanSettings, bundle: Bundle) -> Iterator[tuple[Manifest, ManifestSummary | None]]:
    """The manifest that was given, or a listing that is thrown away, as `echoprime run` makes it."""
    if settings.manifest is not None:
        yield open_manifest(Location.parse(settings.manifest)), None
        return
    if settings.archive is None:
        raise SettingError("give --archive, to list it, or --manifest, listed before")
    archive, output = Location.parse_archive(settings.archive), Location.parse(settings.output)
    require_apart(archive, output=output, bundle=bundle.location)
    with TemporaryDirectory(prefix="echoprime-plan-") as scratch:
        place = str(Path(scratch) / "manifest.parquet")
        summary = write_listing(listing_of(settings, settings.archive, place, settings.studies))
        yield open_manifest(Location.parse(place)), summary


def _write_json(
    todo: ToDo,
    found: Forecast | None,
    model: Rates | None,
    cluster: ClusterSize,
    listed: ManifestSummary | None,
) -> None:
    values = {
        "listed": {"studies": todo.listed_studies, "videos": todo.listed_videos},
        "left_out": listed.left_out if listed else None,
        "notes": listed.notes if listed else None,
        "studies_by_state": todo.counts,
        "to_do": {"studies": todo.studies, "videos": todo.videos, "bytes": todo.bytes},
        "duplicate_paths": todo.duplicate_paths,
        "cluster": {"cores": cluster.cores, "gpus": cluster.gpus},
        "forecast": found,
        "rates": model,
    }
    json.dump(plain(values), sys.stdout, indent=2)
    sys.stdout.write("\n")
