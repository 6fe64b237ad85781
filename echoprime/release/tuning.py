"""A video encoder that a user tuned, as a bundle of its own: another embedding space under another name."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from echoprime.bundle import Bundle, TunedFrom, write_bundle
from echoprime.bundle.writing import ENCODER_FILE, VIEW_CLASSIFIER_FILE, require_free
from echoprime.errors import BundleError
from echoprime.networks import VideoEncoder, ViewClassifier, record_selfcheck, selfcheck, state_sha256
from echoprime.networks.selfcheck import SELFCHECK_FILE
from echoprime.networks.weights import read_state
from echoprime.release.importing import sample_clip
from echoprime.release.weights import read_weights, save_weights
from echoprime.storage.local_files import write_whole

NO_CANDIDATES = 0

ITS_STATE_ALONE = "save its state dict alone: torch.save(model.state_dict(), 'tuned.pt')"


def tune_bundle(base: Bundle, directory: Path, *, weights: Path, name: str) -> Bundle:
    """Write a bundle with another video encoder of the same architecture.

    View classifier, section weights, phenotypes with their thresholds, lexicons and label sources are the
    base's. Candidates and the text encoder are left out: their numbers are of the base's encoder, and mean
    nothing beside those of this one.

    Parameters
    ----------
    base
        A bundle that encodes.
    directory
        Where the new bundle shall be; must not hold one yet.
    weights
        State dict (`.pt`), or a Lightning checkpoint whose keys begin with `model.`: names, shapes and types
        must be those of the base's architecture, values finite.
    name
        Of the bundle, and first part of its embedding space: `NAME@sha256:` and the weights' hash.

    Raises
    ------
    BundleError
        One line: what does not fit, and the cure.
    """
    require_free(directory)
    if base.encoder is None or base.view_classifier is None:
        raise BundleError(
            f"bundle {base.name!r} has no weights to put a tuned encoder in place of; import a release with "
            "model_data/weights"
        )
    if not weights.is_file():
        raise BundleError(f"--encoder {weights}: no such file; give the tuned encoder's state dict")
    architecture, views = base.encoder.architecture, base.view_classifier
    state = read_weights(weights, ITS_STATE_ALONE)
    encoder = _fitting(architecture, state, weights.name)
    digest = state_sha256(state)
    if digest == state_sha256(read_state(base.file(base.encoder.file))):
        raise BundleError(
            f"{weights.name}: the same weights as bundle {base.name!r} has; give those that were tuned"
        )

    def files(folder: Path) -> int:
        save_weights(state, folder / ENCODER_FILE)
        shutil.copyfile(base.file(views.file), folder / VIEW_CLASSIFIER_FILE)
        classifier = ViewClassifier(views.architecture, folder / VIEW_CLASSIFIER_FILE)
        write_whole(folder / SELFCHECK_FILE, record_selfcheck(encoder, classifier, sample_clip()))
        return NO_CANDIDATES

    made = write_bundle(
        directory,
        name=name,
        trained=base.trained,
        notice=base.notice,
        embedding_space=f"{name}@sha256:{digest}",
        sections=base.sections,
        phenotypes=base.phenotypes,
        lexicons=[base.lexicon(language) for language in _english_first(base.languages)],
        label_sources=base.label_sources(),
        preprocessing=base.preprocessing,
        files=files,
        encoder=architecture,
        view_classifier=views.architecture,
        tuned_from=TunedFrom(base.name, base.embedding_space),
        origins={
            **{file: f"bundle {base.name!r}: {entry.origin}" for file, entry in base.files.items()},
            ENCODER_FILE: f"{weights.name}, tuned",
            SELFCHECK_FILE: "pydicom examples_ybr_color.dcm, computed when tuned in float32 on CPU",
        },
    )
    selfcheck.check(made, encoder)
    return made


def _fitting(architecture: str, state: dict[str, torch.Tensor], file: str) -> VideoEncoder:
    """The encoder, if each of its weights is there, of the right shape and type, and finite."""
    try:
        encoder = VideoEncoder(architecture, state)
    except BundleError as error:
        what = str(error).partition("; ")[0]
        raise BundleError(f"{file}: {what}; give a state dict of {architecture} as it was tuned") from error
    wrong = [key for key, tensor in state.items() if not torch.isfinite(tensor).all()]
    if wrong:
        raise BundleError(f"{file}: weight {wrong[0]!r} has values that are not finite; tune it again")
    return encoder


def _english_first(languages: tuple[str, ...]) -> list[str]:
    """The order of an import: the others' ids are compared with the first's."""
    return sorted(languages, key=lambda language: (language != "en", language))
