"""Make and check bundles."""

from __future__ import annotations

from rich.console import Console

from echoprime.bundle import open_bundle
from pipelines.exit_codes import DONE


def import_bundle(release: str, bundle: str, embedding_space: str | None) -> int:
    """Import the official release; say what the bundle can do.

    Raises
    ------
    BundleError
        The release lacks something, or `bundle` is in use.
    """
    from echoprime.release import import_release

    made = import_release(release, bundle, embedding_space=embedding_space)
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"bundle {made.name!r}: {made.candidates_rows:,} candidates, languages {', '.join(made.languages)}"
    )
    console.print("encodes and interprets" if made.encodes else "interprets only: the release has no weights")
    return DONE


def check_bundle(bundle: str, device: str) -> int:
    """Verify files and numbers.

    Raises
    ------
    BundleError
        A file differs from its SHA-256, or a network from its recorded sample.
    """
    opened = open_bundle(bundle)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{opened.check_files()} files have the SHA-256 that bundle.json names")
    if not opened.encodes:
        console.print("no weights: interprets only, nothing to compute")
        return DONE
    from echoprime.networks import load_encoder, load_view_classifier, select_device
    from echoprime.networks.selfcheck import check

    place = select_device(device)
    found = check(opened, load_encoder(opened, place), load_view_classifier(opened, place))
    console.print(
        f"sample clip on {place}: embedding differs by {found.embedding_difference:.1e}, view logits by "
        f"{found.logit_difference:.1e}; tolerance {found.tolerance:.0e}"
    )
    if opened.notice:
        console.print(opened.notice)
    return DONE
