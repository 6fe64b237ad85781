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
class WithdrawSettings(OutputSettings):
    """Settings of `echoprime withdraw`."""

    patient: str | None = None
    """patient_id: all studies of this patient. Others on this machine see a command line: see --patients."""

    patients: str | None = None
    """CSV with a column patient_id: all studies of these."""

    study: str | None = None
    """study_id: this one study."""

    studies: str | None = None
    """CSV with a column study_id: these studies."""

    dry_run: bool = False
    """Say what would go, and change nothing."""

    readmit: bool = False
    """Take them off the list of those withdrawn: the next run may encode them again."""

    force: bool = False
    """Go on although a run's heartbeat is on a table (only where that run is dead)."""


@dataclass(frozen=True, kw_only=True)
class ExportSettings(OutputSettings):
    """Settings of `echoprime export`."""

    directory: str
    """Folder or s3:// prefix to write; what is there under the same names is replaced."""
