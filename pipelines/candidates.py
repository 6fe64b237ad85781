"""Build a candidate set of one's own out of encoded studies, and say what became of reports and labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from echoprime.bundle import open_bundle
from echoprime.interpretation.building import UNRECOGNISED, CandidateSources, build_candidates
from echoprime.storage import Location
from echoprime.tables import StudyTable
from pipelines.checks import require_encodings
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import CandidatesBuildSettings


def build(settings: CandidatesBuildSettings) -> int:
    """Write the set and show its counts.

    Raises
    ------
    UserError
        Bundle, table, a CSV or the place to write is wrong; nothing is left half-written.
    """
    bundle = open_bundle(settings.bundle)
    bundle.lexicon(settings.language)
    encodings = StudyTable.existing(Location.parse(settings.encodings))
    require_encodings(encodings)
    made = build_candidates(
        CandidateSources(
            encodings=encodings,
            bundle=bundle,
            reports=None if settings.reports is None else Location.parse(settings.reports),
            labels=None if settings.labels is None else Location.parse(settings.labels),
            language=settings.language,
            read_labels=settings.read_labels,
        ),
        Location.parse(settings.candidates),
    )
    show_candidates(made.summary, made.location)
    return DONE


def show_candidates(summary: Mapping[str, Any], place: Location) -> None:
    """What a person reads after a build."""
    out = console()
    counts = summary["counts"]
    out.print(f"candidate set: {summary['candidates']:,} candidates (hash {summary['hash']})", style="bold")
    words = {
        "studies_encoded": "studies encoded",
        "left_out_incomplete": "of them left out: incomplete",
        "left_out_without_report_or_label": "left out: neither report nor label",
        "left_out_without_embedding": "left out: no encoded video",
        "candidates_of_unknown_patient": "candidates of an unknown patient: they can be neighbours of the "
        "patient's other studies",
        "reports_of_studies_not_encoded": "reports of studies that are not encoded",
        "labels_of_studies_not_encoded": "label rows of studies that are not encoded",
        "phrases_recognised": "phrases recognised",
        "sentences_unrecognised": f"sentences not recognised, counted in {UNRECOGNISED}",
        "phrases_with_several_values": "phrases with several values, kept without them",
    }
    for name, text in words.items():
        if counts.get(name):
            out.print(f"{counts[name]:,} {text}")
    if summary["labels_ignored_columns"]:
        out.print(f"columns that are no phenotypes: {', '.join(summary['labels_ignored_columns'])}")
    shown = Table("labels of", box=None, pad_edge=False)
    for source in ("from the table", "from the report", "unknown"):
        shown.add_column(source, justify="right")
    for name, of in summary["labels"].items():
        shown.add_row(name, *(f"{of[source]:,}" for source in ("table", "report", "unknown")))
    out.print(shown)
    if summary["notice"]:
        out.print(summary["notice"])
    out.print(f"use it: echoprime interpret --candidates {place} --name own ...")
