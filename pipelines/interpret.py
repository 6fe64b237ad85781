"""The interpret job: OUT/encodings -> OUT/interpretations/NAME. Never opens a video."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoprime.interpretation.leakage import Leakage
from echoprime.retrieval import kept_similarities
from echoprime.retrieval.kept_similarities import KEPT_FROM
from echoprime.storage import Location
from echoprime.tables import (
    RunRecord,
    StudyTable,
    WriterLock,
    new_run_id,
    table_exists,
)
from pipelines.checks import require_positive, require_room, require_writable
from pipelines.choices import Choices, opened_choices
from pipelines.committing import Committer, compact_if_scattered
from pipelines.interpretation_plan import given_views, left_to_do, studies_per_chunk, write_plan
from pipelines.interrupts import interrupts
from pipelines.pace import Pace
from pipelines.pools import Pool
from pipelines.progress import JobProgress
from pipelines.ray_session import ClusterSize, ray_session, require_ray_address, streamed
from pipelines.results import JobResult, recorded
from pipelines.settings import InterpretSettings, recorded_settings
from pipelines.watching.run_log import event

if TYPE_CHECKING:
    from operators.interpret_study import EncodedStudies

LEAST_SHARDS, MOST_SHARDS = 2, 64
"""One a core between these: one would hide a wrong merge, many answers cost more to merge than they save."""

BYTES_PER_STUDY = 65_536
"""Room that one study's row takes at most, a copy during compaction included."""

INTERPRETER_CORES = 0.25
"""An actor waits for its shards half of the time."""

STAGES = {"InterpretStudies": "interpreters"}
"""The stage's class, and what its pool is called."""

COMMIT_STUDIES = 2_048
COMMIT_SECONDS = 10.0


def interpret(settings: InterpretSettings) -> JobResult:
    """Interpret the encoded studies that the interpretation's table lacks.

    Raises
    ------
    UserError
        Bundle, output or a setting is wrong; found before Ray starts.
    """
    # 1. Everything that can be wrong, before any process is started.
    with opened_choices(settings) as choices:
        require_ray_address(settings.ray_address)
        require_positive(
            limit=settings.limit,
            watch_seconds=settings.watch_seconds,
            stall_seconds=settings.stall_seconds,
        )
        output = Location.parse(settings.output)
        encodings = StudyTable.existing(output / "encodings")
        choices.require_space(str(encodings.identity["embedding_space"]))
        require_writable(output)
        identity = choices.identity(str(encodings.identity["encoding_id"]))
        run_id = new_run_id()
        with WriterLock(output, f"interpretations-{settings.name}", run_id, settings.force):
            return _interpret_left(settings, choices, encodings, identity, run_id)


def _interpret_left(
    settings: InterpretSettings,
    choices: Choices,
    encodings: StudyTable,
    identity: dict[str, Any],
    run_id: str,
) -> JobResult:
    from operators.interpret_study import EncodedStudies

    output = Location.parse(settings.output)
    place = output / "interpretations" / settings.name
    # 2. What is left to do: encoded studies that have no interpretation, or one of an earlier encoding.
    there = StudyTable.open(place, choices.schema, identity=identity) if table_exists(place) else None
    left = left_to_do(settings, choices, encodings, there)
    views = given_views(choices, encodings, left.rows, first=there is None)
    # A table is made when nothing can be wrong any more: it would bind its name to these choices.
    table = there or StudyTable.open(place, choices.schema, identity=identity)
    compact_if_scattered(table)
    result = JobResult(
        job="interpret",
        run_id=run_id,
        incomplete=left.incomplete,
        left_out_kinds=left.left_out,
        left_out_interpreted_before=left.interpreted_before,
        calibrated_elsewhere=choices.calibrated_elsewhere(identity["encoding_id"]),
    )
    if not len(left.rows):
        table.drop_superseded()  # what a run replaced that was killed before it dropped it
        result.nothing_to_do, result.run_id = True, ""
        result.studies = table.newest(["study_id"]).num_rows
        return result
    if views is not None:
        result.views_given, result.views_not_given = views.given, views.not_given
    require_room(output, len(left.rows) * BYTES_PER_STUDY)
    run = RunRecord.start(output, "interpret", recorded_settings(settings), run_id=run_id)
    # 3. Ray streams chunks of studies past the candidates' shards; the driver commits what comes out.
    with recorded(run, result), ray_session(settings.ray_address) as cluster:
        plan = run.directory / "plan.parquet"
        per_chunk = studies_per_chunk(settings, encodings)
        write_plan(left.rows, views, plan, per_chunk)
        studies = EncodedStudies(encodings.location, plan, "clips" in encodings.schema.names)
        chunks = -(-len(left.rows) // per_chunk)
        job = _Job(settings, choices, studies, len(left.rows), chunks, identity)
        _interpret(job, table, result, cluster)
    return result


@dataclass(frozen=True)
class _Job:
    """What is interpreted, and with what."""

    settings: InterpretSettings
    choices: Choices
    encoded: EncodedStudies
    studies: int
    chunks: int
    identity: dict[str, Any]


def _interpret(job: _Job, table: StudyTable, result: JobResult, cluster: ClusterSize) -> None:
    from operators.candidate_shard import ShardActors

    count = job.settings.shards or min(max(LEAST_SHARDS, cluster.cores), MOST_SHARDS)
    pace = Pace()
    shards = ShardActors.start(
        job.choices.candidates,
        shards=count,
        search_filter=job.settings.search_filter,
        run_id=result.run_id,
        # half of it, since those who wait for a shard are silent as well
        stall_seconds=job.settings.stall_seconds / 2,
    )
    # its actors search through the shards, whose own work is inside the seconds of "search"
    pool = Pool(_actors(job, cluster), INTERPRETER_CORES)
    driver = Pool(1, cores=0.0)
    result.pools = {
        "interpreters": pool.recorded("search", "interpret"),
        "driver": driver.recorded("driver"),
    }
    result.cluster = asdict(cluster)
    event("pools", studies=job.studies, shards=count, pools=result.pools, cluster=result.cluster)
    try:
        with JobProgress("interpret", job.studies, show=job.settings.progress) as progress:
            # Before any study is in flight: an interrupt ends it here at once, and loses nothing.
            own = _own_similarities(job, shards, result, progress)
            _stream(job, _dataset(job, shards, own, cluster), shards, table, result, progress, pace)
    finally:
        shards.stop()
    table.drop_superseded()


def _own_similarities(
    job: _Job,
    shards: Any,  # noqa: ANN401  # ShardActors; importing it would import Ray
    result: JobResult,
    progress: JobProgress,
) -> NDArray[np.float64]:
    """How near the candidates lie to each other; of a large set a search of seconds to minutes."""
    from operators.own_similarities import search_own_similarities

    candidates = job.choices.candidates

    def search() -> NDArray[np.float64]:
        if candidates.hash is not None and candidates.rows >= KEPT_FROM:
            progress.say(
                "interpret: searching how near the candidates lie to each other: once on this machine"
            )
        started = time.perf_counter()
        try:
            return search_own_similarities(candidates, shards)
        finally:
            result.seconds["own_similarities"] = time.perf_counter() - started

    return kept_similarities(candidates, search)


def _stream(
    job: _Job,
    dataset: Any,  # noqa: ANN401  # a ray.data.Dataset
    shards: Any,  # noqa: ANN401  # ShardActors
    table: StudyTable,
    result: JobResult,
    progress: JobProgress,
    pace: Pace,
) -> None:
    """Commit what comes out.

    Raises
    ------
    KeyboardInterrupt
        The run was asked to end; what was in flight is committed.
    """
    from operators.stop_sign import StopSign
    from pipelines.watching.watch import watched

    with (
        watched(
            "interpret",
            dataset,
            stages=STAGES,
            studies=job.studies,
            say=progress.say,
            seconds=job.settings.watch_seconds,
            stall_seconds=job.settings.stall_seconds,
        ) as watch,
        streamed(dataset) as rows,
    ):
        result.leakage = leakage = Leakage()
        committer = Committer(table, studies=COMMIT_STUDIES, seconds=COMMIT_SECONDS, on_commit=watch.commit)
        sign = StopSign(job.encoded.plan)
        with interrupts(lambda: watch.end(sign, committer.hurry)) as signals:
            try:
                for batch in watch.rows(rows):
                    stages = ("search", "interpret")
                    spent = {stage: pc.sum(batch[f"{stage}_seconds"]).as_py() for stage in stages}
                    pace.count(0, sum(spent.values()))
                    watch.count(seconds=spent)
                    for stage, seconds in spent.items():
                        result.seconds[stage] = result.seconds.get(stage, 0.0) + seconds
                    left_out = batch["candidates_left_out"]
                    result.candidates_left_out += pc.sum(left_out).as_py() or 0
                    result.studies_with_left_out += pc.sum(pc.greater(left_out, 0)).as_py() or 0
                    leakage.add(batch["phenotypes"])
                    result.studies_of_unknown_patient += batch["patient_id"].null_count
                    committer.add(_with_ids(batch, job.identity, result.run_id))
                    watch.waiting(committer.waiting)
                    progress.advance(studies=len(batch))
            finally:
                committer.flush()
                result.studies = committer.committed
                shards.stop()  # before the stream ends, lest somebody wait for an answer
    result.seconds |= {"driver": watch.driver_seconds, "commit": committer.commit_seconds}
    result.wall = pace.wall
    for stage, shares in watch.shares().items():
        result.pools[stage] |= shares
    if signals.asked:
        raise KeyboardInterrupt


def _actors(job: _Job, cluster: ClusterSize) -> int:
    """One a core, but never more than there are chunks."""
    return min(cluster.cores, job.chunks)


def _dataset(
    job: _Job,
    shards: Any,  # noqa: ANN401  # ShardActors; importing it would import Ray
    own_similarities: NDArray[np.float64],
    cluster: ClusterSize,
) -> Any:  # noqa: ANN401  # a ray.data.Dataset
    from ray.data import ActorPoolStrategy

    from operators.chunk_numbers import chunk_numbers
    from operators.interpret_study import InterpretStudies

    settings, choices = job.settings, job.choices
    return chunk_numbers(job.chunks).map_batches(
        InterpretStudies,
        fn_constructor_args=(
            job.encoded,
            choices.bundle,
            choices.candidates,
            shards,
        ),
        fn_constructor_kwargs={
            "k": settings.k,
            "pairing": settings.pairing,
            "language": settings.language,
            "own_similarities": own_similarities,
            "influence": settings.influence,
        },
        batch_size=1,
        compute=ActorPoolStrategy(size=_actors(job, cluster)),
        num_cpus=INTERPRETER_CORES,
    )


def _with_ids(batch: pa.Table, identity: dict[str, Any], run_id: str) -> pa.Table:
    """The columns that say what made a row; seconds are the run's, not the row's."""
    batch = batch.drop_columns(["search_seconds", "interpret_seconds"])
    for name, value in {
        "interpretation_id": identity["interpretation_id"],
        "encoding_id": identity["encoding_id"],
        "run_id": run_id,
    }.items():
        batch = batch.append_column(
            pa.field(name, pa.string(), nullable=False), pa.array([value] * len(batch))
        )
    return batch
