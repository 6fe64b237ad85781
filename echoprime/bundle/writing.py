"""Write a bundle: all of it or nothing."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from echoprime.bundle.bundle import FORMAT, Bundle, TunedFrom, open_bundle
from echoprime.bundle.cache import file_sha256
from echoprime.bundle.lexicon import Lexicon
from echoprime.bundle.phenotypes import Phenotype, phenotypes_to_csv
from echoprime.bundle.sections import VIEWS, SectionWeights
from echoprime.bundle.workspace import workspace
from echoprime.errors import BundleError

ENCODER_FILE = "encoder.safetensors"
VIEW_CLASSIFIER_FILE = "view_classifier.safetensors"
TEXT_ENCODER_FILE = "text_encoder.safetensors"


def write_bundle(
    directory: str | Path,
    *,
    name: str,
    trained: bool,
    notice: str,
    embedding_space: str,
    sections: SectionWeights,
    phenotypes: Sequence[Phenotype],
    lexicons: Sequence[Lexicon],
    label_sources: Mapping[str, Any],
    preprocessing: Mapping[str, Any],
    files: Callable[[Path], int],
    encoder: str | None = None,
    view_classifier: str | None = None,
    text_encoder: str | None = None,
    tuned_from: TunedFrom | None = None,
    origins: Mapping[str, str] | None = None,
    overwrite: bool = False,
    identity: str | None = None,
) -> Bundle:
    """Write a bundle into a temporary folder beside `directory` and rename it there at the end.

    Parameters
    ----------
    directory
        Where it shall be; must not hold a bundle yet, unless `overwrite`.
    name, trained, notice, embedding_space, sections, phenotypes, preprocessing
        See `Bundle`.
    lexicons
        One of each language; all of them with the same sections and number of phrases as the first.
    label_sources
        The release's `per_section.json`.
    files
        Called with the temporary folder: writes `candidates/` (`retrieval.write_candidates`) and, where
        there are weights, `encoder.safetensors`, `view_classifier.safetensors` and `selfcheck.npz` into
        it, and returns the candidates' number of rows.
    encoder, view_classifier, text_encoder
        Architecture names; None = without weights.
    tuned_from
        See `Bundle`.
    origins
        File name -> where it came from, one line each; "" for those not named.
    overwrite
        Replace a bundle that is there already.
    identity
        Where `files` can go on with what a killed call of it left: the hash of all that it writes from. See
        `echoprime.bundle.workspace`.

    Returns
    -------
    Bundle
        Opened from where it now lies.

    Raises
    ------
    BundleError
        When `directory` exists and is not an empty folder, or its parts do not fit each other.
    """
    target = Path(directory)
    require_free(target, overwrite=overwrite)
    _check_parts(sections, phenotypes, lexicons)
    with workspace(target, identity) as temporary:
        rows = files(temporary)
        (temporary / "lexicon").mkdir(exist_ok=True)
        for lexicon in lexicons:
            (temporary / "lexicon" / f"{lexicon.language}.json").write_bytes(lexicon.to_json())
        (temporary / "sections.csv").write_bytes(sections.to_csv())
        (temporary / "phenotypes.csv").write_bytes(phenotypes_to_csv(phenotypes))
        (temporary / "label_sources.json").write_text(json.dumps(label_sources, indent=1, ensure_ascii=False))
        content = {
            "format": FORMAT,
            "name": name,
            "trained": trained,
            "notice": notice,
            "embedding_space": embedding_space,
            "views": list(VIEWS),
            "encoder": _network(temporary, encoder, ENCODER_FILE),
            "view_classifier": _network(temporary, view_classifier, VIEW_CLASSIFIER_FILE),
            "text_encoder": _network(temporary, text_encoder, TEXT_ENCODER_FILE),
            "tuned_from": None if tuned_from is None else asdict(tuned_from),
            "preprocessing": dict(preprocessing),
            "candidates_rows": rows,
            "files": _files(temporary, origins or {}),
        }
        (temporary / "bundle.json").write_text(json.dumps(content, indent=1, ensure_ascii=False))
        _move(temporary, target)
    return open_bundle(target)


def require_free(target: Path, *, overwrite: bool = False) -> None:
    """Refuse a place that a bundle cannot be written to.

    Raises
    ------
    BundleError
        It holds a bundle already and is not to be overwritten, or something else.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise BundleError(f"{target}: a file is in the way; name another folder for the bundle")
    if not any(target.iterdir()):
        return
    if not (target / "bundle.json").is_file():
        raise BundleError(f"{target}: holds something that is no bundle; name another folder")
    if not overwrite:
        raise BundleError(f"{target}: holds a bundle already; name another folder, or ask to overwrite it")


def _check_parts(
    sections: SectionWeights, phenotypes: Sequence[Phenotype], lexicons: Sequence[Lexicon]
) -> None:
    if not lexicons:
        raise BundleError("lexicon: a bundle needs one language at least")
    for name in sections.names:
        if name not in lexicons[0].sections:
            raise BundleError(
                f"sections: {name!r} has weights, but the lexicon does not know it; names must agree"
            )
    for each in phenotypes:
        if each.section not in sections.names:
            raise BundleError(f"phenotypes: section {each.section!r} of {each.name!r} has no weights")
    for other in lexicons[1:]:
        lexicons[0].check_same_ids(other, f"lexicon/{other.language}.json")


def _network(directory: Path, architecture: str | None, file: str) -> dict[str, str] | None:
    if architecture is None:
        return None
    if not (directory / file).is_file():
        raise BundleError(f"{file}: was not written, though the bundle names {architecture!r}")
    return {"architecture": architecture, "file": file, "sha256": file_sha256(directory / file)}


def _files(directory: Path, origins: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    for path in list(directory.rglob(".*")):  # unfinished files of killed calls, and what a desktop adds
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    found = sorted(path for path in directory.rglob("*") if path.is_file())
    names = {path.relative_to(directory).as_posix(): path for path in found}
    names.pop("bundle.json", None)  # of a call that was killed just before the end
    return {
        name: {"size": path.stat().st_size, "sha256": file_sha256(path), "origin": origins.get(name, "")}
        for name, path in names.items()
    }


def _move(temporary: Path, target: Path) -> None:
    """Put the finished folder in place; an older bundle stays whole until the new one is there."""
    old = None
    if target.exists():
        old = target.parent / f".{target.name}.old-{secrets.token_hex(4)}"
        target.rename(old)
    try:
        temporary.rename(target)
    except OSError:
        if old is not None:
            old.rename(target)
        raise
    finally:
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
