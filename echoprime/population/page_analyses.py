"""The page's analyses: against known values, over time, within patients."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from echoprime.pages.page import NOTHING, number, percent, words
from echoprime.population import drawings
from echoprime.population.change import first_and_last
from echoprime.population.page_cells import Row, Table, cell, group_of, head, interval
from echoprime.population.study import Population

LINES_SHOWN = 60
"""Patients whose change is drawn as a line each; of more, the numbers say it."""

TRENDS_DRAWN = 6


def trends(result: Population, rows: dict[str, list[Row]]) -> Table:
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
        assessed = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        caption += f" by {result.period}, with 95 % intervals; {assessed} assessed studies each."
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
            [words(row["phenotype"]), f"{row['measure']}, {unit}", *(cell(row, text) for text in values)]
        )
    columns = head("phenotype", ".measure", "assessed", "patients", "per year", "95 % interval", "p")
    return {"drawn": drawn, "columns": columns, "rows": lines}


def changes(result: Population, rows: dict[str, list[Row]]) -> Table:
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
            f"{words(row['phenotype'])}, {row['unit']}", cell(row, number(row["patients"], 0)),
            cell(row, number(row["days_median"], 0)), cell(row, number(row["first_mean"])),
            cell(row, number(row["last_mean"])), cell(row, number(row["change"])),
            cell(row, interval(row["change_low"], row["change_high"], 2)),
            cell(row, number(row["change_sd"])),
        ]
        for row in rows["change"]
        if row["hidden"] or row["patients"]
    ]  # fmt: skip
    calls = [
        [words(row["phenotype"])]
        + [
            cell(row, number(row[name], 0))
            for name in ("patients", "stayed_no", "no_to_yes", "yes_to_no", "stayed_yes")
        ]
        + [cell(row, NOTHING if row["p"] is None else f"{row['p']:.3f}")]
        for row in rows["call_change"]
        if row["hidden"] or row["patients"]
    ]
    return {
        "drawn": drawn,
        "columns": head(
            "phenotype", "patients", "days between (median)", "first", "last", "change", "95 % interval", "SD"
        ),
        "rows": lines,
        "call_columns": head(
            "phenotype", "patients", "stayed no", "no to yes", "yes to no", "stayed yes", "p (McNemar)"
        ),
        "calls": calls,
    }


def agreement(result: Population, rows: list[Row]) -> list[Table]:
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
            [group_of(row)]
            + [
                cell(row, text)
                for text in (
                    number(row["studies"], 0), number(row["known"], 0), number(row["pairs"], 0),
                    number(row["patients"], 0), number(row["mae"]),
                    interval(row["mae_from"], row["mae_to"], 2),
                    number(row["bias"]), interval(row["bias_from"], row["bias_to"], 2),
                    interval(row["limit_low"], row["limit_high"]), number(row["rmse"]),
                    number(row["correlation"]),
                )
            ]
            for row in mine
        ]  # fmt: skip
        columns = head(
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


def discrimination(result: Population, rows: list[Row]) -> Table:
    lines = []
    drawn: list[tuple[str, Markup]] = []
    for row in rows:
        values = [
            number(row["pairs"], 0), number(row["positives"], 0), number(row["auroc"]),
            interval(row["auroc_from"], row["auroc_to"], 2), number(row["average_precision"]),
            percent(row["sensitivity"]), interval(row["sensitivity_from"], row["sensitivity_to"], 0, 100),
            percent(row["specificity"]), interval(row["specificity_from"], row["specificity_to"], 0, 100),
        ]  # fmt: skip
        group = group_of(row)
        lines.append([words(row["phenotype"]), group, *(cell(row, text) for text in values)])
        if row["by"] or row["hidden"] or row["auroc"] is None:
            continue
        truth, scores = result.analysed.known[row["column"]], result.analysed.values[row["phenotype"]]
        both = np.isfinite(truth) & np.isfinite(scores)
        name = words(row["phenotype"]).capitalize()
        caption = f"{name}: {row['positives']:,} of {row['pairs']:,} studies have it."
        drawn.append((caption, drawings.roc(truth[both], scores[both], result.least_count)))
    columns = head(
        "phenotype", ".group", "pairs", "have it", "AUROC", "95 % interval", "average precision",
        "sensitivity", "95 % interval", "specificity", "95 % interval",
    )  # fmt: skip
    return {"drawn": drawn, "columns": columns, "rows": lines}
