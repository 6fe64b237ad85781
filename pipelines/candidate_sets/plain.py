"""Candidate sets from plain files and to plain files."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from echoprime.bundle import open_bundle
from echoprime.errors import SettingError
from echoprime.interpretation.finished_set import require_nothing_there
from echoprime.interpretation.plain_candidates import is_exported, plain_batches, plain_schema
from echoprime.interpretation.plain_import import PlainSources, import_candidates
from echoprime.retrieval import Candidates, CandidateStack
from echoprime.storage import Location
from echoprime.storage.local_files import is_unfinished
from pipelines.candidate_sets.opening import open_set
from pipelines.candidates import show_candidates
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import CandidatesExportSettings, CandidatesImportSettings
from pipelines.step_progress import StepProgress


def import_set(settings: CandidatesImportSettings) -> int:
    """Make a set of plain files and show its counts.

    Raises
    ------
    UserError
        Bundle, a file or the place to write is wrong; nothing is left half-written.
    """
    bundle = open_bundle(settings.bundle)
    bundle.lexicon(settings.language)
    made = import_candidates(
        PlainSources(
            rows=Location.parse(settings.rows),
            bundle=bundle,
            embeddings=None if settings.embeddings is None else Location.parse(settings.embeddings),
            embedding_space=settings.embedding_space,
            language=settings.language,
        ),
        Location.parse(settings.candidates),
    )
    show_candidates(made.summary, made.location)
    return DONE


def export_set(settings: CandidatesExportSettings) -> int:
    """Write a set as Parquet, one file for each pair of its own; files of an interrupted export are kept.

    Raises
    ------
    UserError
        There is no set, or something is in the way.
    """
    opened = open_set(settings.candidates, settings.bundle)
    target = Location.parse(settings.directory)
    target.require_reachable("directory", SettingError)
    candidates = opened.candidates
    lexicon = opened.lexicon()
    facts = {
        "embedding_space": candidates.embedding_space,
        "lexicon": {"language": opened.language, "sha256": opened.lexicon_sha256},
        "notice": opened.notice,
        "hash": opened.hash,
        "rows": candidates.rows,
    }
    if isinstance(candidates, CandidateStack):
        facts["sets"] = [
            [name, each.rows] for name, each in zip(candidates.names, candidates.sets, strict=True)
        ]
    schema = plain_schema(candidates, facts, lexicon)
    files = len(candidates.part_lengths)
    places = [target / _name(number, files) for number in range(files)]
    there = _written_before(target, places, candidates, schema)
    written = 0
    with StepProgress(show=settings.progress) as progress:
        for place, part in zip(places, candidates.parts(), strict=True):
            if place in there:
                written += len(part)
                continue
            with place.writing() as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for batch in plain_batches(part, schema, lexicon):
                    writer.write_batch(batch)
                    written += batch.num_rows
                    progress.told("candidates", written, candidates.rows)
    out = console()
    out.print(f"{written:,} candidates in {files} Parquet files in {target}")
    if there:
        out.print(f"{len(there)} of the files were there already")
    if lexicon is None:
        out.print("reports are codes alone: --bundle writes them in words too")
    return DONE


def _name(number: int, files: int) -> str:
    return f"candidates-{number:05d}-of-{files:05d}.parquet"


def _written_before(
    target: Location, places: Sequence[Location], candidates: Candidates, schema: pa.Schema
) -> set[Location]:
    """Files of an export that was interrupted; anything else that lies there is refused."""
    left = [name for name in target.names() if target.is_local and is_unfinished(f"{target}/{name}")]
    there = [target / name for name in target.names() if name not in left]
    lengths = dict(zip(places, candidates.part_lengths, strict=True))
    if not all(place in lengths and is_exported(place, schema, lengths[place]) for place in there):
        require_nothing_there(target)
    for name in left:
        (target / name).remove()
    return set(there)
