"""The population's page: its tables and drawings, in the order in which a paper tells them."""

from __future__ import annotations

import numpy as np

from echoprime.pages import render_page
from echoprime.pages.page import NOTHING, words
from echoprime.population.page_analyses import agreement, changes, discrimination, trends
from echoprime.population.page_description import composition, continuous, prevalence, tables_one
from echoprime.population.study import Population


def population_page(result: Population, *, interpretation: str) -> str:
    """One self-contained HTML page.

    Parameters
    ----------
    result
        From `study_population`.
    interpretation
        Its name.
    """
    rows = {name: table.to_pylist() for name, table in result.tables.items()}
    return render_page(
        "population.html.j2",
        title="Population study",
        notice="; ".join(result.phenotypes.notices),
        warnings=_warnings(result),
        facts=_facts(result),
        flow=rows["flow"],
        cohort_flow=rows["cohort_flow"],
        tables_one=tables_one(rows["table_one"], result),
        continuous=continuous(result, rows["distribution"]),
        prevalence=prevalence(result, rows["prevalence"]),
        trends=trends(result, rows),
        changes=changes(result, rows),
        composition=composition(rows),
        agreement=agreement(result, rows["agreement"]),
        discrimination=discrimination(result, rows["discrimination"]),
        interpretation=interpretation,
        result=result,
        names=sorted(rows),
    )


def _warnings(result: Population) -> list[str]:
    found = []
    if not result.phenotypes.calibrated and result.phenotypes.thresholds:
        found.append(
            "Calls and prevalences rest on uncalibrated thresholds: published ones, which do not say what "
            "they were tuned on, or those of a table of one's own (--thresholds)."
        )
    if result.other_patient:
        found.append(
            f"{result.other_patient:,} studies have another patient in the cohort than in the tables; the "
            "cohort's was taken."
        )
    unknown = int((~result.analysed.patients_known).sum())
    if unknown:
        found.append(
            f"The patient of {unknown:,} of {len(result.analysed):,} studies is unknown; each was taken "
            "for a patient of its own."
        )
    texts = [column.name for column in result.cohort.columns if column.kind == "text"]
    if texts:
        found.append(
            "Columns whose texts hardly repeat (more than 30 different ones, or more than half as many as "
            f"rows) were left out: {', '.join(texts)}."
        )
    if result.least_count > 1:
        found.append(
            f"Counts of studies or patients below {result.least_count} are hidden, and others with them that "
            "they could be reckoned back from; so are rows in which that few could not be assessed, or have "
            "no known value. The flow and the composition count files and rows: they are shown whole."
        )
    return found


def _facts(result: Population) -> list[tuple[str, str]]:
    days = result.analysed.days[~np.isnat(result.analysed.days)]
    dated = (
        f"{days.min()} to {days.max()} ({len(days):,} of {len(result.analysed):,} dated)"
        if len(days)
        else NOTHING
    )
    if result.least_count > 1:
        # the first and the last day are one study's each
        shown = [row["period"] for row in result.tables["trend"].to_pylist() if not row["hidden"]]
        dated = f"{min(shown)} to {max(shown)}" if shown else NOTHING
    return [
        ("studies analysed", f"{len(result.analysed):,}"),
        ("patients", f"{result.analysed.patient_count:,}"),
        ("rows of the cohort", f"{result.cohort.rows:,}"),
        ("joined by", result.cohort.key),
        ("days", dated),
        ("known values", ", ".join(words(name) for name in result.known) or NOTHING),
    ]
