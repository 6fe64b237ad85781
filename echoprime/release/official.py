"""What the official release consists of, and where its files are published."""

from __future__ import annotations

from dataclasses import dataclass

NAME = "EchoPrime-v1.0.0"

DOWNLOADS = "https://github.com/echonet/EchoPrime/releases/download/v1.0.0"
RAW = "https://raw.githubusercontent.com/echonet/EchoPrime/v1.0.0"

ARCHIVE = "model_data.zip"
"""Weights, reports, labels and studies; unpacked beside it."""

CANDIDATES = "model_data/candidates_data"


@dataclass(frozen=True)
class ReleaseFile:
    """One published file.

    Attributes
    ----------
    path
        Where it lies in a release folder, and under a mirror of such a folder.
    url
        Where it is published.
    beside
        Where it lies under a mirror that has the downloads side by side.
    """

    path: str
    url: str
    beside: str

    @property
    def name(self) -> str:
        """Without its folders."""
        return self.path.rsplit("/", 1)[-1]


FILES = (
    *(
        ReleaseFile(f"assets/{name}", f"{RAW}/assets/{name}", name)
        for name in (
            "MIL_weights.csv",
            "all_phr.json",
            "per_section.json",
            "roc_thresholds.csv",
            "section_to_phenotypes.pkl",
        )
    ),
    ReleaseFile(ARCHIVE, f"{DOWNLOADS}/{ARCHIVE}", ARCHIVE),
    *(
        ReleaseFile(f"{CANDIDATES}/{name}", f"{DOWNLOADS}/{name}", name)
        for name in ("candidate_embeddings_p1.pt", "candidate_embeddings_p2.pt")
    ),
)
"""Small ones first: what is wrong with an address shows at once."""
