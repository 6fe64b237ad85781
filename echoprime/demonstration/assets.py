"""The demonstration's numbers and words, out of `assets/`."""

from __future__ import annotations

import csv
import json
from typing import Any

from echoprime.assets import read_asset
from echoprime.bundle import Lexicon, Phenotype, SectionWeights

CANDIDATE_EMBEDDINGS = "candidate_embeddings.npy"
CANDIDATES = "candidates.csv"
VIEW_HEAD = "view_head.npz"
SEEDS = "seeds.json"
LEXICON = "lexicon.json"
CANDIDATE_COLUMNS = (
    "candidate",
    "seed",
    "views",
    "ejection_fraction",
    "length_cm",
    "wall_mm",
    "effusion_mm",
    "rv_systolic_function_depressed",
    "right_ventricle_dilation",
    "left_atrium_dilation",
    "right_atrium_dilation",
    "pericardial_effusion",
)
"""Columns of `candidates.csv`: what the drawing makes true; the other labels are unknown."""


def read_section_weights() -> SectionWeights:
    """The published weight of every view in every section."""
    return SectionWeights.from_csv(read_asset("section_weights.csv"), "section_weights.csv")


def read_lexicon() -> Lexicon:
    """The demonstration's own phrases."""
    return Lexicon.from_phrases(json.loads(read_asset(f"demonstration/{LEXICON}")), "en", file=LEXICON)


def read_phenotypes() -> tuple[Phenotype, ...]:
    """The 21 phenotypes in their published order, with the published thresholds where there are any."""
    published = csv.DictReader(read_asset("thresholds.csv").decode().splitlines())
    thresholds = {row["feature"]: float(row["threshold"]) for row in published}
    rows = csv.DictReader(read_asset("phenotypes.csv").decode().splitlines())
    return tuple(
        Phenotype(
            name=row["name"],
            section=row["section"],
            kind=row["kind"],
            unit=row["unit"],
            definition=row["definition"],
            threshold=thresholds.get(row["name"]),
        )
        for row in rows
    )


def read_candidates() -> list[dict[str, str]]:
    """Rows of `candidates.csv`, in the order of the embeddings."""
    return list(csv.DictReader(read_asset(f"demonstration/{CANDIDATES}").decode().splitlines()))


def read_seeds() -> dict[str, Any]:
    """What the assets were made with."""
    content: dict[str, Any] = json.loads(read_asset(f"demonstration/{SEEDS}"))
    return content
