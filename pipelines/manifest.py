"""The manifest job: archive -> one row a video."""

from __future__ import annotations

from echoprime.archive import ManifestSummary, write_manifest
from echoprime.errors import ArchiveError
from echoprime.storage import Location
from pipelines.console import console
from pipelines.settings import ManifestSettings


def list_archive(settings: ManifestSettings) -> ManifestSummary:
    """List an archive into a manifest, and say what was found.

    Raises
    ------
    ArchiveError
        The archive is missing or empty, or the list of studies has no such column.
    """
    if settings.study_from not in ("folder", "dicom"):
        Location.parse(settings.study_from).require_reachable(
            "--study-from (folder, dicom or a CSV)", ArchiveError, must_exist=True
        )
    summary = write_manifest(
        Location.parse(settings.archive), Location.parse(settings.manifest), study_from=settings.study_from
    )
    out = console()
    out.print(f"{summary.studies:,} studies, {summary.videos:,} videos, {summary.bytes / 1e9:,.2f} GB listed")
    if summary.left_out:
        left_out = ", ".join(f"{count:,} {ending}" for ending, count in sorted(summary.left_out.items()))
        out.print(f"left out: {left_out}")
    for note, count in summary.notes.items():
        out.print(f"note: {count:,} {note}")
    return summary
