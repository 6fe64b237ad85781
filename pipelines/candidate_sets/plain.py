"""Candidate sets from plain files and to plain files."""

from __future__ import annotations

import pyarrow.parquet as pq

from echoprime.bundle import open_bundle
from echoprime.interpretation.finished_set import require_nothing_there
from echoprime.interpretation.plain_candidates import plain_batches, plain_schema
from echoprime.interpretation.plain_import import PlainSources, import_candidates
from echoprime.storage import Location
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
    """Write a set as Parquet, one file for each pair of its own.

    Raises
    ------
    UserError
        There is no set, or something is in the way.
    """
    opened = open_set(settings.candidates, settings.bundle)
    target = Location.parse(settings.directory)
    require_nothing_there(target)
    candidates = opened.candidates
    lexicon = opened.lexicon()
    facts = {
        "embedding_space": candidates.embedding_space,
        "lexicon": {"language": opened.language, "sha256": opened.lexicon_sha256},
        "notice": opened.notice,
        "hash": opened.hash,
    }
    schema = plain_schema(candidates, facts)
    written = 0
    with StepProgress(show=settings.progress) as progress:
        for number, part in enumerate(candidates.parts()):
            name = f"candidates-{number:05d}-of-{candidates.files:05d}.parquet"
            with (
                (target / name).writing() as file,
                pq.ParquetWriter(file, schema, compression="zstd") as writer,
            ):
                for batch in plain_batches(part, schema, lexicon):
                    writer.write_batch(batch)
                    written += batch.num_rows
                    progress.told("candidates", written, candidates.rows)
    out = console()
    out.print(f"{written:,} candidates in {candidates.files} Parquet files in {target}")
    if lexicon is None:
        out.print("reports are codes alone: --bundle writes them in words too")
    return DONE
