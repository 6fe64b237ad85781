"""The population's page: its tables and drawings, in the order in which a paper tells them."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from echoprime.pages import render_page
from echoprime.pages.page import NOTHING, number, percent, words
from echoprime.population import drawings
from echoprime.population.change import first_and_last
from echoprime.population.study import Population

Row = dict[str, Any]
Table = dict[str, Any]

LINES_SHOWN = 60
"""Patients whose change is drawn as a line each; of more, the numbers say it."""
TRENDS_DRAWN = 6
HIDDEN = "hidden"
"""What stands where a count is too small to be shown."""


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
        title=f"Population study of {words(interpretation)}",
        notice="; ".join(result.phenotypes.notices),
        warnings=_warnings(result),
        facts=_facts(result),
        flow=rows["flow"],
        cohort_flow=rows["cohort_flow"],
        tables_one=_tables_one(rows["table_one"], result),
        continuous=_continuous(result, rows["distribution"]),
        prevalence=_prevalence(result, rows["prevalence"]),
        trends=_trends(result, rows),
        changes=_changes(result, rows),
        composition=_composition(rows),
        agreement=_agreement(result, rows["agreement"]),
        discrimination=_discrimination(result, rows["discrimination"]),
        result=result,
        names=sorted(rows),
    )


def _warnings(result: Population) -> list[str]:
    found = []
    if not result.phenotypes.calibrated and result.phenotypes.thresholds:
        found.append(
            "Calls and prevalences rest on uncalibrated thresholds: the published ones, which do not say what "
            "they were tuned on."
        )
    if result.other_patient:
        found.append(
            f"{result.other_patient:,} studies have another patient in the cohort than in the tables; the "
            "cohort's was taken."
        )
    unknown = int((~result.analysed.patients_known).sum())
    if unknown:
        found.append(
            f"The patient of {unknown:,} of {len(result.analysed):,} studies is unknown; each was taken for a "
            "patient of its own."
        )
    texts = [column.name for column in result.cohort.columns if column.kind == "text"]
    if texts:
        found.append(f"Columns with more than 30 different texts were left out: {', '.join(texts)}.")
    if result.least_count > 1:
        found.append(
            f"Counts of studies or patients below {result.least_count} are hidden, and others with them that they "
            "could be reckoned back from. The flow and the composition count files and rows, and are shown whole."
        )
    return found


def _facts(result: Population) -> list[tuple[str, str]]:
    days = result.analysed.days[~np.isnat(result.analysed.days)]
    span = f"{days.min()} to {days.max()}" if len(days) and result.least_count <= 1 else NOTHING
    if len(days) and result.least_count > 1:
        span = f"{str(days.min())[:4]} to {str(days.max())[:4]}"
    return [
        ("studies analysed", f"{len(result.analysed):,}"),
        ("patients", f"{result.analysed.patient_count:,}"),
        ("rows of the cohort", f"{result.cohort.rows:,}"),
        ("joined by", result.cohort.key),
        ("days", f"{span} ({len(days):,} of {len(result.analysed):,} dated)"),
        ("known values", ", ".join(words(name) for name in result.known) or NOTHING),
    ]


def interval(low: float | None, high: float | None, digits: int = 1, factor: float = 1.0) -> str:
    """An interval as pages show it.

    Examples
    --------
    >>> interval(0.123, 0.456, 1, 100)
    '12.3 to 45.6'
    """
    if low is None or high is None:
        return NOTHING
    return f"{number(factor * low, digits)} to {number(factor * high, digits)}"


def _cell(row: Row, text: str) -> str:
    return HIDDEN if row["hidden"] else text


def _columns(*labels: str) -> list[dict[str, Any]]:
    """Columns of a table: the first, and those that begin with a point, are words; the others numbers."""
    return [
        {"label": label.removeprefix("."), "number": place > 0 and not label.startswith(".")}
        for place, label in enumerate(labels)
    ]


def _tables_one(rows: list[Row], result: Population) -> list[Table]:
    tables = []
    for name in dict.fromkeys(row["table"] for row in rows):
        mine = [row for row in rows if row["table"] == name]
        groups = list(dict.fromkeys(row["group"] for row in mine))
        smd = any(row["smd"] for row in mine)
        lines: list[list[str]] = []
        seen = ""
        for variable, level in dict.fromkeys((row["variable"], row["level"]) for row in mine):
            cells = {
                row["group"]: row for row in mine if (row["variable"], row["level"]) == (variable, level)
            }
            first = cells[groups[0]]
            label = "studies" if not variable and name != "analysed" else "rows of the cohort"
            if variable:
                label = words(variable) if variable != seen or not level else ""
            line = [label, level if level else ("mean (SD)" if variable else "")]
            line += [
                HIDDEN if cells[group]["hidden"] else cells[group]["shown"] or NOTHING for group in groups
            ]
            line.append(
                number(first["missing"], 0) if label and variable and first["missing"] is not None else ""
            )
            if smd:
                line.append(str(first["smd"] or ""))
            lines.append(line)
            seen = variable
        title = (
            "Every row of the cohort: analysed and left out"
            if name == "analysed"
            else f"Analysed studies by {words(name)}"
        )
        labels = ["", ".", *[group or "all" for group in groups], "missing", *(["SMD"] if smd else [])]
        tables.append({"title": title, "columns": _columns(*labels), "rows": lines})
    return tables


def _continuous(result: Population, rows: list[Row]) -> list[Table]:
    """Continuous phenotypes: a histogram and a table by group each; what no study has is said in a line."""
    found = []
    for name, unit in result.phenotypes.units.items():
        values = result.analysed.values[name]
        known = values[np.isfinite(values)]
        if not unit:
            continue
        mine = [row for row in rows if row["phenotype"] == name]
        overall = mine[0]
        drawing = None
        if len(known) and not overall["hidden"]:
            drawing = drawings.histogram(known, f"{words(name)}, {unit}", result.least_count)
        lines = [
            [
                _group(row), _cell(row, number(row["studies"], 0)), _cell(row, number(row["assessed"], 0)),
                _cell(row, number(row["mean"], 1)), _cell(row, interval(row["mean_low"], row["mean_high"])),
                _cell(row, number(row["sd"], 1)), _cell(row, number(row["median"], 1)),
                _cell(row, interval(row["q1"], row["q3"])),
            ]
            for row in mine
        ]  # fmt: skip
        columns = _columns("", "studies", "assessed", "mean", "95 % interval", "SD", "median", "quarters")
        found.append(
            {
                "name": name,
                "unit": unit,
                "drawing": drawing,
                "overall": overall,
                "columns": columns,
                "rows": lines,
            }
        )
    return found


def _group(row: Row) -> str:
    counted = "" if row["counted"] == "studies" else ", first study of each patient"
    return ("all" if not row["by"] else f"{words(row['by'])}: {row['level']}") + counted


def _prevalence(result: Population, rows: list[Row]) -> Table:
    overall = [
        row for row in rows if not row["by"] and row["counted"] == "studies" and row["share"] is not None
    ]
    columns = _columns(
        "phenotype", ".group", "threshold", "studies", "assessed", "called", "share", "95 % interval"
    )

    def line(row: Row) -> list[str]:
        values = [
            number(row["studies"], 0), number(row["assessed"], 0), number(row["called"], 0), percent(row["share"]),
            interval(row["share_low"], row["share_high"], 1, 100),
        ]  # fmt: skip
        return [
            words(row["phenotype"]),
            _group(row),
            number(row["threshold"]),
            *(_cell(row, text) for text in values),
        ]

    return {
        "drawing": drawings.shares(overall, "phenotype") if overall else None,
        "columns": columns,
        "rows": [line(row) for row in rows if not row["by"]],
        "by": [
            line(row) for row in rows if row["by"] and row["counted"] == "studies" and row["assessed"] != 0
        ],
    }


def _trends(result: Population, rows: dict[str, list[Row]]) -> Table:
    drawn: list[tuple[str, Markup]] = []
    frequent = sorted(
        (row for row in rows["prevalence"] if not row["by"] and row["counted"] == "studies" and row["share"]),
        key=lambda row: -row["share"],
    )
    wanted = [("mean", name) for name, unit in result.phenotypes.units.items() if unit]
    wanted += [("share called", row["phenotype"]) for row in frequent]
    for measure, name in wanted[:TRENDS_DRAWN]:
        mine = [row for row in rows["trend"] if row["measure"] == measure and row["phenotype"] == name]
        if sum(row["value"] is not None for row in mine) < 2:
            continue
        unit = result.phenotypes.units[name]
        label = f"{words(name)}, {unit}" if measure == "mean" else "called, %"
        caption = f"Mean {words(name)}" if measure == "mean" else f"Share called {words(name)}"
        low = min(row["assessed"] for row in mine if row["value"] is not None)
        high = max(row["assessed"] for row in mine if row["value"] is not None)
        caption += f" by {result.period}, with 95 % intervals; {low:,} to {high:,} assessed studies each."
        drawn.append((caption, drawings.over_time(mine, label, 1 if measure == "mean" else 100)))
    slopes = [row for row in rows["slopes"] if row["hidden"] or row["per_year"] is not None]
    units = result.phenotypes.units
    lines = []
    for row in slopes:
        if row["measure"] == "mean" and not units[row["phenotype"]]:
            continue  # of the binary ones the calls are told, not the shares of neighbours
        share = row["measure"] != "mean"
        unit, factor = ("percentage points" if share else units[row["phenotype"]]), (100 if share else 1)
        values = [
            number(row["assessed"], 0), number(row["patients"], 0),
            number(None if row["per_year"] is None else factor * row["per_year"]),
            interval(row["per_year_low"], row["per_year_high"], 2, factor),
            NOTHING if row["p"] is None else ("<0.001" if row["p"] < 0.001 else f"{row['p']:.3f}"),
        ]  # fmt: skip
        lines.append(
            [words(row["phenotype"]), f"{row['measure']}, {unit}", *(_cell(row, text) for text in values)]
        )
    columns = _columns("phenotype", ".measure", "assessed", "patients", "per year", "95 % interval", "p")
    return {"drawn": drawn, "columns": columns, "rows": lines}


def _changes(result: Population, rows: dict[str, list[Row]]) -> Table:
    analysed, drawn = result.analysed, []
    for name, unit in result.phenotypes.units.items():
        first, last = first_and_last(analysed, analysed.values[name])
        if unit and 0 < len(first) <= LINES_SHOWN and result.least_count <= 1:
            days = (analysed.days[last] - analysed.days[first]).astype(float)
            label = f"{words(name)}, {unit}"
            caption = (
                f"{words(name).capitalize()} of {len(first):,} patients, from the first to the last study."
            )
            values = analysed.values[name]
            drawn.append((caption, drawings.pairs_of_patients(values[first], values[last], days, label)))
    lines = [
        [
            f"{words(row['phenotype'])}, {row['unit']}", _cell(row, number(row["patients"], 0)),
            _cell(row, number(row["days_median"], 0)), _cell(row, number(row["first_mean"])),
            _cell(row, number(row["last_mean"])), _cell(row, number(row["change"])),
            _cell(row, interval(row["change_low"], row["change_high"], 2)), _cell(row, number(row["change_sd"])),
        ]
        for row in rows["change"]
        if row["hidden"] or row["patients"]
    ]  # fmt: skip
    calls = [
        [words(row["phenotype"])]
        + [
            _cell(row, number(row[name], 0))
            for name in ("patients", "stayed_no", "no_to_yes", "yes_to_no", "stayed_yes")
        ]
        + [_cell(row, NOTHING if row["p"] is None else f"{row['p']:.3f}")]
        for row in rows["call_change"]
        if row["hidden"] or row["patients"]
    ]
    return {
        "drawn": drawn,
        "columns": _columns(
            "phenotype", "patients", "days between (median)", "first", "last", "change", "95 % interval", "SD"
        ),
        "rows": lines,
        "call_columns": _columns(
            "phenotype", "patients", "stayed no", "no to yes", "yes to no", "stayed yes", "p (McNemar)"
        ),
        "calls": calls,
    }


def _composition(rows: dict[str, list[Row]]) -> Table:
    among = [row for row in rows["composition"] if row["among"] == "encoded"]
    views = [row for row in among if row["part"] == "view"]
    analysed = {(row["part"], row["level"]): row for row in rows["composition"] if row["among"] == "analysed"}
    lines = []
    for row in among:
        other = analysed.get((row["part"], row["level"]))
        lines.append(
            [
                words(row["part"]), words(row["level"]), number(row["number"], 0), number(row["of"], 0),
                percent(row["number"] / row["of"]),
                number(other["number"] if other else 0, 0), number(other["of"], 0) if other else NOTHING,
            ]
        )  # fmt: skip
    amounts = [
        [
            row["measure"], "all encoded" if row["among"] == "encoded" else "analysed", number(row["number"], 0),
            number(row["mean"], 1), number(row["median"], 1), interval(row["q1"], row["q3"]),
            interval(row["minimum"], row["maximum"]),
        ]
        for row in rows["amounts"]
    ]  # fmt: skip
    return {
        "drawing": drawings.bars(views) if views else None,
        "columns": _columns("what", ".level", "number", "of", "share", "analysed", "of"),
        "rows": lines,
        "amount_columns": _columns("what", ".among", "number", "mean", "median", "quarters", "least to most"),
        "amounts": amounts,
    }


def _agreement(result: Population, rows: list[Row]) -> list[Table]:
    found = []
    for name in dict.fromkeys(row["phenotype"] for row in rows):
        mine = [row for row in rows if row["phenotype"] == name]
        overall, scatter, differences = mine[0], None, None
        known, estimated = result.analysed.known[overall["column"]], result.analysed.values[name]
        both = np.isfinite(known) & np.isfinite(estimated)
        if both.any() and not overall["hidden"]:
            known, estimated = known[both], estimated[both]
            scatter = drawings.scatter(known, estimated, overall["unit"], result.least_count)
            differences = drawings.bland_altman(known, estimated, overall, result.least_count)
        lines = [
            ["all" if not row["by"] else f"{words(row['by'])}: {row['level']}"]
            + [
                _cell(row, text)
                for text in (
                    number(row["studies"], 0), number(row["known"], 0), number(row["pairs"], 0),
                    number(row["patients"], 0), number(row["mae"]), interval(row["mae_from"], row["mae_to"], 2),
                    number(row["bias"]), interval(row["bias_from"], row["bias_to"], 2),
                    interval(row["limit_low"], row["limit_high"]), number(row["rmse"]), number(row["correlation"]),
                )
            ]
            for row in mine
        ]  # fmt: skip
        columns = _columns(
            "", "studies", "known", "pairs", "patients", "mean absolute error", "95 % interval", "bias",
            "95 % interval", "limits of agreement", "RMSE", "r",
        )  # fmt: skip
        found.append(
            {
                "name": name, "row": overall, "scatter": scatter, "differences": differences,
                "columns": columns, "rows": lines,
            }
        )  # fmt: skip
    return found


def _discrimination(result: Population, rows: list[Row]) -> Table:
    lines = []
    drawn: list[tuple[str, Markup]] = []
    for row in rows:
        values = [
            number(row["pairs"], 0), number(row["positives"], 0), number(row["auroc"]),
            interval(row["auroc_from"], row["auroc_to"], 2), number(row["average_precision"]),
            percent(row["sensitivity"]), interval(row["sensitivity_from"], row["sensitivity_to"], 0, 100),
            percent(row["specificity"]), interval(row["specificity_from"], row["specificity_to"], 0, 100),
        ]  # fmt: skip
        group = "all" if not row["by"] else f"{words(row['by'])}: {row['level']}"
        lines.append([words(row["phenotype"]), group, *(_cell(row, text) for text in values)])
        if row["by"] or row["hidden"] or row["auroc"] is None:
            continue
        truth, scores = result.analysed.known[row["column"]], result.analysed.values[row["phenotype"]]
        both = np.isfinite(truth) & np.isfinite(scores)
        caption = f"{words(row['phenotype']).capitalize()}: {row['positives']:,} of {row['pairs']:,} studies have it."
        drawn.append((caption, drawings.roc(truth[both], scores[both])))
    columns = _columns(
        "phenotype", ".group", "pairs", "have it", "AUROC", "95 % interval", "average precision", "sensitivity",
        "95 % interval", "specificity", "95 % interval",
    )  # fmt: skip
    return {"drawn": drawn, "columns": columns, "rows": lines}
