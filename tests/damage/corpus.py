"""Every damaged file, and what the job made of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pydicom
from pydicom.dataelem import RawDataElement

from tests.damage.bombs import bombs
from tests.damage.containers import broken_containers
from tests.damage.damaged import Damaged, Expected
from tests.damage.flips_and_cuts import damaged_bytes
from tests.damage.fragments import wrong_fragments
from tests.damage.good_files import good_files
from tests.damage.hostile_headers import hostile_headers

LAWFUL = frozenset(
    {
        (0x0002, 0x0010),  # TransferSyntaxUID
        (0x0028, 0x0002),  # SamplesPerPixel
        (0x0028, 0x0004),  # PhotometricInterpretation
        (0x0028, 0x0006),  # PlanarConfiguration
        (0x0028, 0x0008),  # NumberOfFrames
        (0x0028, 0x0010),  # Rows
        (0x0028, 0x0011),  # Columns
        (0x0028, 0x0101),  # BitsStored
        (0x0028, 0x0102),  # HighBit
        (0x0028, 0x0103),  # PixelRepresentation
        (0x7FE0, 0x0010),  # the pixel data's own tag and length
    }
)
"""Elements whose value has another lawful one, with which the same pixels are another picture."""


def all_damaged() -> Iterator[Damaged]:
    """In a fixed order."""
    yield from chain(damaged_bytes(), hostile_headers(), wrong_fragments(), bombs(), broken_containers())


def sound_name(name: str) -> str:
    """Study of a good file, as it lies in the archive."""
    return f"sound-{name}"


def write_archive(folder: Path) -> dict[str, Damaged]:
    """The good files and the damaged ones, each a study of its own.

    Returns
    -------
    Study -> the damaged file in it.
    """
    for name, data in good_files().items():
        _put(folder / sound_name(name), data)
    written: dict[str, Damaged] = {}
    for number, damaged in enumerate(all_damaged()):
        written[f"damaged-{number:04}"] = damaged
        _put(folder / f"damaged-{number:04}", damaged.data)
    return written


def _put(study: Path, data: bytes) -> None:
    study.mkdir(parents=True)
    (study / "1.dcm").write_bytes(data)  # the ending says nothing: archives name everything so


def verdict(damaged: Damaged, outcome: str, content: str | None, sound: str | None) -> str:
    """ "" for an honest outcome; else what is wrong with it.

    Parameters
    ----------
    damaged
        The file.
    outcome, content
        As its row says.
    sound
        The undamaged file's `content`; None where it was made of none.
    """
    same = content is not None and content == sound
    if damaged.expected is Expected.SAME and not same:
        return "the damage is harmless, and the clip is not that of the sound file"
    if damaged.expected is Expected.REFUSED and outcome == "encoded":
        return "encoded, though the damage can be seen"
    if damaged.expected is Expected.HONEST and outcome == "encoded" and not same:
        return "another clip, though the damage can be seen"
    if damaged.at >= 0 and outcome == "encoded" and not same:
        element = element_at(good_files()[damaged.sound], damaged.at)
        return "" if element in LAWFUL else f"another clip by a flip in element {element}"
    return ""


def unseen(damaged: Damaged, outcome: str, content: str | None, sound: str | None) -> bool:
    """Whether the file became another clip than that of the undamaged file."""
    return outcome == "encoded" and content != sound


def element_at(data: bytes, position: int) -> tuple[int, int]:
    """Tag of the element of a DICOM file that holds a byte."""
    made = pydicom.dcmread(io.BytesIO(data))
    holds = (0, 0)
    for part in (made.file_meta, made):
        for element in part.values():
            tag = element.tag
            value = element.value_tell if isinstance(element, RawDataElement) else element.file_tell
            if value - 8 <= position:
                holds = tag.group, tag.element
    return holds
