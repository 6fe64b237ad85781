"""Fetch, make, tune and check bundles."""

from __future__ import annotations

from pathlib import Path

from echoprime.bundle import Bundle, open_bundle
from echoprime.errors import MissingPackageError
from echoprime.storage import Location
from pipelines.checks import require_name
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import (
    BundleCheckSettings,
    BundleFetchSettings,
    BundleImportSettings,
    BundleTuneSettings,
)
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
            tokenizer=_local(settings.tokenizer),
            told=progress.told,
        )
    _show(made)
    _show_text(made, release)
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
        made = import_release(
            release, bundle, name=NAME, tokenizer=_local(settings.tokenizer), told=progress.told
        )
    out.print(
        f"{fetched.files} files ({fetched.size / 1e9:.2f} GB) in {release}, {fetched.brought} of them "
        f"brought now; their sizes and SHA-256 are in {fetched.record.name}"
    )
    if fetched.first_seen:
        out.print(
            "seen for the first time: that these are the published bytes, only where they came from tells"
        )
    _show(made)
    _show_text(made, release)
    out.print(f"the folder {release} is not needed any more, but to compare a later download with")
    return DONE


def tune(settings: BundleTuneSettings) -> int:
    """Write a bundle with a tuned video encoder; say what it is called and what it lacks.

    Raises
    ------
    UserError
        The weights are not the bundle's architecture's, the name cannot be one, or the folder is in use.
    """
    require_name("--name", settings.name)
    from echoprime.release import tune_bundle

    weights, directory = (Location.parse(each).local_path for each in (settings.encoder, settings.directory))
    made = tune_bundle(open_bundle(settings.bundle), directory, weights=weights, name=settings.name)
    out = console()
    out.print(f"bundle {made.name!r}: encodes into the embedding space {made.embedding_space}")
    out.print(
        "it has no candidates and no text encoder, which are of the other encoder: encode studies, build a "
        "set of them (echoprime candidates build), and interpret with --candidates"
    )
    if any(each.threshold is not None for each in made.phenotypes):
        out.print("its thresholds were set with the other encoder; yours: --thresholds")
    return DONE


def _local(folder: str | None) -> Path | None:
    return None if folder is None else Location.parse(folder).local_path


def _show_text(made: Bundle, release: Path) -> None:
    """Whether it is searched by text; nothing where the release has no text encoder at all."""
    from echoprime.release.text import lacks_tokenizer

    if made.text_encoder is not None:
        console().print("finds studies by text (candidates search --text)")
    elif lacks_tokenizer(release):
        console().print(
            "the release's text encoder was left out: --tokenizer names the folder of its tokenizer "
            "(BiomedBERT base, abstracts)"
        )


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
    if opened.encodes:
        _check_networks(opened, settings)
    else:
        out.print("no weights: interprets only, nothing to compute")
    if opened.text_encoder is not None:
        _check_text(opened)
    if opened.encodes and not opened.trained:
        out.print("untrained: its numbers mean nothing about people")
    if opened.encodes and opened.notice:
        out.print(opened.notice)
    return DONE


def _check_networks(opened: Bundle, settings: BundleCheckSettings) -> None:
    from echoprime.networks import load_encoder, load_view_classifier, select_device
    from echoprime.networks.selfcheck import check

    place = select_device(settings.device)
    found = check(opened, load_encoder(opened, place), load_view_classifier(opened, place))
    console().print(
        f"sample clip on {place}: embedding differs by {found.embedding_difference:.1e}, view logits by "
        f"{found.logit_difference:.1e}; tolerance {found.tolerance:.0e}"
    )


def _check_text(opened: Bundle) -> None:
    from echoprime.networks import load_text_encoder

    try:
        load_text_encoder(opened)  # compares a sentence's numbers with the recorded ones
    except MissingPackageError as error:
        console().print(f"sample sentence: not checked: {error}")
    else:
        console().print("sample sentence: the text encoder's numbers are those that were recorded")
