"""A finished candidate set: its files hashed, and brought to its place whole or not at all."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from echoprime.bundle.cache import file_sha256
from echoprime.errors import SettingError
from echoprime.retrieval.candidate_files import SUMMARY, SUMMARY_FORMAT, files_hash
from echoprime.storage import Location


def require_nothing_there(target: Location) -> None:
    """Refuse a place where something lies.

    Raises
    ------
    SettingError
        It cannot be reached, or is not empty.
    """
    target.require_reachable("candidates", SettingError)
    if target.names() or (target.is_local and target.local_path.is_file()):
        raise SettingError(f"{target}: something is there already; name another folder for the candidate set")


OF_THE_FILES = frozenset({"format", "candidates", "hash", "files"})
"""What `write_summary` says by itself; the rest of a summary are facts."""


def write_summary(folder: Path, rows: int, facts: Mapping[str, Any], beside: Collection[str] = ()) -> None:
    """Hash every file of a set and write `summary.json`.

    Parameters
    ----------
    folder
        The set's files.
    rows
        Candidates.
    facts
        What else the summary says.
    beside
        Files that lie there and are no part of the set.
    """
    names = sorted(path.name for path in folder.iterdir() if path.name not in beside)
    hashes = {name: file_sha256(folder / name) for name in names}
    content = {
        "format": SUMMARY_FORMAT,
        "candidates": rows,
        "hash": files_hash(hashes),
        **facts,
        "files": {name: {"size": (folder / name).stat().st_size, "sha256": hashes[name]} for name in names},
    }
    (folder / SUMMARY).write_text(json.dumps(content, indent=1, ensure_ascii=False))


def bring(folder: Path, target: Location) -> None:
    """A folder appears at once; in a bucket the summary, which makes it a set, comes last."""
    if target.is_local:
        place = target.local_path
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.parent / f".{place.name}.writing-{secrets.token_hex(4)}"
        try:
            shutil.move(folder, beside)
            if place.exists():
                place.rmdir()  # empty, as was checked
            beside.rename(place)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return
    for path in sorted(folder.iterdir(), key=lambda path: path.name == SUMMARY):
        (target / path.name).put_file(path)
