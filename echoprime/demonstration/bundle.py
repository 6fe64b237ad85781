"""The demonstration's bundle: seeded, untrained networks of the real sizes, and drawn candidates."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from echoprime.assets import read_asset
from echoprime.bundle import Bundle, write_bundle
from echoprime.bundle.writing import ENCODER_FILE, VIEW_CLASSIFIER_FILE
from echoprime.demonstration import seeded
from echoprime.demonstration.assets import (
    CANDIDATE_EMBEDDINGS,
    SEEDS,
    VIEW_HEAD,
    read_candidates,
    read_lexicon,
    read_phenotypes,
    read_section_weights,
    read_seeds,
)
from echoprime.demonstration.encoding import EMBED, Loop, read_drawn
from echoprime.demonstration.reports import write_report
from echoprime.errors import BundleError
from echoprime.reading import PREPROCESSING
from echoprime.retrieval import write_candidates

if TYPE_CHECKING:
    from torch import Tensor

NOTICE = "demonstration weights: drawn loops, not medicine"
"""Said beside every number."""
NAME = "demonstration"
SHARD_FILES = 2
SAMPLE = Loop(want=EMBED, view="A4C", ejection_fraction=60.0, seed=0)
"""The self-check's clip."""
MAKE_AGAIN = "python -m echoprime.demonstration.make_assets"
LABEL_SOURCES: dict[str, dict[str, Any]] = {
    "ejection_fraction": {
        "section": "Left Ventricle",
        "mode": "regression",
        "label_sources": ["Ejection fraction is <#>"],
    },
    "rv_systolic_function_depressed": {
        "section": "Right Ventricle",
        "mode": "binary",
        "label_sources": ["Its systolic function is reduced"],
    },
    "pericardial_effusion": {
        "section": "Pericardium",
        "mode": "binary",
        "label_sources": ["A rim of fluid"],
    },
}
"""How the labels that a phrase tells alone are read back out of a report."""


def write_demonstration_bundle(directory: str | Path, *, overwrite: bool = False) -> Bundle:
    """Write the demonstration's bundle (0.5 GB, some 20 seconds).

    Parameters
    ----------
    directory
        Where it shall be; must not hold a bundle yet, unless `overwrite`.
    overwrite
        Replace a bundle that is there already.

    Raises
    ------
    BundleError
        When the installed torch draws other seeded weights than the candidates were encoded with, naming the
        command that makes them again; when an asset is missing; or when something is in the way.
    """
    encoder, view_classifier = checked_states()
    lexicon, phenotypes = read_lexicon(), read_phenotypes()
    space = f"sha256:{read_seeds()['encoder']['sha256']}"

    def files(folder: Path) -> int:
        _write_networks(folder, encoder, view_classifier)
        rows = read_candidates()
        names = [phenotype.name for phenotype in phenotypes]
        return write_candidates(
            folder / "candidates",
            embeddings=read_embeddings(),
            studies=[row["candidate"] for row in rows],
            patients=[row["candidate"] for row in rows],
            labels=_labels(rows, names),
            label_names=names,
            reports=[write_report(row, lexicon) for row in rows],
            embedding_space=space,
            shard_files=SHARD_FILES,
        )

    return write_bundle(
        directory,
        name=NAME,
        trained=False,
        notice=NOTICE,
        embedding_space=space,
        sections=read_section_weights(),
        phenotypes=phenotypes,
        lexicons=[lexicon],
        label_sources=LABEL_SOURCES,
        preprocessing=PREPROCESSING,
        files=files,
        encoder=seeded.ENCODER,
        view_classifier=seeded.VIEW_CLASSIFIER,
        origins={
            ENCODER_FILE: f"untrained, torch.manual_seed({seeded.ENCODER_SEED})",
            VIEW_CLASSIFIER_FILE: f"torch.manual_seed({seeded.VIEW_CLASSIFIER_SEED}), last layer fitted",
            "sections.csv": "assets/section_weights.csv",
            "phenotypes.csv": "assets/phenotypes.csv, assets/thresholds.csv",
        },
        overwrite=overwrite,
    )


def checked_states() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """State dicts of encoder and view classifier, known to be those that the assets were made with.

    Raises
    ------
    BundleError
        When the installed torch draws others.
    """
    import torch

    from echoprime.networks import state_sha256

    recorded = read_seeds()
    encoder, before = seeded.seeded_encoder_state(), seeded.seeded_view_state()
    found = (state_sha256(encoder), state_sha256(before))
    if found != (recorded["encoder"]["sha256"], recorded["view_classifier"]["sha256_before_fit"]):
        raise BundleError(
            f"assets/demonstration/{SEEDS}: made with torch {recorded['torch']}; torch {torch.__version__} "
            f"draws other seeded weights: install the former, or make the assets again with `{MAKE_AGAIN}`"
        )
    with np.load(io.BytesIO(read_asset(f"demonstration/{VIEW_HEAD}"))) as head:
        return encoder, seeded.fitted_view_state(head["weight"], head["bias"])


def read_embeddings() -> NDArray[np.float32]:
    """The candidates' rows: float32 (candidates, 512), of unit length."""
    rows: NDArray[np.float32] = np.load(
        io.BytesIO(read_asset(f"demonstration/{CANDIDATE_EMBEDDINGS}")), allow_pickle=False
    )
    return rows


def _labels(rows: list[dict[str, str]], names: list[str]) -> NDArray[np.float64]:
    """float64 (candidates, 21); NaN where the drawing says nothing."""
    return np.array([[float(row.get(name) or "nan") for name in names] for row in rows], np.float64)


def _write_networks(folder: Path, encoder: dict[str, Tensor], view_classifier: dict[str, Tensor]) -> None:
    from safetensors.torch import save_file

    from echoprime.networks import VideoEncoder, ViewClassifier, record_selfcheck
    from echoprime.networks.selfcheck import SELFCHECK_FILE

    save_file(encoder, folder / ENCODER_FILE)
    save_file(view_classifier, folder / VIEW_CLASSIFIER_FILE)
    networks = (
        VideoEncoder(seeded.ENCODER, folder / ENCODER_FILE),
        ViewClassifier(seeded.VIEW_CLASSIFIER, folder / VIEW_CLASSIFIER_FILE),
    )
    (folder / SELFCHECK_FILE).write_bytes(record_selfcheck(*networks, read_drawn(SAMPLE)))
