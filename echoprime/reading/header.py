"""The part of a DICOM object before its pixel data: what is needed to read the pixels, and where they begin.

Only the elements in `WANTED` are read. No name, number or date of a patient is among them.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import pydicom
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from echoprime.errors import Reason, UnreadableVideo
from echoprime.reading.formats import PREAMBLE
from echoprime.reading.limits import Limits

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
NATIVE = frozenset({IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN})
"""Transfer syntaxes whose pixels are not compressed."""

DESCRIPTIONS = (
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "PerformedProcedureStepDescription",
    "RequestedProcedureDescription",
    "TransducerData",
)
"""Free texts that may say of what kind the examination is: looked at, never kept."""

WANTED: list[BaseTag | int] = [
    Tag(name)
    for name in (
        "NumberOfFrames",
        "Rows",
        "Columns",
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "PlanarConfiguration",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "SOPClassUID",
        "SOPInstanceUID",
        "Modality",
        "ImageType",
        "SequenceOfUltrasoundRegions",
        "UltrasoundColorDataPresent",
        "FrameIncrementPointer",
        "FrameTime",
        "FrameTimeVector",
        "CineRate",
        "RecommendedDisplayFrameRate",
        "Manufacturer",
        "ManufacturerModelName",
        # Of what kind the examination is, see `kinds`.
        *DESCRIPTIONS,
        "TransducerType",
        "NumberOfStages",
        "ContrastBolusAgent",
        "PatientAge",
        "RescaleSlope",
        "RescaleIntercept",
        "ModalityLUTSequence",
        "WindowCenter",
        "WindowWidth",
        "VOILUTFunction",
        "VOILUTSequence",
        "RedPaletteColorLookupTableDescriptor",
        "GreenPaletteColorLookupTableDescriptor",
        "BluePaletteColorLookupTableDescriptor",
        "RedPaletteColorLookupTableData",
        "GreenPaletteColorLookupTableData",
        "BluePaletteColorLookupTableData",
        "SegmentedRedPaletteColorLookupTableData",
        "SegmentedGreenPaletteColorLookupTableData",
        "SegmentedBluePaletteColorLookupTableData",
    )
]
"""The elements that are read; all others are stepped over."""

_PIXEL_DATA = 0x7FE00010
_FLOAT_PIXEL_DATA = (0x7FE00008, 0x7FE00009)
_UNDEFINED = 0xFFFFFFFF
_LONG_LENGTH = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)


@dataclass(frozen=True, eq=False)
class Header:
    """What the header says of the pixels; None where it says nothing.

    Parameters
    ----------
    transfer_syntax
        Unique identifier of how the object is encoded.
    elements
        Those of `WANTED` that there are.
    body
        Bytes from which `start` counts: the file, or what it inflates to.
    start, length
        Where the value of the pixel data begins in `body`, and its bytes: None = encapsulated, 0 = none.
    words
        Whether the pixel data are of the type OW: big-endian objects then swap the bytes of 8-bit pixels.
    """

    transfer_syntax: str
    elements: pydicom.Dataset
    body: memoryview
    start: int
    length: int | None
    words: bool

    def number(self, name: str) -> int | None:
        """An element as a whole number, None when absent or empty."""
        value = self.elements.get(name)
        return None if value in (None, "") else int(value)

    def value(self, name: str) -> Any:  # noqa: ANN401  # elements hold anything
        """An element's value; None when it is absent, empty, or damaged so that it cannot be read."""
        try:
            value = self.elements.get(name)
        except Exception:  # damage shows in pydicom by any error
            return None
        return None if value is None or value == "" else value

    def texts(self, name: str) -> list[str]:
        """An element's values as texts, without padding."""
        value = self.value(name)
        values = [] if value is None else value if isinstance(value, MultiValue) else [value]
        return [str(each).strip("\0 ") for each in values]

    @property
    def frames(self) -> int | None:
        """Frames that the header promises; None when it does not, or promises none."""
        frames = self.number("NumberOfFrames")
        return frames if frames is not None and frames > 0 else None

    @property
    def photometric(self) -> str:
        """Photometric interpretation, "" when absent."""
        return str(self.elements.get("PhotometricInterpretation") or "").strip().upper()

    @property
    def big_endian(self) -> bool:
        """Whether numbers of more than one byte begin with the highest."""
        return self.transfer_syntax == BIG_ENDIAN


def read_header(data: bytes, limits: Limits) -> Header:
    """Read a DICOM object up to its pixel data.

    Raises
    ------
    UnreadableVideo
        UNSUPPORTED (floating-point pixels), NOT_DECODABLE, TOO_LARGE.
    """
    transfer_syntax, position = _file_meta(data)
    if transfer_syntax == DEFLATED:
        data, position = _inflate(memoryview(data)[position:], limits), 0
    stream = io.BytesIO(data)
    stream.seek(position)
    implicit, little = _encoding(transfer_syntax, data[position : position + 6])
    try:
        elements = read_dataset(stream, implicit, little, stop_when=_at_pixels, specific_tags=WANTED)
    except RecursionError as error:
        raise UnreadableVideo(Reason.NOT_DECODABLE, "the header's sequences are nested too deeply") from error
    if stream.tell() > len(data):
        raise UnreadableVideo(Reason.NOT_DECODABLE, "the header is cut, or damaged")
    # pydicom corrects transfer syntaxes that are wrong about types being written out.
    implicit, little = (bool(part) for part in elements.original_encoding)
    tag, vr, start, length = _element(data, stream.tell(), implicit, little)
    if tag in _FLOAT_PIXEL_DATA:
        raise UnreadableVideo(Reason.UNSUPPORTED, "floating-point pixel data are not read")
    return Header(
        transfer_syntax=transfer_syntax or (EXPLICIT if little else BIG_ENDIAN),
        elements=elements,
        body=memoryview(data),
        start=start,
        length=0 if tag != _PIXEL_DATA else None if length == _UNDEFINED else length,
        words=vr == b"OW",
    )


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag == _PIXEL_DATA or tag in _FLOAT_PIXEL_DATA


def _element(data: bytes, position: int, implicit: bool, little: bool) -> tuple[int, bytes, int, int]:
    """An element's tag (0 when there is none), type, position of its value, and length."""
    order = "<" if little else ">"
    if len(data) < position + 8:
        return 0, b"", position, 0
    group, element = struct.unpack_from(order + "HH", data, position)
    tag, vr = group << 16 | element, data[position + 4 : position + 6]
    if implicit or not (vr.isalpha() and vr.isupper()):
        return tag, b"", position + 8, struct.unpack_from(order + "I", data, position + 4)[0]
    if vr not in _LONG_LENGTH:
        return tag, vr, position + 8, struct.unpack_from(order + "H", data, position + 6)[0]
    if len(data) < position + 12:
        return 0, b"", position, 0
    return tag, vr, position + 12, struct.unpack_from(order + "I", data, position + 8)[0]


def _file_meta(data: bytes) -> tuple[str, int]:
    """Transfer syntax ("" when not said) and where the file meta information ends."""
    position = PREAMBLE + 4 if data[PREAMBLE : PREAMBLE + 4] == b"DICM" else 0
    transfer_syntax = ""
    while data[position : position + 2] == b"\x02\x00":
        tag, _, start, length = _element(data, position, implicit=False, little=True)
        if tag == 0:
            break
        if tag == 0x00020010:
            transfer_syntax = data[start : start + length].decode("ascii", "replace").strip("\0 ")
        position = start + length
    return transfer_syntax, position


def _encoding(transfer_syntax: str, beginning: bytes) -> tuple[bool, bool]:
    """Whether types are left out, and whether the lowest byte comes first; guessed when not said."""
    if transfer_syntax:
        return transfer_syntax == IMPLICIT, transfer_syntax != BIG_ENDIAN
    typed = len(beginning) == 6 and beginning[4:6].isalpha() and beginning[4:6].isupper()
    return not typed, not (typed and beginning[0] == 0)


def _inflate(deflated: memoryview, limits: Limits) -> bytes:
    """Inflate, but never to more than the limit: a deflated file can grow a thousandfold."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(deflated, limits.bytes)
    except zlib.error as error:
        raise UnreadableVideo(Reason.NOT_DECODABLE, "the deflated object is damaged") from error
    if inflater.unconsumed_tail:
        limits.check_bytes(limits.bytes + 1)
    if not inflater.eof:
        raise UnreadableVideo(Reason.NOT_DECODABLE, "the deflated object is cut")
    return inflated
