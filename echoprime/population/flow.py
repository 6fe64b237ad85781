"""From the archive to the analysed studies: every exclusion counted, in studies and in videos."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from echoprime.population.joining import REASONS
from echoprime.population.workspace import ask, ask_one, count
from echoprime.tables import STUDY_KINDS

FLOW = pa.schema(
    [
        pa.field("number", pa.int32()),  # order
        pa.field("kind", pa.string()),  # step; left_out: taken away before the next step; note: counted, kept
        pa.field("what", pa.string()),
        pa.field("studies", pa.int64()),
        pa.field(
            "videos", pa.int64()
        ),  # of these studies, by their row of the encodings, else by the manifest
    ]
)
COHORT_FLOW = pa.schema(
    [
        pa.field("kind", pa.string()),  # step, left_out or analysed
        pa.field("what", pa.string()),
        pa.field("rows", pa.int64()),  # of the cohort
    ]
)

_ENCODED = "status IS NOT NULL"
_INCOMPLETE = "status IN ('incomplete', 'vanished_incomplete')"
_LEFT = "NOT interpreted AND NOT other_kind"
_IN_TABLE = f"({_ENCODED} OR interpreted)"
_LINES = (
    ("step", "in the manifest of the last encode run", "listed_videos IS NOT NULL"),
    ("left_out", "not encoded yet", f"listed_videos IS NOT NULL AND NOT {_IN_TABLE}"),
    (
        "note",
        "encoded earlier, not in that manifest: gone from it, or of another archive",
        f"listed_videos IS NULL AND {_IN_TABLE}",
    ),
    ("step", "encoded", _IN_TABLE),
    *(("left_out", f"study kind: {kind}", f"other_kind AND study_kind = '{kind}'") for kind in STUDY_KINDS),
    ("left_out", "incomplete: a video failed for a passing reason", f"{_INCOMPLETE} AND {_LEFT}"),
    ("left_out", "not interpreted yet", f"{_ENCODED} AND NOT {_INCOMPLETE} AND {_LEFT}"),
    ("step", "interpreted", "interpreted"),
    ("note", "interpreted before the study's last encoding", "interpreted AND encoded_at <> written_at"),
    ("left_out", "not in the cohort", "interpreted AND NOT in_cohort"),
    ("step", "interpreted and in the cohort", "interpreted AND in_cohort"),
    (
        "left_out",
        "none of its videos could be encoded",
        "interpreted AND in_cohort AND coalesce(videos_encoded, 0) = 0",
    ),
    ("step", "analysed", "interpreted AND in_cohort AND videos_encoded > 0"),
)


def count_flow(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Studies and videos at each step, and what was left out before it; columns as in `FLOW`.

    Parameters
    ----------
    connection
        After `join_cohort`.
    """
    picked = ", ".join(
        f"count(*) FILTER ({condition}), sum(coalesce(videos, listed_videos)) FILTER ({condition})"
        for _, _, condition in _LINES
    )
    found = ask_one(connection, f"SELECT {picked} FROM standing_in_cohort")
    listed = count(connection, "SELECT count(*) FROM listed")
    rows: list[dict[str, Any]] = []
    for number, (kind, what, _) in enumerate(_LINES):
        if number < 3 and not listed:
            continue  # no manifest is there: nothing is known of what was not encoded
        studies, videos = found[2 * number], int(found[2 * number + 1] or 0)
        if studies or kind == "step":
            rows.append({"number": number, "kind": kind, "what": what, "studies": studies, "videos": videos})
    return pa.Table.from_pylist(rows, FLOW)


def count_cohort(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Rows of the cohort that did not join, by why; columns as in `COHORT_FLOW`."""
    found = dict(ask(connection, "SELECT reason, count(*) FROM left_out GROUP BY reason"))
    rows = count(connection, "SELECT count(*) FROM cohort")
    lines: list[dict[str, Any]] = [{"kind": "step", "what": "rows of the cohort", "rows": rows}]
    lines += [
        {"kind": "left_out", "what": what, "rows": found[reason]}
        for reason, what in REASONS.items()
        if reason in found
    ]
    lines.append({"kind": "analysed", "what": "with an analysed study", "rows": rows - sum(found.values())})
    return pa.Table.from_pylist(lines, COHORT_FLOW)
