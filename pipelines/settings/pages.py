"""Settings of the pages that people look at.

The sentence under a field is what `--help` shows. Field names are flag names and TOML keys.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.settings.outputs import OutputSettings


@dataclass(frozen=True, kw_only=True)
class ViewSettings(OutputSettings):
    """Settings of `echoprime view`."""

    study: str | None = None
    """study_id: the page of this study."""

    studies: str | None = None
    """CSV with a column study_id: a page for each, and an index beside them."""

    run: str | None = None
    """Identifier of a run, or latest: the page of this run."""

    name: str = "default"
    """Name of the interpretation that a study's page shows."""

    archive: str | None = None
    """Root of the archive that the clips are read from. Default: that of the last encode run."""

    page: str | None = None
    """HTML file to write; a folder with --studies. Default: named by the study's key or the run."""

    deidentified: bool = False
    """You vouch that no picture of the archive holds a name: what stands still in it is shown too."""

    identifiers: bool = False
    """Write study_id, patient_id, date and file names on the page."""
