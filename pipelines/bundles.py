"""Fetch, make and check bundles."""

from __future__ import annotations

from echoprime.bundle import Bundle, open_bundle
from echoprime.storage import Location
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import BundleCheckSettings, BundleFetchSettings, BundleImportSettings
from pipelines.step_progress import StepProgress


def import_bundle(settings: BundleImportSettings) -> int:
    """Import the official release; say what the bundle can do.

    Raises
    ------
    UserError
        The release lacks something, `bundle` is in use, or one of them is in a bucket.
    """
    from echoprime.release import import_release

    release, bundle = (Location.parse(each).local_path for each in (settings.release, settings.bundle))
    with StepProgress(show=settings.progress) as progress:
        made = import_release(
            release,
            bundle,
            embedding_space=settings.embedding_space,
            told=progress.told,
        )
    _show(made)
    return DONE


def fetch_bundle(settings: BundleFetchSettings) -> int:
    """Bring the official release, compare it with what was recorded of it, and import it.

    Raises
    ------
    UserError
        A file cannot be had, is not the one that was recorded, or does not fit the others; there is no room,
        `bundle` is in use, or a folder that was given is in a bucket.
    """
    from echoprime.bundle.writing import require_free
    from echoprime.release import fetch_release, import_release
    from echoprime.release.official import NAME

    bundle = Location.parse(settings.bundle).local_path.resolve()
    require_free(bundle)
    release = bundle.with_name(f"{bundle.name}-release")
    if settings.release:
        release = Location.parse(settings.release).local_path
    out = console()
    with StepProgress(show=settings.progress) as progress:
        fetched = fetch_release(release, mirror=settings.mirror, told=progress.told)
        made = import_release(release, bundle, name=NAME, told=progress.told)
    out.print(
        f"{fetched.files} files ({fetched.size / 1e9:.2f} GB) in {release}, {fetched.brought} of them "
        f"brought now; their sizes and SHA-256 are in {fetched.record.name}"
    )
    if fetched.first_seen:
        out.print(
            "seen for the first time: that these are the published bytes, only where they came from tells"
        )
    _show(made)
    out.print(f"the folder {release} is not needed any more, but to compare a later download with")
    return DONE


def _show(made: Bundle) -> None:
    out = console()
    out.print(
        f"bundle {made.name!r}: {made.candidates_rows:,} candidates, languages {', '.join(made.languages)}"
    )
    out.print("encodes and interprets" if made.encodes else "interprets only: the release has no weights")


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
