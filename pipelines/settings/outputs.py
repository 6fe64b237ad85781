"""Settings of what reads, exports and tidies an output.

The sentence under a field is what `--help` shows. Field names are flag names and TOML keys.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class OutputSettings:
    """Settings of `echoprime status` and `echoprime compact`."""

    output: str
    """Where the jobs wrote."""


@dataclass(frozen=True, kw_only=True)
class FailuresSettings(OutputSettings):
    """Settings of `echoprime failures`."""

    csv: bool = False
    """Write CSV instead of a table."""


@dataclass(frozen=True, kw_only=True)
class ExportSettings(OutputSettings):
    """Settings of `echoprime export`."""

    directory: str
    """Folder or s3:// prefix to write; what is there under the same names is replaced."""
