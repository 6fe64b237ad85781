"""Make and check bundles."""

from __future__ import annotations

from echoprime.bundle import open_bundle
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import BundleCheckSettings, BundleImportSettings


def import_bundle(settings: BundleImportSettings) -> int:
    """Import the official release; say what the bundle can do.

    Raises
    ------
    BundleError
        The release lacks something, or `bundle` is in use.
    """
    from echoprime.release import import_release

    made = import_release(settings.release, settings.bundle, embedding_space=settings.embedding_space)
    out = console()
    out.print(
        f"bundle {made.name!r}: {made.candidates_rows:,} candidates, languages {', '.join(made.languages)}"
    )
    out.print("encodes and interprets" if made.encodes else "interprets only: the release has no weights")
    return DONE


def check_bundle(settings: BundleCheckSettings) -> int:
    """Verify files and numbers.

    Raises
    ------
    BundleError
        A file differs from its SHA-256, or a network from its recorded sample.
    """
    opened = open_bundle(settings.bundle)
    out = console()
    out.print(f"{opened.check_files()} files have the SHA-256 that bundle.json names")
    if not opened.encodes:
        out.print("no weights: interprets only, nothing to compute")
        return DONE
    from echoprime.networks import load_encoder, load_view_classifier, select_device
    from echoprime.networks.selfcheck import check

    place = select_device(settings.device)
    found = check(opened, load_encoder(opened, place), load_view_classifier(opened, place))
    out.print(
        f"sample clip on {place}: embedding differs by {found.embedding_difference:.1e}, view logits by "
        f"{found.logit_difference:.1e}; tolerance {found.tolerance:.0e}"
    )
    if not opened.trained:
        out.print("untrained: its numbers mean nothing about people")
    if opened.notice:
        out.print(opened.notice)
    return DONE
