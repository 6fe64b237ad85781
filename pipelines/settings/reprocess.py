"""Settings of what reprocesses an archive: candidate sets of one's own, and two interpretations compared.

The sentence under a field is what `--help` shows. Field names are flag names and TOML keys.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CandidatesBuildSettings:
    """Settings of `echoprime candidates build`."""

    encodings: str
    """Table of encoded studies: OUT/encodings."""

    bundle: str
    """Bundle whose lexicon, phenotypes and label sources are used."""

    candidates: str
    """Folder or s3:// prefix to write; must hold nothing yet."""

    reports: str | None = None
    """CSV with columns study_id, report."""

    labels: str | None = None
    """CSV with a column study_id and one for each phenotype that is known."""

    language: str = "en"
    """Language of the reports; the bundle must have a lexicon for it."""

    read_labels: bool = True
    """Read labels that --labels lacks out of the report's text."""


@dataclass(frozen=True, kw_only=True)
class CompareSettings:
    """Settings of `echoprime compare`."""

    first: str
    """Interpretations table: OUT/interpretations/NAME."""

    second: str
    """The one that it is compared with."""

    directory: str | None = None
    """Folder or s3:// prefix to write. Default: comparisons/FIRST/SECOND beside their interpretations/."""

    identifiers: bool = False
    """Write study_id on the page instead of the study's key."""
