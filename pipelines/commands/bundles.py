"""Commands that make and check bundles."""

from __future__ import annotations

from cyclopts import App

from pipelines.commands.app import app, examples
from pipelines.settings import BundleCheckSettings, BundleImportSettings, Device

bundle_app = App(
    name="bundle", help="Make and check bundles: weights, candidates, section weights, lexicons."
)
app.command(bundle_app)


@bundle_app.command(
    name="import",
    help_epilogue=examples("echoprime bundle import EchoPrime-v1.0.0/ bundle/"),
)
def bundle_import(release: str, bundle: str, /, *, embedding_space: str | None = None) -> int:
    """Read the official release's folder and write a bundle: hashed, and safe to load.

    Parameters
    ----------
    release
        Folder with assets/ and model_data/ as published; weights may be missing.
    bundle
        Folder to write.
    embedding_space
        Name that says which encoder the candidates belong to. Default: the encoder's hash.
    """
    from pipelines.bundles import import_bundle

    return import_bundle(
        BundleImportSettings(release=release, bundle=bundle, embedding_space=embedding_space)
    )


@bundle_app.command(name="check", help_epilogue=examples("echoprime bundle check bundle/"))
def bundle_check(bundle: str, /, *, device: Device = "cpu") -> int:
    """Verify every file's SHA-256, and that this machine reproduces the bundle's sample numbers.

    Parameters
    ----------
    bundle
        Folder or s3:// prefix.
    device
        cpu, cuda or auto.
    """
    from pipelines.bundles import check_bundle

    return check_bundle(BundleCheckSettings(bundle=bundle, device=device))
