"""What the archive is made of: outcomes, views, devices, frames; counted where it lies, never row by row."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from echoprime.population.workspace import ask, count

COMPOSITION = pa.schema(
    [
        pa.field("among", pa.string()),  # encoded: every encoded study; analysed: those of the cohort
        pa.field("part", pa.string()),  # see `PARTS` and `STUDY_PARTS`
        pa.field("level", pa.string()),
        pa.field("counted", pa.string()),  # videos or studies
        pa.field("number", pa.int64()),
        pa.field("of", pa.int64()),  # the denominator
    ]
)
AMOUNTS = pa.schema(
    [
        pa.field("among", pa.string()),
        pa.field("measure", pa.string()),  # see `MEASURES`
        pa.field("counted", pa.string()),
        pa.field("number", pa.int64()),  # that have a value
        pa.field("mean", pa.float64()),
        *[pa.field(name, pa.float64()) for name in ("minimum", "q1", "median", "q3", "maximum")],
    ]
)
PARTS = {
    "outcome": "CASE WHEN reason = '' THEN outcome ELSE outcome || ': ' || reason END",
    "view": "view",
    "device": "CASE WHEN coalesce(manufacturer, model) IS NULL THEN 'not said' "
    "ELSE concat_ws(' ', manufacturer, model) END",
    "picture": "coalesce(rows || ' x ' || columns, 'not said')",
    "transfer syntax": "coalesce(transfer_syntax, 'not said')",
    "regions": "CASE WHEN len(regions) > 0 THEN array_to_string(regions, ' + ') ELSE 'not said' END",
}
"""What is counted of videos: the outcomes of all of them, the others of encoded ones."""

STUDY_PARTS = {"study kind": "[study_kind]", "studies with view": "views"}
"""What is counted of studies: those of which a list has the level."""

MEASURES = ("videos a study", "encoded videos a study", "views a study", "frames a video", "frames a second")
AMONG = ("encoded", "analysed")


def compositions(connection: duckdb.DuckDBPyConnection) -> tuple[pa.Table, pa.Table]:
    """Columns as in `COMPOSITION` and `AMOUNTS`.

    Parameters
    ----------
    connection
        After `join_cohort`.
    """
    _count(connection)
    counts, amounts = [], []
    for among in AMONG:
        kept = "true" if among == "encoded" else "analysed"
        for part, level, number, of in _parts(connection, kept):
            counted = "studies" if part in STUDY_PARTS else "videos"
            counts.append(
                {"among": among, "part": part, "level": level, "counted": counted, "number": number, "of": of}
            )
        amounts += _amounts(connection, among, kept)
    return pa.Table.from_pylist(counts, COMPOSITION), pa.Table.from_pylist(amounts, AMOUNTS)


def _count(connection: duckdb.DuckDBPyConnection) -> None:
    """Two tables: how many videos are alike in all that is counted, and one row a study of numbers."""
    ask(
        connection,
        "CREATE TABLE in_cohort AS "
        "SELECT e.study_id, e.study_kind, e.videos, a.study_id IS NOT NULL AS analysed "
        "FROM encoded e LEFT JOIN (SELECT study_id FROM analysed) a USING (study_id)",
    )
    ask(
        connection,
        "CREATE TABLE video_counts AS SELECT analysed, v.*, count(*) AS videos "
        "FROM (SELECT analysed, unnest(videos) AS v FROM in_cohort) GROUP BY ALL",
    )
    encoded = "list_filter(videos, lambda v: v.outcome = 'encoded')"
    ask(
        connection,
        "CREATE TABLE study_counts AS SELECT analysed, study_kind, len(videos) AS all_videos, "
        f"len({encoded}) AS encoded, "
        f"list_distinct(list_transform({encoded}, lambda v: v.view)) AS views FROM in_cohort",
    )


def _parts(connection: duckdb.DuckDBPyConnection, kept: str) -> list[tuple[str, str, int, int]]:
    """(part, level, number, of), the most frequent level of a part first."""
    found: list[tuple[str, str, int, int]] = []

    def add(part: str, query: str, of: int) -> None:
        rows = [(part, str(name), int(number), of) for name, number in ask(connection, query)]
        found.extend(sorted(rows, key=lambda row: (-row[2], row[1])))

    for part, level in PARTS.items():
        among = kept if part == "outcome" else f"{kept} AND outcome = 'encoded'"
        query = f"SELECT {level} AS level, sum(videos)::BIGINT FROM video_counts WHERE {among} GROUP BY level"
        add(part, query, count(connection, f"SELECT sum(videos) FROM video_counts WHERE {among}"))
    for part, levels in STUDY_PARTS.items():
        listed = f"SELECT unnest({levels}) AS level FROM study_counts WHERE {kept}"
        query = f"SELECT level, count(*) FROM ({listed}) GROUP BY level"
        add(part, query, count(connection, f"SELECT count(*) FROM study_counts WHERE {kept}"))
    return found


def _amounts(connection: duckdb.DuckDBPyConnection, among: str, kept: str) -> list[dict[str, Any]]:
    rows = []
    for measure, column in zip(MEASURES, ("all_videos", "encoded", "len(views)"), strict=False):
        query = f"SELECT {column} AS value, count(*) AS times FROM study_counts WHERE {kept}"
        rows.append(_amount(connection, among, measure, "studies", query))
    encoded = f"FROM video_counts WHERE {kept} AND outcome = 'encoded'"
    for measure, column in zip(MEASURES[3:], ("frames", "1000 / nullif(frame_time, 0)"), strict=True):
        query = f"SELECT {column} AS value, sum(videos) AS times {encoded} AND {column} IS NOT NULL"
        rows.append(_amount(connection, among, measure, "videos", query))
    return rows


def _amount(
    connection: duckdb.DuckDBPyConnection, among: str, measure: str, counted: str, query: str
) -> dict[str, Any]:
    """By how often each value occurs: quarters of ten million videos from a few hundred rows."""
    found = connection.execute(
        f"SELECT value::DOUBLE AS value, times::BIGINT AS times FROM ({query} GROUP BY value) ORDER BY value"
    ).fetchnumpy()
    values, times = np.asarray(found["value"]), np.asarray(found["times"])
    row: dict[str, Any] = {"among": among, "measure": measure, "counted": counted, "number": int(times.sum())}
    if len(values):
        row["mean"] = float((values * times).sum() / times.sum())
        row |= dict(
            zip(("minimum", "q1", "median", "q3", "maximum"), weighted_quarters(values, times), strict=True)
        )
    return row


def weighted_quarters(values: NDArray[np.float64], times: NDArray[np.int64]) -> list[float]:
    """Minimum, quarters and maximum of ascending values that occur so often: always a value that occurs.

    Examples
    --------
    >>> weighted_quarters(np.array([10.0, 20.0]), np.array([3, 2]))
    [10.0, 10.0, 10.0, 20.0, 20.0]
    """
    places = np.searchsorted(
        np.cumsum(times), np.array([0, 0.25, 0.5, 0.75, 1]) * (times.sum() - 1), side="right"
    )
    quarters: list[float] = values[np.minimum(places, len(values) - 1)].tolist()
    return quarters
