"""The population study: an output and a cohort to every number of it, in one call.

result = study_population(Location.parse("out"), Location.parse("cohort.csv"), by=("sex",))
result.tables["agreement"]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

from echoprime.population.agreement import agreements
from echoprime.population.analysed import Analysed, read_analysed
from echoprime.population.change import changes
from echoprime.population.cohort import Cohort, read_cohort
from echoprime.population.composition import compositions
from echoprime.population.discrimination import discriminations
from echoprime.population.distribution import distributions, prevalences
from echoprime.population.flow import count_cohort, count_flow
from echoprime.population.joining import join_cohort
from echoprime.population.known import known_columns, require_sound
from echoprime.population.loading import Phenotypes, load_tables
from echoprime.population.resampling import Bootstrap
from echoprime.population.suppression import suppress
from echoprime.population.table_one import tables_one
from echoprime.population.trend import Period, choose_period, trends
from echoprime.population.workspace import workspace
from echoprime.storage import Location

AFTER_READING = "composition"
"""The stage before which everything that can be wrong with what was given has been found."""


@dataclass
class Population:
    """What came out.

    Attributes
    ----------
    cohort, phenotypes, analysed
        What went in.
    known
        Phenotype -> the cohort's column of its known values.
    period
        Of the trends.
    least_count
        Counts below it are not shown; 1 = all are.
    other_patient
        Studies of which cohort and tables name different patients.
    tables
        Name -> every number: flow, cohort_flow, table_one, distribution, prevalence, trend, slopes, change,
        call_change, composition, amounts, agreement, discrimination.
    seconds
        Stage -> seconds.
    """

    cohort: Cohort
    phenotypes: Phenotypes
    analysed: Analysed
    known: dict[str, str]
    by: tuple[str, ...]
    period: Period
    least_count: int
    bootstrap: Bootstrap
    other_patient: int
    tables: dict[str, pa.Table] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def summary(self) -> list[str]:
        """What a terminal shows: who was analysed, who was not, how close the estimates are."""
        lines = [*self.phenotypes.notices]
        if self.phenotypes.thresholds and not self.phenotypes.calibrated:
            lines.append("calls rest on uncalibrated thresholds")
        for line in self.tables["flow"].to_pylist():
            mark = {"step": "", "left_out": "  left out: ", "note": "  of these: "}[line["kind"]]
            lines.append(f"{mark}{line['what']}: {line['studies']:,} studies, {line['videos']:,} videos")
        for line in self.tables["cohort_flow"].to_pylist():
            mark = "  left out: " if line["kind"] == "left_out" else ""
            lines.append(f"{mark}{line['what']}: {line['rows']:,}")
        for row in self.tables["agreement"].to_pylist():
            if not row["by"] and row["mae"] is not None:
                interval = (
                    f" ({row['mae_from']:.2f} to {row['mae_to']:.2f})" if row["mae_from"] is not None else ""
                )
                lines.append(
                    f"{row['phenotype']} against {row['column']}: mean absolute error {row['mae']:.2f} "
                    f"{row['unit']}{interval}, {row['pairs']:,} studies of {row['patients']:,} patients"
                )
        for row in self.tables["discrimination"].to_pylist():
            if not row["by"] and row["auroc"] is not None:
                interval = (
                    f" ({row['auroc_from']:.2f} to {row['auroc_to']:.2f})"
                    if row["auroc_from"] is not None
                    else ""
                )
                lines.append(
                    f"{row['phenotype']} against {row['column']}: AUROC {row['auroc']:.2f}{interval}, "
                    f"{row['positives']:,} of {row['pairs']:,} studies have it"
                )
        return lines


def study_population(
    output: Location,
    cohort: Location,
    *,
    name: str = "default",
    key: str | None = None,
    by: Sequence[str] = (),
    known: Sequence[str] = (),
    ignore: Sequence[str] = (),
    date_format: str | None = None,
    period: Period | None = None,
    least_count: int = 1,
    bootstrap: Bootstrap | None = None,
    progress: Callable[[str], None] | None = None,
) -> Population:
    """Join a cohort to an interpretation, and compute.

    Parameters
    ----------
    output
        Where the jobs wrote: interpretations/NAME and encodings are read.
    cohort
        CSV or Parquet; see `read_cohort`.
    name
        Of the interpretation.
    key, date_format, ignore
        See `read_cohort`.
    by
        Columns of the cohort that make groups.
    known
        "PHENOTYPE=COLUMN"; see `known_columns`.
    period
        Of the trends; None = by the time that the cohort spans.
    least_count
        Counts of studies below it are not shown, nor what could be reckoned back to them.
    bootstrap
        Draws and seed.
    progress
        Called with a stage's name before it begins.

    Raises
    ------
    CohortError, TableError, SettingError
        What is asked for cannot be computed from this; nothing was written.
    """
    seconds: dict[str, float] = {}

    @contextmanager
    def stage(what: str) -> Iterator[None]:
        if progress is not None:
            progress(what)
        started = time.perf_counter()
        yield
        seconds[what] = time.perf_counter() - started

    drawing = bootstrap or Bootstrap()
    with workspace() as connection:
        with stage("read the cohort"):
            people = read_cohort(connection, cohort, key=key, date_format=date_format, ignore=ignore)
            by = tuple(dict.fromkeys(people.column(each, "--by").name for each in by))
        with stage("read the tables"):
            phenotypes = load_tables(connection, output, name)
            columns = known_columns(people, phenotypes, known)
            require_sound(connection, people, phenotypes, columns)
        with stage("join"):
            other_patient = join_cohort(connection, people)
            analysed = read_analysed(
                connection, phenotypes, people, by, tuple(dict.fromkeys(columns.values()))
            )
            flow, cohort_flow = count_flow(connection), count_cohort(connection)
        with stage(AFTER_READING):
            composition, amounts = compositions(connection)
        with stage("table one"):
            table_one = tables_one(connection, people, by, analysed)
    chosen = period or choose_period(analysed.days)
    with stage("distribution and prevalence"):
        distribution = distributions(analysed, phenotypes)
        prevalence = prevalences(analysed, phenotypes)
    with stage("trend"):
        trend, slopes = trends(analysed, phenotypes, chosen)
    with stage("change within patients"):
        change, call_change = changes(analysed, phenotypes)
    with stage("agreement with known values"):
        agreement = agreements(analysed, phenotypes, columns, drawing)
        discrimination = discriminations(analysed, phenotypes, columns, drawing)
    tables = {
        "flow": flow, "cohort_flow": cohort_flow, "table_one": table_one, "distribution": distribution,
        "prevalence": prevalence, "trend": trend, "slopes": slopes, "change": change,
        "call_change": call_change, "composition": composition, "amounts": amounts, "agreement": agreement,
        "discrimination": discrimination,
    }  # fmt: skip
    tables = suppress(tables, analysed, least_count)
    return Population(
        people,
        phenotypes,
        analysed,
        columns,
        tuple(by),
        chosen,
        least_count,
        drawing,
        other_patient,
        tables,
        seconds,
    )
