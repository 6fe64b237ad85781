"""Settings of what makes and checks bundles.

The sentence under a field is what `--help` shows. Field names are flag names and TOML keys.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.settings.jobs import Device


@dataclass(frozen=True, kw_only=True)
class BundleImportSettings:
    """Settings of `echoprime bundle import`."""

    release: str
    """Folder with assets/ and model_data/ as published; weights may be missing."""

    bundle: str
    """Folder to write."""

    embedding_space: str | None = None
    """Name that says which encoder the candidates belong to. Default: the encoder's hash."""


@dataclass(frozen=True, kw_only=True)
class BundleCheckSettings:
    """Settings of `echoprime bundle check`."""

    bundle: str
    """Folder or s3:// prefix."""

    device: Device = "cpu"
    """Where the sample is computed."""
