"""The interpret job: OUT/encodings -> OUT/interpretations/NAME. Never opens a video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoprime.archive import read_studies
from echoprime.bundle import Bundle, open_bundle, with_thresholds
from echoprime.errors import BundleError, SettingError
from echoprime.retrieval import CandidateFiles, CandidateSet
from echoprime.storage import Location, canonical_hash
from echoprime.tables import (
    INCOMPLETE,
    INTERPRETABLE,
    RunRecord,
    StudyTable,
    WriterLock,
    interpretations,
    new_run_id,
    newest_rows,
)
from pipelines.checks import require_name, require_positive, require_room, require_writable
from pipelines.committing import Committer, compact_if_scattered
from pipelines.pace import Pace
from pipelines.pools import Pool
from pipelines.progress import JobProgress
from pipelines.ray_session import ClusterSize, ray_session, require_ray_address, streamed
from pipelines.results import JobResult, recorded
from pipelines.settings import (
    InterpretationChoices,
    InterpretSettings,
    RunAllSettings,
    recorded_settings,
)

STUDIES_PER_CHUNK = 256
"""Studies that are searched together: 3,840 queries, enough for the product to run at the cores' speed."""

LEAST_SHARDS, MOST_SHARDS = 2, 64
"""One a core between these: one would hide a wrong merge, many answers cost more to merge than they save."""

BYTES_PER_STUDY = 65_536
"""Room that one study's row takes at most, a copy during compaction included."""

EXCLUSIONS = "same study, same patient"
"""Candidates that are never a study's neighbours: the study itself, and others of its patient."""

INTERPRETER_CORES = 0.25
"""An actor waits for its shards half of the time, and Ray's read tasks need a core."""

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
    bundle, candidates = open_choices(settings)
    require_ray_address(settings.ray_address)
    require_positive(limit=settings.limit)
    output = Location.parse(settings.output)
    encodings = StudyTable.existing(output / "encodings")
    require_same_space(candidates, str(encodings.identity["embedding_space"]))
    require_writable(output)
    identity = interpretation_identity(bundle, candidates, str(encodings.identity["encoding_id"]), settings)
    table = StudyTable.open(
        output / "interpretations" / settings.name, interpretation_schema(bundle), identity=identity
    )

    run_id = new_run_id()
    with WriterLock(output, f"interpretations-{settings.name}", run_id, settings.force):
        # 2. What is left to do: encoded studies that have no interpretation, or one of an earlier encoding.
        compact_if_scattered(table)
        left, incomplete = _left_to_do(settings, encodings, table)
        if not len(left):
            table.drop_superseded()  # what a run replaced that was killed before it dropped it
            there = table.newest(["study_id"]).num_rows
            return JobResult(job="interpret", nothing_to_do=True, studies=there, incomplete=incomplete)
        require_room(output, len(left) * BYTES_PER_STUDY)
        run = RunRecord.start(output, "interpret", recorded_settings(settings), run_id=run_id)
        # 3. Ray streams chunks of studies past the candidates' shards; the driver commits what comes out.
        result = JobResult(job="interpret", run_id=run_id, incomplete=incomplete)
        with recorded(run, result), ray_session(settings.ray_address) as cluster:
            plan = run.directory / "plan.parquet"
            _write_plan(left, plan)
            job = _Job(settings, bundle, candidates, encodings.location, plan, len(left), identity)
            _interpret(job, table, result, cluster)
    return result


def interpretation_schema(bundle: Bundle) -> pa.Schema:
    """Columns of an interpretation made with this bundle."""
    return interpretations(
        [phenotype.name for phenotype in bundle.phenotypes],
        [phenotype.name for phenotype in bundle.phenotypes if phenotype.threshold is not None],
    )


def open_choices(settings: InterpretSettings | RunAllSettings) -> tuple[Bundle, CandidateSet]:
    """The bundle, with the thresholds asked for, and the candidate set; `run` asks before it encodes.

    Raises
    ------
    SettingError
        A number is not above 0, the name cannot be a folder's, or the thresholds are not of this bundle.
    BundleError
        The bundle has no lexicon of the language, or the candidate set is missing, damaged, or coded by
        another lexicon.
    """
    require_positive(k=settings.k, shards=settings.shards)
    require_name("--name", settings.name)
    bundle = open_bundle(settings.bundle)
    bundle.lexicon(settings.language)
    if settings.thresholds is not None:
        bundle = with_thresholds(bundle, Location.parse(settings.thresholds))
    if settings.candidates is None:
        return bundle, CandidateSet.open(bundle)
    files = CandidateFiles.open(Location.parse(settings.candidates))
    files.require_lexicon(bundle)
    return bundle, CandidateSet.open(files)


def interpretation_identity(
    bundle: Bundle, candidates: CandidateSet, encoding_id: str, settings: InterpretationChoices
) -> dict[str, Any]:
    """What a row's values depend on; `interpretation_id` is its hash."""
    parts = {
        "encoding_id": encoding_id,
        "include_incomplete": settings.include_incomplete,
        **bundle.interpretation_identity(settings.k, settings.pairing, settings.language),
        "embedding_space": candidates.embedding_space,
        "exclusions": EXCLUSIONS,
    }
    if isinstance(candidates.source, CandidateFiles):
        parts["candidates"] = candidates.source.hash
    return {"interpretation_id": canonical_hash(parts), **parts}


def require_same_space(candidates: CandidateSet, space: str) -> None:
    """Refuse candidates that the encodings cannot be compared with.

    Raises
    ------
    BundleError
        Naming both embedding spaces.
    """
    if candidates.embedding_space == space:
        return
    if isinstance(candidates.source, CandidateFiles):
        whose, cure = "the candidate set is", "build it from these encodings (echoprime candidates build)"
    else:
        whose = "the bundle's candidates are"
        cure = (
            "interpret with the bundle that encoded, or name the space when importing it (--embedding-space)"
        )
    raise BundleError(
        f"the encodings are of the embedding space {space!r}, {whose} of {candidates.embedding_space!r}: "
        f"their similarities would mean nothing; {cure}"
    )


def _left_to_do(
    settings: InterpretSettings, encodings: StudyTable, table: StudyTable
) -> tuple[pa.Table, int]:
    """Keys of the encodings rows to interpret, and how many incomplete studies are left out."""
    newest = newest_rows(encodings.keys())
    if settings.studies is not None:
        chosen = pa.array(sorted(read_studies(Location.parse(settings.studies))), pa.string())
        newest = newest.filter(pc.is_in(newest["study_id"], chosen))
        if not len(newest):
            raise SettingError(f"--studies {settings.studies}: none of its studies is encoded")
    newest = newest.slice(0, settings.limit)
    incomplete = 0
    if not settings.include_incomplete:
        # Those that vanished incomplete stay so: another run will not take them up.
        incomplete = pc.sum(pc.equal(newest["status"], INCOMPLETE)).as_py() or 0
        newest = newest.filter(pc.is_in(newest["status"], pa.array(INTERPRETABLE)))
    return not_interpreted(newest, table), incomplete


def not_interpreted(encoded: pa.Table, table: StudyTable) -> pa.Table:
    """Rows of the encodings' keys that have no interpretation yet, or one of an earlier encoding.

    By the encoded row's stamp, not its key: a study that was incomplete and is complete now has the same key.
    """
    there = table.newest(["study_id", "encoded_at"])
    encoded_at = there["encoded_at"].take(pc.index_in(encoded["study_id"], there["study_id"]))
    current = pc.fill_null(pc.equal(encoded["written_at"], encoded_at), False)
    return encoded.filter(pc.invert(current))


def _write_plan(left: pa.Table, plan: Location) -> None:
    """One row group a chunk, rows in the order in which they lie in the table's files."""
    places = left.select(["row_group", "row_in_group"])
    # The names are sorted, so their numbers sort like them; Arrow sorts no dictionary.
    places = places.append_column("number", left["file"].combine_chunks().indices)
    order = pc.sort_indices(places, [(name, "ascending") for name in ("number", "row_group", "row_in_group")])
    places = left.select(["file", "row_group", "row_in_group"]).take(order)
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "plan.parquet"
        pq.write_table(places, file, row_group_size=STUDIES_PER_CHUNK)
        plan.put_file(file)


@dataclass(frozen=True)
class _Job:
    """What is interpreted, and with what."""

    settings: InterpretSettings
    bundle: Bundle
    candidates: CandidateSet
    encodings: Location
    plan: Location
    studies: int
    identity: dict[str, Any]


def _interpret(job: _Job, table: StudyTable, result: JobResult, cluster: ClusterSize) -> None:
    from operators.candidate_shard import ShardActors

    pace = Pace()
    count = job.settings.shards or min(max(LEAST_SHARDS, cluster.cores), MOST_SHARDS)
    shards = ShardActors.start(job.candidates, shards=count, run_id=result.run_id)
    committer = Committer(table, studies=COMMIT_STUDIES, seconds=COMMIT_SECONDS)
    with (
        streamed(_dataset(job, shards, cluster)) as rows,
        JobProgress("interpret", job.studies, show=job.settings.progress) as progress,
    ):
        try:
            for batch in rows:
                stages = ("search", "interpret")
                spent = {stage: pc.sum(batch[f"{stage}_seconds"]).as_py() for stage in stages}
                pace.count(0, sum(spent.values()))
                for stage, seconds in spent.items():
                    result.seconds[stage] = result.seconds.get(stage, 0.0) + seconds
                left_out = batch["candidates_left_out"]
                result.candidates_left_out += pc.sum(left_out).as_py() or 0
                result.studies_with_left_out += pc.sum(pc.greater(left_out, 0)).as_py() or 0
                result.studies_of_unknown_patient += batch["patient_id"].null_count
                committer.add(_with_ids(batch, job.identity, result.run_id))
                progress.advance(studies=len(batch))
        finally:
            committer.flush()
            result.studies = committer.committed
            shards.stop()
    table.drop_superseded()
    result.seconds["commit"] = committer.commit_seconds
    result.wall = pace.wall
    # its actors search through the shards, whose own work is inside the seconds of "search"
    pool = Pool(_actors(job, cluster), INTERPRETER_CORES)
    result.pools = {"interpreters": pool.recorded("search", "interpret")}


def _actors(job: _Job, cluster: ClusterSize) -> int:
    """One a core, but never more than there are chunks."""
    return min(cluster.cores, -(-job.studies // STUDIES_PER_CHUNK))


def _dataset(
    job: _Job,
    shards: Any,  # noqa: ANN401  # ShardActors; importing it would import Ray
    cluster: ClusterSize,
) -> Any:  # noqa: ANN401  # a ray.data.Dataset
    import ray
    from ray.data import ActorPoolStrategy

    from operators.interpret_study import EncodedStudies, InterpretStudies

    settings, chunks = job.settings, -(-job.studies // STUDIES_PER_CHUNK)
    return ray.data.range(chunks, override_num_blocks=chunks).map_batches(
        InterpretStudies,
        fn_constructor_args=(EncodedStudies(job.encodings, job.plan), job.bundle, job.candidates, shards),
        fn_constructor_kwargs={"k": settings.k, "pairing": settings.pairing, "language": settings.language},
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
