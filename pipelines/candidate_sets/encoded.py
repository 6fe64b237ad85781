"""One's own encoded studies, looked at as a set that is searched: without reports and labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoprime.bundle import Bundle, open_bundle
from echoprime.errors import BundleError, TableError
from echoprime.retrieval import CandidateSet, CandidateWriter
from echoprime.retrieval.encoded_studies import read_encoded_studies
from echoprime.storage import Location
from echoprime.tables import EMBEDDING_LENGTH, INTERPRETABLE, StudyTable, newest_rows, table_exists
from pipelines.candidate_sets.opening import OpenedSet, open_set
from pipelines.checks import require_encodings

ROWS_AT_ONCE = 8_192


@contextmanager
def opened_for_search(named: str, bundle: str | None = None) -> Iterator[OpenedSet]:
    """A candidate set as `open_set` opens it, or a table of encoded studies as one, in a scratch folder.

    Parameters
    ----------
    named
        Bundle, candidate set, or OUT/encodings.
    bundle
        For what is no bundle; in place of a bundle's own, too, where both are of one encoder.

    Raises
    ------
    UserError
        There is none of them, no study of the table has an encoded video, or the bundle is of another
        encoder.
    """
    place = Location.parse(named)
    if not is_encodings(place):
        yield open_set(named, bundle)
        return
    encodings = StudyTable.existing(place)
    require_encodings(encodings)
    with TemporaryDirectory(prefix="echoprime-search-") as folder:
        yield _opened(encodings, None if bundle is None else open_bundle(bundle), Path(folder))


def is_encodings(place: Location) -> bool:
    """Whether a table lies there, and so no candidate set.

    Raises
    ------
    BundleError
        Nothing lies there, or it cannot be reached.
    """
    place.require_reachable("candidates", BundleError, must_exist=True)
    return not (place / "bundle.json").exists() and table_exists(place)


def _opened(encodings: StudyTable, bundle: Bundle | None, scratch: Path) -> OpenedSet:
    keys = newest_rows(encodings.keys())
    whole = keys.filter(pc.is_in(keys["status"], pa.array(INTERPRETABLE))).sort_by("study_id")
    found = read_encoded_studies(encodings, whole, scratch)
    count = len(found.kept)
    if not count:
        raise TableError(
            f"table {encodings.location}: none of its {len(keys):,} studies has an encoded video"
        )
    writer = CandidateWriter(
        scratch / "set",
        rows=count,
        labels=[],
        embedding_space=str(encodings.identity["embedding_space"]),
        dimension=EMBEDDING_LENGTH,
    )
    for first in range(0, count, ROWS_AT_ONCE):
        here = found.kept[first : first + ROWS_AT_ONCE]
        names = whole["study_id"].take(pa.array(here)).to_pylist()
        patients = [found.patients[row] for row in here.tolist()]
        nothing = np.empty((len(here), 0))
        writer.append(
            np.ascontiguousarray(found.embeddings[here]), names, nothing, [()] * len(here), patients
        )
    writer.close()
    left_out = f"; {len(keys) - count:,} incomplete or without an encoded video" if len(keys) > count else ""
    language = "en" if bundle is None or "en" in bundle.languages else bundle.languages[0]
    return OpenedSet(
        place=encodings.location,
        candidates=CandidateSet.open(scratch / "set"),
        hash="",
        bundle=bundle,
        language=language,
        lexicon_sha256="",
        notice=f"{count:,} encoded studies were searched{left_out}",
        coded_by=(),
    )
