"""Who is analysed: every study's standing from the archive to the cohort, and the joined rows.

Tables made: `standing` (one row a study that any table knows), `left_out` (one row a cohort row that did not
join) and `analysed` (one row an analysed study, with the cohort's columns).
"""

from __future__ import annotations

import duckdb

from echoprime.errors import CohortError
from echoprime.population.cohort import STUDY, Cohort
from echoprime.population.workspace import ask, count

REASONS = {
    "unknown": "no study of it in the archive or the tables",
    "not_encoded": "in the archive, not encoded yet",
    "other_kind": "encoded, left out for its study kind",
    "incomplete": "encoded, but incomplete: a video failed for a passing reason",
    "not_interpreted": "encoded, not interpreted",
    "nothing_encoded": "interpreted, but none of its videos could be encoded",
}
"""Why a row of the cohort has no analysed study, in the order of the data's way."""


def join_cohort(connection: duckdb.DuckDBPyConnection, cohort: Cohort) -> int:
    """Make the tables above.

    Returns
    -------
    int
        Studies of which cohort and table name different patients; the cohort's name is taken.

    Raises
    ------
    CohortError
        No study of the interpretation is in the cohort.
    """
    ask(connection, _STANDING)
    if cohort.key == STUDY:
        joined, day = "cohort_key = study_id", "coalesce(c.cohort_day, i.acquired_at AT TIME ZONE 'UTC')"
    else:
        # a patient's row has one day, his studies have several: theirs come first
        joined, day = "cohort_key = patient_id", "coalesce(i.acquired_at AT TIME ZONE 'UTC', c.cohort_day)"
        if count(connection, "SELECT count(patient_id) FROM standing") == 0:
            raise CohortError(
                f"{cohort.source} is keyed by patient_id and no table knows a study's patient; key it by "
                "study_id, or list the archive with --study-from dicom or a CSV that has patient_id"
            )
    ask(
        connection,
        f"CREATE TABLE standing_in_cohort AS SELECT s.*, c.cohort_key IS NOT NULL AS in_cohort, c.cohort_key "
        f"FROM standing s LEFT JOIN (SELECT cohort_key FROM cohort) c ON {joined}",
    )
    ask(
        connection,
        "CREATE TABLE analysed AS SELECT i.*, c.*, s.patient_id AS patient_of_tables, "
        f"coalesce(c.cohort_patient, s.patient_id) AS patient, {day} AS day "
        "FROM interpreted i JOIN standing_in_cohort s USING (study_id) JOIN cohort c USING (cohort_key) "
        "WHERE i.videos_encoded > 0",
    )
    if count(connection, "SELECT count(*) FROM analysed") == 0:
        raise CohortError(_nothing_joins(connection, cohort))
    ask(connection, _LEFT_OUT)
    return count(connection, "SELECT count(*) FROM analysed WHERE cohort_patient <> patient_of_tables")


_STANDING = """
CREATE TABLE standing AS SELECT
    study_id,
    coalesce(i.patient_id, e.patient_id, l.patient_id) AS patient_id,
    l.videos AS listed_videos,
    e.status, len(e.videos) AS videos, e.written_at, e.study_kind,
    e.study_kind IS NOT NULL AND e.study_kind NOT IN (SELECT kind FROM kinds_asked_for) AS other_kind,
    i.study_id IS NOT NULL AS interpreted, i.videos_encoded, i.encoded_at
FROM listed l FULL JOIN encoded e USING (study_id) FULL JOIN interpreted i USING (study_id)
"""

# The row's study that came furthest decides: a patient of whom one study is analysed is not left out.
_LEFT_OUT = """
CREATE TABLE left_out AS SELECT cohort_key, reason FROM (
    SELECT c.cohort_key, max(CASE
        WHEN s.interpreted AND s.videos_encoded > 0 THEN 6
        WHEN s.interpreted THEN 5
        WHEN s.other_kind THEN 2
        WHEN s.status IN ('complete', 'vanished') THEN 4
        WHEN s.status IS NOT NULL THEN 3
        WHEN s.study_id IS NOT NULL THEN 1
        ELSE 0 END) AS reached
    FROM cohort c LEFT JOIN standing_in_cohort s USING (cohort_key) GROUP BY c.cohort_key
) JOIN (VALUES (0, 'unknown'), (1, 'not_encoded'), (2, 'other_kind'), (3, 'incomplete'),
    (4, 'not_interpreted'), (5, 'nothing_encoded')) AS reasons(reached, reason) USING (reached)
"""


def _nothing_joins(connection: duckdb.DuckDBPyConnection, cohort: Cohort) -> str:
    known = count(connection, "SELECT count(*) FROM standing_in_cohort WHERE in_cohort")
    if known:
        return (
            f"{cohort.source}: {known:,} of its studies are known, and none is interpreted with a video "
            "encoded; `echoprime status` says what is left to do"
        )
    studies = count(connection, "SELECT count(*) FROM standing")
    return (
        f"{cohort.source}: none of its {cohort.rows:,} rows is of one of the {studies:,} studies; "
        f"{cohort.key} must be written as in the tables (`echoprime export` shows them)"
    )
