"""What makes a study: a list. Joined to the listing out of core: no row of either is ever a Python object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from echoprime.archive.list_file import is_parquet, open_list
from echoprime.archive.sorting import parquet
from echoprime.archive.study_csv import unreadable
from echoprime.archive.study_kinds import kind_expression
from echoprime.errors import ArchiveError
from echoprime.storage import Location
from echoprime.tables import STUDY_KINDS

COLUMNS = ("path", "study_id", "patient_id", "acquired_at", "study_kind")
"""What a list may say of a video; the first two it must."""

EARLIEST, LATEST = "TIMESTAMPTZ '1800-01-01'", "TIMESTAMPTZ '9999-12-31'"
"""Times that a list may say: SQL."""

NO_OBJECT = "rows of the list without an object"
NO_ROW = "objects without a row in the list, left out"
PATIENTS = "studies of which the list names more than one patient; the first path's counts"
KINDS = "studies of which the list names more than one kind; the first path's counts"


@dataclass(frozen=True)
class StudyList:
    """What a list says, ready to be joined.

    Attributes
    ----------
    source
        What messages call it.
    query
        SQL of its rows: `key`, and the others of `COLUMNS` as texts.
    listed_key
        SQL over a listed `path` that equals `key`.
    strict
        Whether a time or a kind that cannot be read is a mistake; else it is unknown.
    """

    source: Location
    query: str
    listed_key: str = "path"
    strict: bool = True


def own_list(
    connection: duckdb.DuckDBPyConnection,
    place: Location,
    archive: Location,
    scratch: Path,
    columns: Mapping[str, str],
) -> StudyList:
    """A list of one's own.

    Parameters
    ----------
    connection, scratch
        See `open_list`.
    place
        CSV or Parquet with `path` (below the archive, or with the archive's own address before it) and
        `study_id`; `patient_id`, `acquired_at` (ISO 8601) and `study_kind` (see `study_kinds`) if known.
    archive
        Whose objects it names.
    columns
        Of `COLUMNS`, those that have another name in the list -> that name.

    Raises
    ------
    ArchiveError
        It is not there, or has no such column.
    """
    found = open_list(connection, place, scratch)
    names = {name: columns.get(name, name) for name in COLUMNS}
    found.require([names[name] for name in COLUMNS if name in ("path", "study_id", *columns)])
    root = f"{archive}/".replace("'", "''")
    texts = {name: found.text(own) for name, own in names.items()}
    path = texts.pop("path")
    rest = f"substr({path}, {len(f'{archive}/') + 1})"
    below = f"CASE WHEN starts_with({path}, '{root}') THEN {rest} ELSE {path} END"
    picked = ", ".join(f"{text} AS {name}" for name, text in texts.items())
    key = f"regexp_replace({below}, '^(\\./)+', '')"
    return StudyList(place, f"SELECT {key} AS key, {picked} FROM {found.table}")


def join_list(
    connection: duckdb.DuckDBPyConnection, named: StudyList, scratch: Path, notes: Counter[str]
) -> str:
    """Give every listed object the study that a list names for it.

    Parameters
    ----------
    connection
        That the list was opened with.
    named
        The list.
    scratch
        Has `listed.parquet`; gets `joined.parquet`.
    notes
        Counts rows without an object, objects without a row, and studies that a list contradicts itself on.

    Returns
    -------
    str
        The query that reads the joined rows, of the manifest's columns.

    Raises
    ------
    ArchiveError
        A row cannot be read or says too little, a path stands twice, or none is among the objects.
    """
    _load(connection, named, scratch / "listed.parquet")
    _require_sound(connection, named)
    _count(connection, named, notes)
    joined = scratch / "joined.parquet"
    connection.execute(
        "COPY (SELECT n.study_id, l.path, l.size, l.token, n.patient_id, n.acquired_at, n.study_kind "
        "FROM listed l JOIN named n USING (key)) TO $joined (FORMAT parquet)",
        {"joined": str(joined)},
    )
    return f"SELECT * FROM {parquet(joined)}"


def _load(connection: duckdb.DuckDBPyConnection, named: StudyList, listed: Path) -> None:
    """Tables `named` and `listed`; times as times, and whether one could not be read."""
    # an offset, where there is one, is part of the text; without one the time is taken for UTC
    time, kind = "try_cast(acquired_at AS TIMESTAMPTZ)", kind_expression("study_kind")
    # DuckDB knows "infinity" and years that no other reader of the tables can have
    time = f"CASE WHEN {time} BETWEEN {EARLIEST} AND {LATEST} THEN {time} END"
    try:
        connection.execute(
            f"CREATE TABLE named AS SELECT key, study_id, patient_id, {time} AS acquired_at, "
            f"{kind} AS study_kind, acquired_at IS NOT NULL AND {time} IS NULL AS wrong_time, "
            f"study_kind IS NOT NULL AND {kind} IS NULL AS wrong_kind FROM ({named.query})"
        )
    except (duckdb.BinderException, duckdb.ParserException):
        raise  # of the query, not of the list
    except duckdb.Error as error:
        if is_parquet(named.source):
            raise ArchiveError(f"{named.source}: cannot be read as Parquet; write it again") from None
        raise ArchiveError(unreadable(named.source, error)) from None
    connection.execute(f"CREATE VIEW listed AS SELECT *, {named.listed_key} AS key FROM {parquet(listed)}")


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _require_sound(connection: duckdb.DuckDBPyConnection, named: StudyList) -> None:
    source = named.source
    empty = _one(connection, "SELECT count(*) FROM named WHERE key IS NULL OR study_id IS NULL")
    if empty:
        raise ArchiveError(f"{source}: {empty} rows without path or study_id; fill or remove them")
    twice = _one(connection, "SELECT count(*) FROM (SELECT key FROM named GROUP BY key HAVING count(*) > 1)")
    if twice:
        raise ArchiveError(f"{source}: {twice} paths stand in it more than once; keep one row for each")
    if named.listed_key != "path":
        several = _one(
            connection,
            "SELECT count(*) FROM (SELECT key FROM listed SEMI JOIN named USING (key) "
            "GROUP BY key HAVING count(*) > 1)",
        )
        if several:
            raise ArchiveError(
                f"{source}: {several} of its names fit several files of the archive; keep one file for each"
            )
    if not named.strict:
        return
    wrong = _one(connection, "SELECT count(*) FROM named WHERE wrong_time")
    if wrong:
        raise ArchiveError(
            f"{source}: acquired_at of {wrong} rows is no ISO 8601 time; write it like 2024-02-29T13:15:00Z"
        )
    wrong = _one(connection, "SELECT count(*) FROM named WHERE wrong_kind")
    if wrong:
        raise ArchiveError(
            f"{source}: study_kind of {wrong} rows is none that is known; write {', '.join(STUDY_KINDS)}, "
            "or leave it empty"
        )


def _count(connection: duckdb.DuckDBPyConnection, named: StudyList, notes: Counter[str]) -> None:
    rows = _one(connection, "SELECT count(*) FROM named")
    found = _one(connection, "SELECT count(*) FROM named SEMI JOIN listed USING (key)")
    listed = _one(connection, "SELECT count(*) FROM listed")
    if found == 0:
        raise ArchiveError(
            f"{named.source}: none of its {rows} paths is among the {listed} listed objects; "
            "paths are relative to the archive, with '/'"
        )
    if rows > found:
        notes[NO_OBJECT] = rows - found
    if listed > found:
        notes[NO_ROW] = listed - found
    for column, note in (("patient_id", PATIENTS), ("study_kind", KINDS)):
        several = _one(
            connection,
            # not count(DISTINCT): its sets do not go to disk
            "SELECT count(*) FROM (SELECT study_id FROM named GROUP BY study_id "
            f"HAVING min({column}) < max({column}))",
        )
        if several:
            notes[note] = several
