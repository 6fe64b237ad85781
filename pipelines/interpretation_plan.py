"""Which encoded studies an interpretation is made of, in which order, and the plan that its job streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoprime.archive import read_studies
from echoprime.errors import SettingError
from echoprime.interpretation import MatchedViews, match_views, nothing_fits
from echoprime.storage import Location
from echoprime.tables import VIDEO, StudyTable, Withdrawn, newest_rows
from echoprime.tables.files import read_rows
from pipelines.choices import Choices
from pipelines.settings import InterpretSettings
from pipelines.uninterpreted import Uninterpreted, uninterpreted

STUDIES_PER_CHUNK = 256
"""Studies that are searched together: 3,840 queries, enough for the product to run at the cores' speed."""

STUDIES_PER_INFLUENCE_CHUNK = 16
"""The same with --influence: hundreds of queries a study, and who stops a run waits for a chunk."""

_PATHS = pa.schema(
    [
        pa.field("study_id", pa.string()),
        pa.field("videos", pa.list_(pa.struct([VIDEO.field(name) for name in ("path", "outcome")]))),
    ]
)


def left_to_do(
    settings: InterpretSettings, choices: Choices, encodings: StudyTable, table: StudyTable | None
) -> Uninterpreted:
    """What to interpret, its rows in the order in which they lie in the encodings' files."""
    newest = newest_rows(encodings.keys())
    if withdrawn := Withdrawn.read(Location.parse(settings.output)):
        newest = _without_withdrawn(newest, encodings, withdrawn)
    if settings.studies is not None:
        chosen = pa.array(sorted(read_studies(Location.parse(settings.studies))), pa.string())
        newest = newest.filter(pc.is_in(newest["study_id"], chosen))
        if not len(newest):
            raise SettingError(f"--studies {settings.studies}: none of its studies is encoded")
    left = uninterpreted(
        newest.slice(0, settings.limit),
        table,
        kinds=choices.kinds,
        include_incomplete=settings.include_incomplete,
    )
    return replace(left, rows=_as_they_lie(left.rows))


def _without_withdrawn(newest: pa.Table, encodings: StudyTable, withdrawn: Withdrawn) -> pa.Table:
    """A table that was brought back from a copy may have them again, and studies that it had not then."""
    theirs: set[str] = set()
    for batch in encodings.newest_batches(["study_id", "patient_id"]):
        pairs = zip(batch["study_id"].to_pylist(), batch["patient_id"].to_pylist(), strict=True)
        theirs.update(study for study, patient in pairs if withdrawn.names(study, patient))
    return newest.filter(pc.invert(pc.is_in(newest["study_id"], pa.array(sorted(theirs), pa.string()))))


def _as_they_lie(rows: pa.Table) -> pa.Table:
    places = rows.select(["row_group", "row_in_group"])
    # The names are sorted, so their numbers sort like them; Arrow sorts no dictionary.
    places = places.append_column("number", rows["file"].combine_chunks().indices)
    order = [(name, "ascending") for name in ("number", "row_group", "row_in_group")]
    return rows.take(pc.sort_indices(places, order))


def given_views(
    choices: Choices, encodings: StudyTable, rows: pa.Table, *, first: bool
) -> MatchedViews | None:
    """The views that a table of the user's says, in the order of the rows."""
    if choices.views is None or not len(rows):
        return None
    found = match_views(choices.views, _paths(encodings, rows), choices.scratch)
    # A later run may find new studies alone, of which the table says nothing.
    if first and not found.given:
        raise SettingError(nothing_fits(choices.views, f"the {found.not_given:,} encoded videos"))
    return found


def _paths(encodings: StudyTable, rows: pa.Table) -> Iterator[pa.Table]:
    """Paths and outcomes of the videos of some studies; nothing else of them is read."""
    leaves = ["study_id", "videos.list.element.path", "videos.list.element.outcome"]
    for found in read_rows(encodings.location, rows, leaves):
        yield found.select(_PATHS.names).cast(_PATHS)


def studies_per_chunk(settings: InterpretSettings, encodings: StudyTable) -> int:
    """How many are searched together: fewer where each is searched for again by each of its clips."""
    if settings.influence:
        return STUDIES_PER_INFLUENCE_CHUNK
    clips = encodings.identity.get("clips_per_video")
    return STUDIES_PER_CHUNK // (1 + clips) if isinstance(clips, int) else STUDIES_PER_CHUNK


def write_plan(rows: pa.Table, views: MatchedViews | None, plan: Location, per_chunk: int) -> None:
    """One row group a chunk, rows in the order in which they lie in the table's files."""
    places = rows.select(["file", "row_group", "row_in_group"])
    given = pa.nulls(len(rows), pa.list_(pa.int8())) if views is None else views.views
    places = places.append_column("given_views", given)
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "plan.parquet"
        pq.write_table(places, file, row_group_size=per_chunk)
        plan.put_file(file)
