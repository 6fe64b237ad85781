"""The manifest job: archive -> one row a video."""

from __future__ import annotations

from rich.console import Console

from echoprime.archive import ManifestSummary, write_manifest
from echoprime.storage import Location
from pipelines.settings import ManifestSettings


def list_archive(settings: ManifestSettings) -> ManifestSummary:
    """List an archive into a manifest, and say what was found.

    Raises
    ------
    ArchiveError
        The archive is missing or empty, or the list of studies has no such column.
    """
    summary = write_manifest(
        Location.parse(settings.archive), Location.parse(settings.manifest), study_from=settings.study_from
    )
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{summary.studies:,} studies, {summary.videos:,} videos, {summary.bytes / 1e9:,.2f} GB listed"
    )
    if summary.left_out:
        left_out = ", ".join(f"{count:,} {ending}" for ending, count in sorted(summary.left_out.items()))
        console.print(f"left out: {left_out}")
    return summary
