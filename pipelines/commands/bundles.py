"""Commands that fetch, make, tune and check bundles."""

from __future__ import annotations

from cyclopts import App

from pipelines.commands.app import app, examples
from pipelines.settings import (
    BundleCheckSettings,
    BundleFetchSettings,
    BundleImportSettings,
    BundleTuneSettings,
    Device,
)

bundle_app = App(
    name="bundle", help="Fetch, make, tune and check bundles: weights, candidates, section weights, lexicons."
)
app.command(bundle_app)


@bundle_app.command(
    name="import",
    help_epilogue=examples(
        "echoprime bundle import EchoPrime-v1.0.0/ bundle/",
        "echoprime bundle import EchoPrime-v1.0.0/ bundle/ --tokenizer biomedbert/",
    ),
)
def bundle_import(
    release: str,
    bundle: str,
    /,
    *,
    embedding_space: str | None = None,
    tokenizer: str | None = None,
    progress: bool = True,
) -> int:
    """Read the official release's folder and write a bundle: hashed, and safe to load.

    What is written is read back and compared. Killed and started again, it goes on.

    Parameters
    ----------
    release
        Folder with assets/ and model_data/ as published; weights may be missing.
    bundle
        Folder to write.
    embedding_space
        Name that says which encoder the candidates belong to. Default: the encoder's hash.
    tokenizer
        Folder with the text encoder's tokenizer (vocab.txt or tokenizer.json). Default: RELEASE/tokenizer,
        where it is there; without one the bundle has no text encoder.
    progress
        Show how far it is.
    """
    from pipelines.bundles import import_bundle

    return import_bundle(
        BundleImportSettings(
            release=release,
            bundle=bundle,
            embedding_space=embedding_space,
            tokenizer=tokenizer,
            progress=progress,
        )
    )


@bundle_app.command(
    name="fetch",
    help_epilogue=examples(
        "echoprime bundle fetch bundle/",
        "echoprime bundle fetch bundle/ --mirror https://mirror.example.org/echoprime-v1.0.0/",
    ),
)
def bundle_fetch(
    bundle: str,
    /,
    *,
    release: str | None = None,
    mirror: str | None = None,
    tokenizer: str | None = None,
    progress: bool = True,
) -> int:
    """Bring the official release from github.com/echonet/EchoPrime and import it; its licence is its own.

    A broken connection is gone on with, by the same command too. Sizes and SHA-256 are recorded the first
    time (fetched.json) and compared from then on. Room on the disk is asked for before.

    Parameters
    ----------
    bundle
        Folder to write.
    release
        Folder for what is downloaded; it stays. Default: BUNDLE-release beside the bundle.
    mirror
        Where the release's files lie instead: an http(s) address, a folder or s3:// prefix.
    tokenizer
        Folder with the text encoder's tokenizer (vocab.txt or tokenizer.json). Default: RELEASE/tokenizer,
        where it is there; without one the bundle has no text encoder.
    progress
        Show how far it is.
    """
    from pipelines.bundles import fetch_bundle

    return fetch_bundle(
        BundleFetchSettings(
            bundle=bundle, release=release, mirror=mirror, tokenizer=tokenizer, progress=progress
        )
    )


@bundle_app.command(
    name="tune",
    help_epilogue=examples(
        "echoprime bundle tune bundle/ tuned/ --encoder encoder.pt --name ward-7",
        "echoprime run --archive archive/ --bundle tuned/ --output tuned-out/ --candidates own/",
    ),
)
def bundle_tune(bundle: str, directory: str, /, *, encoder: str, name: str) -> int:
    """Write a bundle with a video encoder that you tuned: an embedding space of its own.

    The view classifier, lexicons, section weights and phenotypes are the bundle's; its candidates and text
    encoder are of the other encoder and left out.

    Parameters
    ----------
    bundle
        Bundle whose encoder was tuned: folder or s3:// prefix.
    directory
        Folder to write.
    encoder
        State dict of the tuned encoder (.pt): names, shapes and types of the bundle's own.
    name
        Of the new bundle and its embedding space.
    """
    from pipelines.bundles import tune

    return tune(BundleTuneSettings(bundle=bundle, directory=directory, encoder=encoder, name=name))


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
