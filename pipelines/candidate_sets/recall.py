"""Recall of reports: whether studies find their own by its text, and reports their studies."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from echoprime.bundle import open_bundle
from echoprime.interpretation.report_recall import ReportRecall, recall_of_reports
from echoprime.retrieval.recall import AMONG, recall_at
from echoprime.retrieval.spaces import require_same_space
from echoprime.storage import Location
from echoprime.tables import StudyTable
from pipelines.checks import require_encodings
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import CandidatesRecallSettings
from pipelines.step_progress import StepProgress


def show_recall(settings: CandidatesRecallSettings) -> int:
    """Compute it, and print a table or JSON.

    Raises
    ------
    UserError
        Bundle, table or CSV is wrong, or the bundle has another encoder or none for text.
    """
    bundle = open_bundle(settings.bundle)
    encodings = StudyTable.existing(Location.parse(settings.encodings))
    require_encodings(encodings)
    require_same_space(
        "the encodings are",
        str(encodings.identity["embedding_space"]),
        f"texts by bundle {bundle.name!r} are",
        bundle.embedding_space,
        "give the bundle that encoded them",
    )
    from echoprime.networks import load_text_encoder, select_device

    encoder = load_text_encoder(bundle, select_device(settings.device))
    with StepProgress(show=settings.progress) as progress:
        found = recall_of_reports(encodings, Location.parse(settings.reports), encoder, progress.told)
    facts = {**describe(found), "trained": bundle.trained, "notice": bundle.notice}
    if settings.json:
        sys.stdout.write(json.dumps(facts, indent=1) + "\n")
        return DONE
    _show(facts)
    if not bundle.trained:
        console().print(f"untrained: these numbers mean nothing ({bundle.notice})")
    return DONE


def describe(found: ReportRecall) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "studies": len(found.ranks.of_reports),
        "different_reports": found.texts,
        "reports_cut": found.cut,
        "studies_without_report": found.without_report,
        "studies_without_encoded_video": found.without_embedding,
        "reports_of_studies_not_encoded": found.not_encoded,
        "report_by_study": _measures(found.ranks.of_reports),
        "study_by_report": _measures(found.ranks.of_studies),
    }


def _measures(ranks: NDArray[np.int64]) -> dict[str, float]:
    return {**{f"recall@{k}": recall_at(ranks, k) for k in AMONG}, "median_rank": float(np.median(ranks))}


def _show(facts: dict[str, Any]) -> None:
    out = console()
    out.print(
        f"{facts['studies']:,} studies with {facts['different_reports']:,} different reports", style="bold"
    )
    words = {
        "reports_cut": "reports longer than the text encoder reads: their beginnings count",
        "studies_without_report": "encoded studies have no report",
        "studies_without_encoded_video": "studies left out: no encoded video",
        "reports_of_studies_not_encoded": "reports of studies that are not encoded, or incomplete",
    }
    for name, text in words.items():
        if facts[name]:
            out.print(f"{facts[name]:,} {text}")
    shown = Table("its own is among the nearest", box=None, pad_edge=False)
    for k in AMONG:
        shown.add_column(f"recall@{k}", justify="right")
    shown.add_column("median rank", justify="right")
    for name, title in (
        ("report_by_study", "report, by its study"),
        ("study_by_report", "study, by its report"),
    ):
        measures = facts[name]
        shares = [f"{measures[f'recall@{k}']:.3f}" for k in AMONG]
        shown.add_row(title, *shares, f"{measures['median_rank']:,.1f}")
    out.print(shown)
