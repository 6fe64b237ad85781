"""A small drawn archive to try everything on: nine drawn studies, one real loop, a still, a damaged file.

A folder a study. What is true of it is written beside the archive, never into it: `drawn.csv`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from echoprime.demonstration.dicom import loop_to_dicom
from echoprime.demonstration.encoding import EMBED, LOOK, Loop
from echoprime.demonstration.phantom import DOPPLER, REVISION, draw_loop
from echoprime.errors import ArchiveError

TRUTH = "drawn.csv"
COLUMNS = ("study_id", "ejection_fraction", "file", "kind", "view", "sha256", "revision")
FRAMES = 40
"""Of each loop: more than a beat, and more than the 32 that are read."""
REAL_STUDY = "real-a4c"
REAL_FILE = "examples_ybr_color.dcm"
"""A real apical four-chamber loop that pydicom's wheel carries for its tests."""
STILL, DAMAGED = ("drawn-03", "0006.dcm"), ("drawn-06", "0004.dcm")
"""Study and file of the still and of the file that was cut short."""


@dataclass(frozen=True)
class DrawnStudy:
    """What is true of one study of the archive.

    Attributes
    ----------
    study_id
        Its folder.
    ejection_fraction
        In %, as drawn; None = unknown (the real loop).
    views
        Of its loops in the order of `files`; the still's and the damaged file's too.
    files
        Names in the folder.
    """

    study_id: str
    ejection_fraction: float | None
    views: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class _File:
    """One file that belongs into the archive."""

    study_id: str
    ejection_fraction: float | None
    name: str
    kind: str  # loop, still, damaged or real
    view: str
    seed: int
    number: int


_LONG, _SHORT = "Parasternal_Long", "Parasternal_Short"
# Study, ejection fraction, heart's seed, views. Hearts 4 and 7 leak, 40 has fluid around it; the candidates'
# seeds begin far above all of these.
_PLAN: tuple[tuple[str, float, int, tuple[str, ...]], ...] = (
    ("drawn-01", 20.0, 2, ("A4C", "A2C", _SHORT, _LONG)),
    ("drawn-02", 27.0, 3, ("A4C", "A2C", _SHORT)),
    ("drawn-03", 33.0, 4, ("A4C", "A2C", _SHORT, _LONG, "Apical_Doppler")),
    ("drawn-04", 39.0, 5, ("A4C", "A2C", _SHORT, _LONG)),
    ("drawn-05", 45.0, 40, ("A4C", "A2C", _SHORT, "Subcostal")),
    ("drawn-06", 51.0, 9, ("A4C", "A2C", _SHORT, "Subcostal")),
    ("drawn-07", 58.0, 7, ("A4C", "A2C", _SHORT, _LONG, "Apical_Doppler")),
    ("drawn-08", 64.0, 10, ("A4C", "A2C", _SHORT)),
    ("drawn-09", 70.0, 11, ("A4C", "A2C", _SHORT, _LONG, "Subcostal")),
)
"""The left ventricle's three usual views are in every study, as a laboratory's protocol has it: an untrained
network compares studies of unlike views by their views first."""


def draw_archive(
    directory: str | Path, *, frames: int = FRAMES, progress: Callable[[int, int], None] | None = None
) -> tuple[DrawnStudy, ...]:
    """Draw the archive, or what of it is missing.

    A file that is there with the right content is left untouched, and so is a damaged file that was
    replaced: whatever lies in its place stays.

    Parameters
    ----------
    directory
        The archive's folder; `drawn.csv` is written into the folder that holds it.
    frames
        Of each drawn loop; fewer than a beat's 28 show less than the ejection fraction.
    progress
        Called with (files done, files in all) as they are drawn; never when there is nothing to draw.

    Returns
    -------
    The studies, sorted by name.

    Raises
    ------
    ArchiveError
        When something that is no folder is in the way.
    """
    archive = Path(directory)
    if archive.exists() and not archive.is_dir():
        raise ArchiveError(f"{archive}: a file is in the way; name another folder for the drawn archive")
    files, known = _files(), _read_truth(archive)
    wanted = [file for file in files if not _is_there(archive, file, known)]
    if wanted:
        archive.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
            for done, (file, content) in enumerate(
                zip(wanted, pool.map(partial(_content, frames=frames), wanted), strict=True)
            ):
                _write(archive, file, content, known)
                if progress is not None:
                    progress(done + 1, len(wanted))
    _write_truth(archive, files, known)
    return drawn_studies()


def drawn_studies() -> tuple[DrawnStudy, ...]:
    """What the archive holds, without drawing it.

    Examples
    --------
    >>> studies = drawn_studies()
    >>> len(studies), studies[0].study_id, studies[0].ejection_fraction, len(studies[0].files)
    (10, 'drawn-01', 20.0, 4)
    """
    studies: dict[str, list[_File]] = {}
    for file in _files():
        studies.setdefault(file.study_id, []).append(file)
    return tuple(
        DrawnStudy(
            name, files[0].ejection_fraction, tuple(f.view for f in files), tuple(f.name for f in files)
        )
        for name, files in sorted(studies.items())
    )


def drawn_loops() -> list[Loop]:
    """What the networks will see of the archive's drawn loops: each to be encoded, and to be looked at."""
    return [
        Loop(want=want, view=file.view, ejection_fraction=file.ejection_fraction, seed=file.seed)
        for want in (EMBED, LOOK)
        for file in _files()
        if file.kind == "loop" and file.ejection_fraction is not None
    ]


def damaged_file(directory: str | Path) -> Path:
    """Where the damaged file lies in an archive."""
    return Path(directory) / DAMAGED[0] / DAMAGED[1]


def repair_damaged(directory: str | Path, *, frames: int = FRAMES) -> bytes:
    """What the damaged file would hold had it not been cut short; writing it there is the caller's.

    Parameters
    ----------
    directory
        The archive; must have been drawn.
    frames
        As it was drawn with.

    Raises
    ------
    ArchiveError
        When there is no such archive.
    """
    if not damaged_file(directory).parent.is_dir():
        raise ArchiveError(f"{directory}: no drawn archive lies there; draw it first with `echoprime demo`")
    return _loop(next(file for file in _files() if file.kind == "damaged"), frames)


def _files() -> list[_File]:
    files = []
    for study, fraction, seed, views in _PLAN:
        for number, view in enumerate(views, start=1):
            name = f"{number:04d}.dcm"
            kind = "damaged" if (study, name) == DAMAGED else "loop"
            files.append(_File(study, fraction, name, kind, view, seed, number))
        if study == STILL[0]:
            files.append(_File(study, fraction, STILL[1], "still", "A4C", seed, len(views) + 1))
    files.append(_File(REAL_STUDY, None, REAL_FILE, "real", "A4C", 0, 1))
    return files


def _content(file: _File, frames: int) -> bytes:
    if file.kind == "real":
        from pydicom.data import get_testdata_file

        return Path(str(get_testdata_file(REAL_FILE, download=False))).read_bytes()
    loop = _loop(file, frames)
    return cut_short(loop) if file.kind == "damaged" else loop


def _loop(file: _File, frames: int) -> bytes:
    """A drawn loop or still as a file."""
    assert file.ejection_fraction is not None
    count = 1 if file.kind == "still" else frames
    pictures = draw_loop(file.view, file.ejection_fraction, seed=file.seed, frames=count)
    return loop_to_dicom(
        pictures,
        study=file.study_id,
        patient_id=f"DRAWN-{file.seed:04d}",
        number=file.number,
        colour_doppler=file.view in DOPPLER,
    )


def cut_short(content: bytes) -> bytes:
    """A file whose transfer broke: the header is whole, the pictures are zeros and then end.

    Examples
    --------
    >>> cut_short(bytes(range(100)))[18:22], len(cut_short(bytes(100)))
    (b'\\x12\\x13\\x00\\x00', 60)
    """
    fifth = len(content) // 5
    return content[:fifth] + bytes(2 * fifth)


def _is_there(archive: Path, file: _File, known: dict[tuple[str, str], str]) -> bool:
    path = archive / file.study_id / file.name
    if not path.is_file():
        return False
    if file.kind == "damaged":
        return (file.study_id, file.name) in known
    return known.get((file.study_id, file.name)) == hashlib.sha256(path.read_bytes()).hexdigest()


def _write(archive: Path, file: _File, content: bytes, known: dict[tuple[str, str], str]) -> None:
    """Put a file in place whole or not at all; one that holds the same bytes keeps its time."""
    known[file.study_id, file.name] = hashlib.sha256(content).hexdigest()
    path = archive / file.study_id / file.name
    if path.is_file() and (file.kind == "damaged" or path.read_bytes() == content):
        return
    path.parent.mkdir(exist_ok=True)
    # beside the archive, so that a kill leaves nothing in it that looks like a video
    _replace(path, content, archive.parent / f".{archive.name}-{file.study_id}-{file.name}.part")


def _replace(path: Path, content: bytes, temporary: Path) -> None:
    temporary.write_bytes(content)
    temporary.replace(path)


def _read_truth(archive: Path) -> dict[tuple[str, str], str]:
    """SHA-256 of what this revision wrote, by study and file; empty where it wrote nothing yet."""
    path = archive.parent / TRUTH
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as source:
        rows = list(csv.DictReader(source))
    return {
        (row["study_id"], row["file"]): row["sha256"]
        for row in rows
        if set(COLUMNS) <= set(row) and row["revision"] == str(REVISION)
    }


def _write_truth(archive: Path, files: list[_File], known: dict[tuple[str, str], str]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for file in files:
        fraction = "" if file.ejection_fraction is None else f"{file.ejection_fraction:g}"
        sha256 = known[file.study_id, file.name]
        writer.writerow([file.study_id, fraction, file.name, file.kind, file.view, sha256, REVISION])
    path, content = archive.parent / TRUTH, text.getvalue().encode()
    if not path.is_file() or path.read_bytes() != content:
        _replace(path, content, archive.parent / f".{TRUTH}.part")
