"""Settings of what fetches, makes and checks bundles.

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

    tokenizer: str | None = None
    """Folder with the text encoder's tokenizer (vocab.txt or tokenizer.json). Default: RELEASE/tokenizer,
    where it is there; without one the bundle has no text encoder."""

    progress: bool = True
    """Show how far it is."""


@dataclass(frozen=True, kw_only=True)
class BundleFetchSettings:
    """Settings of `echoprime bundle fetch`."""

    bundle: str
    """Folder to write."""

    release: str | None = None
    """Folder for what is downloaded; it stays. Default: BUNDLE-release beside the bundle."""

    mirror: str | None = None
    """Where the release's files lie instead: an http(s) address, a folder or s3:// prefix."""

    tokenizer: str | None = None
    """Folder with the text encoder's tokenizer (vocab.txt or tokenizer.json). Default: RELEASE/tokenizer,
    where it is there; without one the bundle has no text encoder."""

    progress: bool = True
    """Show how far it is."""


@dataclass(frozen=True, kw_only=True)
class BundleTuneSettings:
    """Settings of `echoprime bundle tune`."""

    bundle: str
    """Bundle whose encoder was tuned: folder or s3:// prefix."""

    directory: str
    """Folder to write."""

    encoder: str
    """State dict of the tuned encoder (.pt): names, shapes and types of the bundle's own."""

    name: str
    """Of the new bundle and its embedding space."""


@dataclass(frozen=True, kw_only=True)
class BundleCheckSettings:
    """Settings of `echoprime bundle check`."""

    bundle: str
    """Folder or s3:// prefix."""

    device: Device = "cpu"
    """Where the sample is computed."""
