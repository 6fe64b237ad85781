"""Settings of what compares two interpretations.

The sentence under a field is what `--help` shows. Field names are flag names and TOML keys.
"""

from __future__ import annotations

from dataclasses import dataclass


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
