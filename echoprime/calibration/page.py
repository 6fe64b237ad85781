"""The page of a calibration: what it was fitted to, how far it holds, and what was left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from echoprime.calibration.drawings import interval_diagram, reliability_diagrams
from echoprime.calibration.fitting import NOT_KNOWN, Fitted
from echoprime.pages import render_page
from echoprime.pages.page import number, words


def calibration_page(fitted: Fitted) -> str:
    """One self-contained HTML file; it names no study and no patient.

    Parameters
    ----------
    fitted
        From `calibrate`.
    """
    calibration = fitted.calibration
    made = calibration.made_from
    drawn = fitted.findings
    return render_page(
        "calibration.html.j2",
        title="Calibration",
        notice=" · ".join(fitted.notices),
        facts=_facts(made, calibration.sha256),
        findings=[_finding(name, each.entry) for name, each in drawn.items()],
        reliability=reliability_diagrams(drawn) if drawn else None,
        numbers=[
            {"name": words(name).removesuffix(" continuous"), **each.entry, "svg": interval_diagram(each)}
            for name, each in fitted.numbers.items()
        ],
        left=[(words(name), why) for name, why in calibration.left.items() if why != NOT_KNOWN],
        not_known=[words(name) for name, why in calibration.left.items() if why == NOT_KNOWN],
        method=made["method"],
        made_with=[
            ("SHA-256", calibration.sha256),
            ("Interpretation", made["interpretation_id"] or "not known"),
            ("Threshold", made["threshold"]),
            ("Folds", str(made["folds"])),
            ("Coverage", f"{made['coverage']:g}"),
            ("At least", f"{made['minimum']} studies of each kind"),
        ],
    )


def _facts(made: Mapping[str, Any], sha256: str) -> list[tuple[str, str]]:
    facts = [(what.capitalize(), f"{rows:,}") for what, rows in made["rows"].items()]
    facts += [("Patients", f"{made['patients']:,}"), ("Calibration", sha256[:12])]
    if made["studies_of_unknown_patient"]:
        facts.append(("Studies of an unknown patient", f"{made['studies_of_unknown_patient']:,}"))
    return facts


def _finding(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the table: figures before and after side by side, the threshold and its rates."""
    before, after = entry["before"], entry["cross_fitted"]
    figures = {
        key: (number(before[key], 3), number(after[key], 3))
        for key in ("brier", "calibration_error", "slope", "intercept", "auroc")
    }
    return {"name": words(name), **entry, "figures": figures}
