"""An output's tables, as far as a population study reads them, into the workspace.

Tables made: `interpreted` (one row a study, plain columns), `encoded` (its kind, its status and the outcomes
of its videos), `kinds_asked_for` (kinds of study that the interpretation is of) and `listed` (studies and
videos of the manifest). Embeddings, evidence and reports are never read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from echoprime.bundle.phenotypes import UNITS
from echoprime.errors import TableError
from echoprime.population.workspace import ask, ask_one, create_from
from echoprime.storage import Location
from echoprime.tables import VIDEO, StudyTable, interpreted_kinds, list_runs, newest_rows
from echoprime.tables.files import group_batches, read_rows

_NOT_READ = frozenset({
    "sections", "report", "study_key", "run_id", "interpretation_id", "encoding_id", "study_kind", "views",
    "views_given", "phenotypes", "severity", "contradictions",
})  # fmt: skip

_OF_A_VIDEO = (
    "outcome", "reason", "view", "frames", "frame_time", "rows", "columns", "manufacturer", "model",
    "transfer_syntax", "regions",
)  # fmt: skip
_VIDEO = pa.struct([VIDEO.field(name) for name in _OF_A_VIDEO])
_ENCODED = pa.schema(
    [
        pa.field("study_id", pa.string()),
        pa.field("patient_id", pa.string()),
        pa.field("study_kind", pa.string()),
        pa.field("status", pa.string()),
        pa.field("written_at", pa.timestamp("us", tz="UTC")),
        pa.field("videos", pa.list_(_VIDEO)),
    ]
)
_LEAVES = [field.name for field in _ENCODED if field.name != "videos"] + [
    f"videos.list.element.{name}" + (".list.element" if name == "regions" else "") for name in _OF_A_VIDEO
]
"""Leaf columns: paths and tokens of ten million videos stay unread."""

ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Phenotypes:
    """What an interpretation estimates.

    Attributes
    ----------
    units
        Name -> unit; "" for the share of neighbours, 0..1, of a binary one.
    thresholds
        Name -> threshold of its call; those that have a call.
    calibrated
        Whether every call rests on a calibrated threshold.
    notices
        What must be said beside every number; each once.
    """

    units: dict[str, str]
    thresholds: dict[str, float | None]
    calibrated: bool
    notices: tuple[str, ...]


def load_tables(connection: duckdb.DuckDBPyConnection, output: Location, name: str) -> Phenotypes:
    """Read OUT/interpretations/NAME, OUT/encodings and the manifest.

    Raises
    ------
    TableError
        A table is missing, is of another version, or the two do not belong to each other.
    """
    interpretations = _interpretations(output, name)
    encodings = StudyTable.existing(output / "encodings")
    theirs, ours = interpretations.identity.get("encoding_id"), encodings.identity.get("encoding_id")
    if theirs != ours:
        raise TableError(
            f"interpretations/{name} was made from other encodings than those in {output / 'encodings'}; "
            "interpret again, or give the --output that both lie in"
        )
    columns = [column for column in interpretations.schema.names if column not in _NOT_READ]
    schema = pa.schema([interpretations.schema.field(column) for column in columns])
    create_from(connection, "interpreted", schema, interpretations.newest_batches(columns))
    create_from(connection, "encoded", _ENCODED, _encoded(encodings))
    _leave_out_other_kinds(connection, interpreted_kinds(interpretations.identity))
    _load_manifest(connection, output)
    return _phenotypes(connection, interpretations)


def _interpretations(output: Location, name: str) -> StudyTable:
    there = (output / "interpretations").names()
    if name not in there:
        known = f"there are {', '.join(there)}" if there else "interpret first: echoprime interpret"
        raise TableError(f"{output}: there is no table interpretations/{name}; {known}")
    return StudyTable.existing(output / "interpretations" / name)


def _leave_out_other_kinds(connection: duckdb.DuckDBPyConnection, kinds: Sequence[str]) -> None:
    """A study that was interpreted before its kind was known is not analysed: its kind is not asked for."""
    ask(connection, "CREATE TABLE kinds_asked_for (kind VARCHAR)")
    connection.executemany("INSERT INTO kinds_asked_for VALUES (?)", [[kind] for kind in kinds])
    ask(
        connection,
        "DELETE FROM interpreted WHERE study_id IN (SELECT study_id FROM encoded "
        "ANTI JOIN kinds_asked_for ON kind = study_kind)",
    )


def _encoded(table: StudyTable) -> Iterator[pa.RecordBatch]:
    for rows in read_rows(table.location, newest_rows(table.keys()), _LEAVES):
        yield from rows.select(_ENCODED.names).cast(_ENCODED).combine_chunks().to_batches()


def _load_manifest(connection: duckdb.DuckDBPyConnection, output: Location) -> None:
    """Studies and videos of the last encode run's manifest; none where it is no longer there."""
    ask(connection, "CREATE TABLE listed (study_id VARCHAR, patient_id VARCHAR, videos BIGINT)")
    runs = [run for run in list_runs(output) if run.command == "encode"]
    place = Location.parse(str(runs[-1].settings["manifest"])) if runs else output / "manifest.parquet"
    if not place.exists():
        return
    schema = pa.schema([("study_id", pa.string()), ("patient_id", pa.string())])

    def batches() -> Iterator[pa.RecordBatch]:
        with place.open("rb") as opened, pq.ParquetFile(opened) as file:
            for batch in group_batches(file, ROWS_AT_ONCE, schema.names):
                yield batch.select(schema.names).cast(schema)

    create_from(connection, "listed_videos", schema, batches())
    ask(
        connection,
        "INSERT INTO listed SELECT study_id, min(patient_id), count(*) FROM listed_videos GROUP BY study_id",
    )
    ask(connection, "DROP TABLE listed_videos")


def _phenotypes(connection: duckdb.DuckDBPyConnection, table: StudyTable) -> Phenotypes:
    names = [field.name for field in table.schema if pa.types.is_float64(field.type)]
    stored = table.identity.get("thresholds")
    given = stored if isinstance(stored, dict) else {}
    called = [name for name in names if f"{name}_call" in table.schema.names]
    row = ask_one(connection, "SELECT bool_and(calls_calibrated) FROM interpreted")
    notices = ask(connection, "SELECT DISTINCT notice FROM interpreted WHERE notice <> '' ORDER BY notice")
    return Phenotypes(
        units={name: UNITS.get(name, "") for name in names},
        thresholds={name: given.get(name) for name in called},
        calibrated=bool(row and row[0]),
        notices=tuple(notice for (notice,) in notices),
    )
