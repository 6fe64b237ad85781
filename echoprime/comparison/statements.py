"""The SQL of a comparison: every number of it is counted by DuckDB, out of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def quoted(name: str) -> str:
    """A column's name in SQL.

    Examples
    --------
    >>> quoted("tavr")
    '"tavr"'
    """
    return '"' + name.replace('"', '""') + '"'


def joined(phenotypes: Sequence[str], first_calls: Sequence[str], second_calls: Sequence[str]) -> str:
    """One row a study that both tables have: values and calls of both, side by side, sorted by study_id."""
    columns = [
        "a.study_id",
        "b.study_key",
        "a.study_key = b.study_key AS same_content",
        "a.report <> b.report AS report_differs",
    ]
    for name in phenotypes:
        columns += [
            f"a.{quoted(name)} AS {quoted(name + '_first')}",
            f"b.{quoted(name)} AS {quoted(name + '_second')}",
        ]
        columns.append(f"b.{quoted(name)} - a.{quoted(name)} AS {quoted(name + '_difference')}")
    for name in phenotypes:
        call = quoted(f"{name}_call")
        if name in first_calls or name in second_calls:
            one = f"a.{call}" if name in first_calls else "NULL::BOOLEAN"
            two = f"b.{call}" if name in second_calls else "NULL::BOOLEAN"
            columns += [
                f"{one} AS {quoted(name + '_call_first')}",
                f"{two} AS {quoted(name + '_call_second')}",
            ]
    return f"SELECT {', '.join(columns)} FROM a JOIN b USING (study_id) ORDER BY study_id"


def value_summary(name: str) -> str:
    """What became of one phenotype; differences are second minus first, over the studies that have both."""
    one, two = quoted(f"{name}_first"), quoted(f"{name}_second")
    difference = quoted(f"{name}_difference")
    return f"""
        SELECT count(*) AS studies, count({one}) AS first_known, count({two}) AS second_known,
            count({difference}) AS both_known, count(*) FILTER ({difference} <> 0) AS changed,
            count(*) FILTER ({one} IS NOT NULL AND {two} IS NULL) AS only_first,
            count(*) FILTER ({one} IS NULL AND {two} IS NOT NULL) AS only_second,
            avg({one}) FILTER ({difference} IS NOT NULL) AS first_mean,
            avg({two}) FILTER ({difference} IS NOT NULL) AS second_mean,
            avg({difference}) AS mean_difference, stddev_samp({difference}) AS deviation,
            avg(abs({difference})) AS mean_absolute, max(abs({difference})) AS largest,
            quantile_cont({difference}, 0.05) AS percentile_5,
            quantile_cont({difference}, 0.95) AS percentile_95,
            corr({one}, {two}) AS correlation, stddev_samp({one}) AS first_deviation
        FROM both_sides"""


def call_counts(name: str) -> str:
    """Studies by their two calls; NULL = no call."""
    one, two = quoted(f"{name}_call_first"), quoted(f"{name}_call_second")
    return f"SELECT {one} AS first, {two} AS second, count(*) AS studies FROM both_sides GROUP BY ALL"


def studies(scales: Mapping[str, float | None], calls: Sequence[str]) -> str:
    """The table of studies: `both_sides` with what changed in each counted.

    Parameters
    ----------
    scales
        Phenotype -> what its difference is divided by, so that those of all phenotypes can be compared; one
        without is compared with none.
    calls
        Phenotypes that either table has calls for.
    """
    changed = [f"({quoted(n + '_first')} IS DISTINCT FROM {quoted(n + '_second')})::INT" for n in scales]
    called = [
        f"({quoted(n + '_call_first')} IS DISTINCT FROM {quoted(n + '_call_second')})::INT" for n in calls
    ]
    scaled = [
        "0.0" if scale is None else f"coalesce(abs({quoted(name + '_difference')}) / {scale!r}, 0)"
        for name, scale in scales.items()
    ]
    names = [f"'{name}'" for name in scales]
    return f"""
        WITH counted AS (SELECT study_id, count(DISTINCT section) AS sections_changed,
                count(*) FILTER (change = 'removed') AS sentences_removed,
                count(*) FILTER (change = 'added') AS sentences_added,
                count(*) FILTER (change = 'number') AS sentences_with_other_number
            FROM changes GROUP BY study_id),
        scaled AS (SELECT *, [{", ".join(scaled)}] AS steps FROM both_sides)
        SELECT scaled.* EXCLUDE (steps, report_differs), {" + ".join(changed)} AS values_changed,
            {" + ".join(called) or "0"} AS calls_changed,
            coalesce(sections_changed, 0) AS sections_changed,
            coalesce(sentences_removed, 0) AS sentences_removed,
            coalesce(sentences_added, 0) AS sentences_added,
            coalesce(sentences_with_other_number, 0) AS sentences_with_other_number,
            list_max(steps) AS largest_change,
            CASE WHEN list_max(steps) > 0 THEN [{", ".join(names)}][list_position(steps, list_max(steps))] END
                AS largest_change_of
        FROM scaled LEFT JOIN counted USING (study_id) ORDER BY study_id"""


SECTIONS = """
    SELECT section, count(DISTINCT study_id) AS studies, count(*) FILTER (change = 'removed') AS removed,
        count(*) FILTER (change = 'added') AS added, count(*) FILTER (change = 'number') AS number,
        count(*) FILTER (change = 'reordered') AS reordered
    FROM changes GROUP BY section ORDER BY studies DESC, section"""
"""Per section: studies whose text changed, sentences by kind of change, and studies where all of them are
the same in another order."""

SENTENCES = """
    SELECT section, wording AS sentence, count(*) FILTER (change = 'removed') AS removed,
        count(*) FILTER (change = 'added') AS added, count(*) FILTER (change = 'number') AS number
    FROM changes WHERE change <> 'reordered' GROUP BY section, wording
    ORDER BY count(*) DESC, section, wording"""
"""Per sentence, numbers as #: how often it was taken away, added, or got another number."""
