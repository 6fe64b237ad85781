"""The page's description of a cohort and an archive: table one, distribution, prevalence, composition."""

from __future__ import annotations

import numpy as np

from echoprime.pages.page import NOTHING, number, percent, words
from echoprime.population import drawings
from echoprime.population.page_cells import HIDDEN, Row, Table, cell, group_of, head, interval
from echoprime.population.study import Population


def tables_one(rows: list[Row], result: Population) -> list[Table]:
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
        tables.append({"title": title, "columns": head(*labels), "rows": lines})
    return tables


def continuous(result: Population, rows: list[Row]) -> list[Table]:
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
                group_of(row), cell(row, number(row["studies"], 0)), cell(row, number(row["assessed"], 0)),
                cell(row, number(row["mean"], 1)), cell(row, interval(row["mean_low"], row["mean_high"])),
                cell(row, number(row["sd"], 1)), cell(row, number(row["median"], 1)),
                cell(row, interval(row["q1"], row["q3"])),
            ]
            for row in mine
        ]  # fmt: skip
        columns = head("", "studies", "assessed", "mean", "95 % interval", "SD", "median", "quarters")
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


def prevalence(result: Population, rows: list[Row]) -> Table:
    overall = [
        row for row in rows if not row["by"] and row["counted"] == "studies" and row["share"] is not None
    ]
    columns = head(
        "phenotype", ".group", "threshold", "studies", "assessed", "called", "share", "95 % interval"
    )

    def line(row: Row) -> list[str]:
        values = [
            number(row["studies"], 0), number(row["assessed"], 0), number(row["called"], 0),
            percent(row["share"]),
            interval(row["share_low"], row["share_high"], 1, 100),
        ]  # fmt: skip
        return [
            words(row["phenotype"]),
            group_of(row),
            number(row["threshold"]),
            *(cell(row, text) for text in values),
        ]

    return {
        "drawing": drawings.shares(overall, "phenotype") if overall else None,
        "columns": columns,
        "rows": [line(row) for row in rows if not row["by"] and row["assessed"] != 0],
        "nothing": [
            words(row["phenotype"])
            for row in rows
            if not row["by"] and row["counted"] == "studies" and row["assessed"] == 0
        ],
        "by": [
            line(row) for row in rows if row["by"] and row["counted"] == "studies" and row["assessed"] != 0
        ],
    }


def composition(rows: dict[str, list[Row]]) -> Table:
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
            row["measure"], "all encoded" if row["among"] == "encoded" else "analysed",
            number(row["number"], 0),
            number(row["mean"], 1), number(row["median"], 1), interval(row["q1"], row["q3"]),
            interval(row["minimum"], row["maximum"]),
        ]
        for row in rows["amounts"]
    ]  # fmt: skip
    return {
        "drawing": drawings.bars(views) if views else None,
        "columns": head("what", ".level", "number", "of", "share", "analysed", "of"),
        "rows": lines,
        "amount_columns": head("what", ".among", "number", "mean", "median", "quarters", "least to most"),
        "amounts": amounts,
    }
