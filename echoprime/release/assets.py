"""The release's small files: section weights, phenotypes, lexicon, thresholds."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from echoprime.bundle import Lexicon, Phenotype, SectionWeights
from echoprime.bundle.phenotypes import UNITS, threshold_from_text
from echoprime.errors import BundleError
from echoprime.release.unpickler import load_pickle


def read_sections(assets: Path) -> SectionWeights:
    """`MIL_weights.csv`."""
    return SectionWeights.from_csv(read_file(assets / "MIL_weights.csv"), "MIL_weights.csv")


def read_lexicon(path: Path, language: str) -> Lexicon:
    """`all_phr.json`, or a translation of it."""
    return Lexicon.from_phrases(_json(path), language, file=path.name)


def read_label_sources(assets: Path) -> dict[str, dict[str, Any]]:
    """`per_section.json`: phenotype -> {section, mode, label_sources}."""
    content = _json(assets / "per_section.json")
    for name, entry in content.items():
        if not isinstance(entry, dict) or entry.get("mode") not in ("binary", "regression"):
            raise BundleError(f"per_section.json: {name!r} has no mode binary or regression; copy it again")
    return content


def read_phenotypes(
    assets: Path, sections: SectionWeights, label_sources: dict[str, dict[str, Any]]
) -> tuple[Phenotype, ...]:
    """`section_to_phenotypes.pkl` with units, definitions, and `roc_thresholds.csv`.

    Raises
    ------
    BundleError
        When a section of the map has no weights, or a phenotype stands in it twice.
    """
    file = "section_to_phenotypes.pkl"
    content = load_pickle(assets / file)
    if not isinstance(content, dict) or not content:
        raise BundleError(f"{file}: must map sections to lists of phenotypes; copy it from the release again")
    thresholds = read_thresholds(assets)
    found: dict[str, Phenotype] = {}
    for section, names in content.items():
        if section not in sections.names:
            raise BundleError(f"{file}: section {section!r} is not in MIL_weights.csv; names must agree")
        if not isinstance(names, (list, tuple)) or not names:
            raise BundleError(
                f"{file}: section {section!r} names no phenotypes; copy it from the release again"
            )
        for name in names:
            if not isinstance(name, str) or name in found:
                raise BundleError(f"{file}: phenotype {name!r} is no name, or stands in it twice")
            found[name] = _phenotype(name, section, label_sources.get(name, {}), thresholds.get(name))
    return tuple(found.values())


def read_thresholds(assets: Path) -> dict[str, float]:
    """`roc_thresholds.csv`: feature -> threshold; its unnamed index column and other features do no harm."""
    file = "roc_thresholds.csv"
    rows = list(csv.DictReader(io.StringIO(read_file(assets / file).decode("utf-8-sig"))))
    if rows and not {"feature", "threshold"} <= set(rows[0]):
        raise BundleError(f"{file}: has no columns feature and threshold; copy it from the release again")
    short = next((row["feature"] for row in rows if row["threshold"] is None), None)
    if short is not None:
        raise BundleError(f"{file}: {short!r} has no threshold cell; copy it from the release again")
    found = {row["feature"]: threshold_from_text(row["threshold"], row["feature"], file) for row in rows}
    return {name: value for name, value in found.items() if value is not None}


def read_file(path: Path) -> bytes:
    """Bytes of a file that the release must have."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise BundleError(
            f"{path.parent.name}/{path.name}: missing from the release; copy it there from the official one"
        ) from error


def _phenotype(name: str, section: str, source: dict[str, Any], threshold: float | None) -> Phenotype:
    continuous = source.get("mode") == "regression" or name in UNITS
    phrases = "; ".join(str(each) for each in source.get("label_sources", []))
    says = "number that follows in the report" if continuous else "1 = the report says one of"
    return Phenotype(
        name=name,
        section=section,
        kind="continuous" if continuous else "binary",
        unit=UNITS.get(name, ""),
        definition=f"{says}: {phrases}" if phrases else "",
        threshold=None if continuous else threshold,
    )


def _json(path: Path) -> dict[str, Any]:
    data = read_file(path)
    try:
        content = json.loads(data)
    except ValueError as error:
        raise BundleError(f"{path.name}: no JSON; copy it from the release again") from error
    if not isinstance(content, dict):
        raise BundleError(f"{path.name}: must be a JSON object; copy it from the release again")
    return content
