"""The encode job: manifest -> OUT/encodings. Reads, encodes and classifies every video once."""

from __future__ import annotations

import itertools
import os
from dataclasses import asdict
from typing import Any

from echoprime.archive import (
    KnownStudies,
    Plan,
    StudyFacts,
    open_manifest,
    plan_studies,
    read_studies,
    studies_with_reasons,
    table_files,
    write_plan,
)
from echoprime.bundle import Bundle, open_bundle
from echoprime.errors import ArchiveError, BundleError, EchoPrimeError, SettingError
from echoprime.reading import PREPROCESSING, Limits
from echoprime.reading.limits import LEAST_MEMORY
from echoprime.reading.starts import require_clips_per_video
from echoprime.storage import Location, canonical_hash
from echoprime.tables import RunRecord, StudyTable, Withdrawn, WriterLock, encodings, new_run_id
from echoprime.tables.identity import differences
from pipelines.arrived import STAGE_SECONDS, bytes_of, seconds_of, videos_of
from pipelines.assembly import StudyAssembler
from pipelines.checks import (
    reasons_of,
    require_positive,
    require_precision,
    require_room,
    require_writable,
)
from pipelines.committing import Committer, compact_if_scattered
from pipelines.interrupts import interrupts
from pipelines.pace import Pace
from pipelines.pools import EncodePools, encode_pools
from pipelines.presence import mark_presence
from pipelines.progress import JobProgress
from pipelines.ray_session import ray_session, require_ray_address, streamed
from pipelines.results import JobResult, recorded
from pipelines.settings import (
    EncodeSettings,
    EncodingChoices,
    ReadingLimits,
    RunAllSettings,
    recorded_settings,
)
from pipelines.watching.run_log import event

BYTES_PER_VIDEO = 8_192
"""Room that one video's row takes at most, its embedding and two copies during a compaction included."""

BYTES_PER_CLIP = 6_144
"""The same of each of several clips: an embedding of 2 KB alone."""

STAGES = {"ReadClips": "readers", "EncodeVideos": "encoders", "ClassifyViews": "view_classifiers"}
"""The stages' classes, and what their pools are called."""

ROW_BYTES = 20_000_000
"""Ray's blocks are cut here: one row of eight clips, so that encoders share the work of one large study."""


def encode(settings: EncodeSettings) -> JobResult:
    """Encode what the manifest lists and the table lacks.

    Raises
    ------
    UserError
        Manifest, bundle, output or a setting is wrong; found before Ray starts.
    """
    # 1. Everything that can be wrong, before any process is started.
    bundle = open_bundle(settings.bundle)
    check_encoding(settings, bundle)
    require_precision(settings)
    require_ray_address(settings.ray_address)
    manifest = open_manifest(Location.parse(settings.manifest))
    if manifest.root.is_dicomweb:  # its credentials are asked for again in each run
        manifest.root.require_reachable("archive", ArchiveError)
    output = Location.parse(settings.output)
    require_writable(output)
    chosen = None if settings.studies is None else read_studies(Location.parse(settings.studies))
    identity = encoding_identity(bundle, settings)
    table = StudyTable.open(output / "encodings", encodings(settings.clips_per_video), identity=identity)

    run_id = new_run_id()
    with WriterLock(output, "encodings", run_id, settings.force):
        # 2. What is left to do: studies that are new, changed, or were incomplete.
        compact_if_scattered(table)
        keys = table.keys()
        known = KnownStudies(
            keys,
            table_files(table) if settings.same_files else None,
            again=studies_with_reasons(table, reasons_of("--again", settings.again)),
        )
        # folders know no patients, times or kinds; lists and headers may know more of them than before
        facts = None if manifest.study_from == "folder" else StudyFacts(table)
        planning = plan_studies(
            manifest,
            done=known,
            facts=facts,
            studies=chosen,
            limit=settings.limit,
            withdrawn=Withdrawn.read(output),
        )
        first = next(planning, None)
        counts = planning.counts
        if first is None:
            if chosen is not None and not (counts.selected or counts.withdrawn):
                raise SettingError(f"--studies {settings.studies}: none of its studies is in the manifest")
            if len(keys) > len(known):  # a run was killed before it dropped the rows that it had replaced
                table.drop_superseded()
            planned = mark_presence(table, known, counts, output, manifest.root, settings)
            planned["learnt"] = table.revise(facts.changed()) if facts else 0
            there = counts.done + counts.returned
            return JobResult(job="encode", nothing_to_do=True, studies=there, planned=planned)
        run = RunRecord.start(output, "encode", recorded_settings(settings), run_id=run_id)
        result = JobResult(job="encode", run_id=run_id)
        with recorded(run, result):
            plan = write_plan(
                itertools.chain([first], planning),
                run.directory,
                root=manifest.root,
                workers=settings.max_readers or settings.readers or os.cpu_count() or 1,
            )
            require_room(output, plan.videos * _bytes_per_video(settings))
            # 3. Ray streams the plan's chunks through the three pools; the driver commits what comes out.
            result.planned = mark_presence(table, known, counts, output, manifest.root, settings)
            result.planned["learnt"] = table.revise(facts.changed()) if facts else 0
            _encode(settings, bundle, table, plan, identity["encoding_id"], result)
    return result


def check_encoding(settings: EncodeSettings | RunAllSettings, bundle: Bundle) -> None:
    """Refuse what cannot encode; `echoprime run` asks before it lists the archive.

    Raises
    ------
    SettingError
        A number is not above 0, or a reason is none.
    BundleError
        The bundle has no weights, or a file of them is missing or damaged.
    """
    require_positive(
        limit=settings.limit,
        readers=settings.readers,
        max_readers=settings.max_readers,
        encoders=settings.encoders,
        view_classifiers=settings.view_classifiers,
        max_bytes=settings.max_bytes,
        max_pixels=settings.max_pixels,
        max_frames=settings.max_frames,
        decode_seconds=settings.decode_seconds,
        decode_memory=settings.decode_memory,
        read_seconds=settings.read_seconds,
        stall_seconds=settings.stall_seconds,
        commit_studies=settings.commit_studies,
        commit_seconds=settings.commit_seconds,
        watch_seconds=settings.watch_seconds,
    )
    if settings.decode_memory < LEAST_MEMORY:
        raise SettingError(
            f"--decode-memory {settings.decode_memory}: decoding takes at least {LEAST_MEMORY}; give more"
        )
    reasons_of("--again", settings.again)
    require_clips_per_video(settings.clips_per_video)
    if bundle.encoder is None or bundle.view_classifier is None:
        raise BundleError(
            f"bundle {bundle.name!r} has no weights, so it interprets but does not encode; "
            "import the release again with model_data/weights in it"
        )
    ours: dict[str, Any] = {**PREPROCESSING, "revision": bundle.preprocessing.get("revision")}
    if different := differences(dict(bundle.preprocessing), ours):
        raise BundleError(
            f"bundle {bundle.name!r} is for other clips than this software makes: {'; '.join(different)}; "
            "use the version of this software that it was made for"
        )
    if bundle.location.is_local:  # from a bucket each node fetches and verifies its own copy
        for network in (bundle.encoder, bundle.view_classifier):
            bundle.file(network.file)


def reading_limits(settings: ReadingLimits) -> Limits:
    """The settings' bounds of one video, as the readers take them."""
    return Limits(
        bytes=settings.max_bytes,
        pixels=settings.max_pixels,
        frames=settings.max_frames,
        seconds=settings.decode_seconds,
        memory=settings.decode_memory,
    )


def encoding_identity(bundle: Bundle, choices: EncodingChoices) -> dict[str, Any]:
    """What a row's numbers depend on; `encoding_id` is its hash."""
    parts = {
        **bundle.encoding_identity(),
        "preprocessing": dict(PREPROCESSING),  # this software's, not that of the one that made the bundle
        "precision": choices.precision,
        "mode": choices.mode,
    }
    if choices.clips_per_video != 1:  # left out of the published way: what was encoded by it stays the same
        parts["clips_per_video"] = choices.clips_per_video
    return {"encoding_id": canonical_hash(parts), "embedding_space": bundle.embedding_space, **parts}


def _bytes_per_video(settings: EncodeSettings) -> int:
    several = settings.clips_per_video if settings.clips_per_video > 1 else 0
    return BYTES_PER_VIDEO + several * BYTES_PER_CLIP


def _encode(
    settings: EncodeSettings,
    bundle: Bundle,
    table: StudyTable,
    plan: Plan,
    encoding_id: str,
    result: JobResult,
) -> None:
    assembler = StudyAssembler(bundle.views, encoding_id, result.run_id, settings.clips_per_video)
    with ray_session(settings.ray_address) as cluster:
        from operators.stop_sign import StopSign
        from pipelines.watching.watch import watched

        pace = Pace()
        pools = encode_pools(settings, cluster)
        result.pools, result.cluster = pools.recorded(), asdict(cluster)
        event("pools", studies=plan.studies, videos=plan.videos, pools=result.pools, cluster=result.cluster)
        dataset = _dataset(settings, bundle, plan, pools)
        with (
            JobProgress("encode", plan.studies, show=settings.progress) as progress,
            watched(
                "encode",
                dataset,
                stages=STAGES,
                studies=plan.studies,
                say=progress.say,
                seconds=settings.watch_seconds,
                stall_seconds=settings.stall_seconds,
            ) as watch,
            streamed(dataset) as rows,
        ):
            committer = Committer(
                table,
                studies=settings.commit_studies,
                seconds=settings.commit_seconds,
                on_commit=watch.commit,
            )
            sign = StopSign(plan.location)
            with interrupts(lambda: watch.end(sign, committer.hurry)) as signals:
                try:
                    for batch in watch.rows(rows):
                        finished = assembler.add(batch)
                        committer.add(assembler.take())
                        counts, spent = videos_of(batch), seconds_of(batch)
                        pace.count(counts["clips"], sum(spent[stage] for stage in STAGE_SECONDS))
                        watch.count(clips=counts["clips"], size=bytes_of(batch), seconds=spent)
                        watch.outcomes(assembler.outcomes)
                        watch.waiting(committer.waiting)
                        progress.advance(studies=len(finished), **counts)
                finally:
                    committer.flush()
                    result.studies = committer.committed
                    result.outcomes = dict(assembler.outcomes)
                    result.incomplete = assembler.incomplete
        result.seconds = {
            **assembler.seconds,
            "driver": watch.driver_seconds,
            "commit": committer.commit_seconds,
            "start": pace.start_seconds,
        }
        growing = {"readers"} if pools.readers.most else set()
        for stage, shares in watch.shares(growing).items():
            result.pools[stage] |= shares
        result.wall = pace.wall
        result.clips_per_second = pace.per_second
        if signals.asked:
            raise KeyboardInterrupt  # studies that came in part are left to the next run
        if assembler.unfinished:
            raise EchoPrimeError(
                f"{assembler.unfinished} studies came back in part; run the same command again"
            )
        table.drop_superseded()


def _dataset(settings: EncodeSettings, bundle: Bundle, plan: Plan, pools: EncodePools) -> Any:  # noqa: ANN401  # a ray.data.Dataset
    """The job as Ray Data sees it: numbers of chunks in, classified rows out, in any order."""
    from ray.data import ActorPoolStrategy

    from operators.chunk_numbers import chunk_numbers
    from operators.classify_views import ClassifyViews
    from operators.encode_videos import EncodeVideos
    from operators.read_clips import ReadClips

    dataset = chunk_numbers(plan.chunks)
    dataset.context.target_max_block_size = ROW_BYTES
    return (
        dataset.map_batches(
            ReadClips,
            fn_constructor_args=(
                plan.location,
                plan.root,
                reading_limits(settings),
                settings.mode,
                settings.clips_per_video,
                settings.read_seconds,
            ),
            batch_size=1,
            compute=ActorPoolStrategy(
                min_size=pools.readers.actors, max_size=pools.readers.most or pools.readers.actors
            ),
            num_cpus=pools.readers.cores,
        )
        .map_batches(
            EncodeVideos,
            fn_constructor_args=(bundle, pools.device, settings.precision),
            batch_size=None,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(size=pools.encoders.actors),
            num_cpus=pools.encoders.cores,
            num_gpus=pools.encoders.gpus,
        )
        .map_batches(
            ClassifyViews,
            fn_constructor_args=(bundle, pools.device, settings.precision),
            batch_size=None,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(size=pools.view_classifiers.actors),
            num_cpus=pools.view_classifiers.cores,
            num_gpus=pools.view_classifiers.gpus,
        )
    )
