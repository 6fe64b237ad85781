"""Tables from stored codes to colours: greyscale with its windows, and palettes.

Codes are all values of the bits allocated, so that whatever a frame holds has an entry, also where unused
high bits are set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

from echoprime.errors import Reason, UnreadableVideo
from echoprime.reading.colour import Picture
from echoprime.reading.header import Header

_CHANNELS = ("Red", "Green", "Blue")
_TRANSFORMATIONS = ("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "VOILUTFunction")


@dataclass(frozen=True)
class Bits:
    """How a number lies in its 8 or 16 bits.

    Parameters
    ----------
    allocated, stored, high
        8 or 16; those that count; position of the highest of them.
    signed
        Whether negative numbers are two's complement.
    """

    allocated: int
    stored: int
    high: int
    signed: bool

    @classmethod
    def of(cls, header: Header, allocated: int | None = None, stored: int | None = None) -> Bits:
        """From the header; `allocated` and `stored` are what a codestream says, where there is one."""
        allocated = allocated or header.number("BitsAllocated") or 0
        stored = stored or header.number("BitsStored") or allocated
        high = header.number("HighBit")
        if high is None or not stored - 1 <= high < allocated:
            high = stored - 1
        if allocated not in (8, 16):
            raise UnreadableVideo(Reason.UNSUPPORTED, f"{allocated} bits a sample; 8 and 16 are read")
        if not 1 <= stored <= allocated:
            raise UnreadableVideo(Reason.NOT_DECODABLE, f"{stored} of {allocated} bits stored")
        return cls(allocated, stored, high, header.number("PixelRepresentation") == 1)

    @property
    def values(self) -> npt.NDArray[np.int32]:
        """int32 (256 or 65536): the number that each code means."""
        codes = np.arange(1 << self.allocated, dtype=np.int32)
        values = (codes >> (self.high - self.stored + 1)) & ((1 << self.stored) - 1)
        half = 1 << (self.stored - 1)
        return np.where(values >= half, values - 2 * half, values) if self.signed else values

    @property
    def extremes(self) -> npt.NDArray[np.int32]:
        """int32 (2,): lowest and highest number there can be."""
        half = 1 << (self.stored - 1)
        return np.array([-half, half - 1] if self.signed else [0, 2 * half - 1], np.int32)


_PLAIN = Bits(allocated=8, stored=8, high=7, signed=False)
_TABLES = ("ModalityLUTSequence", "VOILUTSequence")
_RAMP = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)


def grey_table(header: Header, bits: Bits, *, inverted: bool) -> Picture:
    """Greys of all codes, after the modality and window transformations of the header.

    Parameters
    ----------
    inverted
        MONOCHROME1: the lowest value is white.

    Returns
    -------
    uint8 (256 or 65536, 3), three equal columns.
    """
    if (
        bits == _PLAIN
        and not inverted
        and not any(name in header.elements for name in (*_TRANSFORMATIONS, *_TABLES))
    ):
        return _RAMP
    elements = _with_bits(header, bits)
    modality = apply_modality_lut(bits.values, elements)
    shown = np.asarray(apply_voi_lut(modality, elements), np.float64)
    low, high = _shown_range(elements, bits)
    greys = np.clip(np.rint((shown - low) * (255 / max(high - low, 1e-9))), 0, 255).astype(np.uint8)
    return np.repeat((255 - greys if inverted else greys)[:, None], 3, axis=1)


def _shown_range(elements: pydicom.Dataset, bits: Bits) -> tuple[float, float]:
    """Values that are black and white: ends of what the transformations can give."""
    for name in reversed(_TABLES):
        if elements.get(name):
            return 0.0, float((1 << int(elements[name][0].LUTDescriptor[2])) - 1)
    ends = np.asarray(apply_modality_lut(bits.extremes, elements), np.float64)
    return float(ends.min()), float(ends.max())


def _with_bits(header: Header, bits: Bits) -> pydicom.Dataset:
    """The header's elements with what pydicom's transformations require."""
    elements = pydicom.Dataset(header.elements)
    elements.set_original_encoding(*header.elements.original_encoding)  # the copy forgets it
    elements.PhotometricInterpretation = "MONOCHROME2"
    elements.BitsStored = bits.stored
    elements.PixelRepresentation = int(bits.signed)
    for name in _TRANSFORMATIONS:
        if name in elements and _says_nothing(name, elements[name].value):
            del elements[name]
    return elements


def _says_nothing(name: str, value: Any) -> bool:  # noqa: ANN401  # elements hold anything
    """Whether it is empty, as anonymisers leave elements, or a window of no width."""
    first = value[0] if isinstance(value, MultiValue) and value else value
    return first in (None, "") or (name == "WindowWidth" and float(first) <= 0)


def palette_table(header: Header, bits: Bits) -> Picture:
    """R-G-B of all codes, by the header's palette.

    Returns
    -------
    uint8 (256 or 65536, 3). Codes below and above the palette take its first and last colour.

    Raises
    ------
    UnreadableVideo
        NOT_DECODABLE: no palette, or a damaged one.
    """
    descriptor = header.elements.get("RedPaletteColorLookupTableDescriptor")
    if descriptor is None or len(descriptor) != 3:
        raise UnreadableVideo(Reason.NOT_DECODABLE, "palette colours without a palette")
    length, first = int(descriptor[0]) or 1 << 16, int(descriptor[1])
    if "RedPaletteColorLookupTableData" in header.elements:
        columns = [_palette_column(header, name, length) for name in _CHANNELS]
    else:
        colours = apply_color_lut(np.arange(first, first + length, dtype=np.int32), header.elements)
        columns = [colours[:, channel] for channel in range(3)]
    # Entries have 16 bits; those of some systems hold 8-bit colours all the same.
    if max(int(column.max()) for column in columns) > 255:
        columns = [column >> 8 for column in columns]
    entries = np.stack(columns, axis=1).astype(np.uint8)
    return entries[np.clip(bits.values - first, 0, length - 1)]


def _palette_column(header: Header, name: str, length: int) -> npt.NDArray[Any]:
    """One channel's entries, which are stored in 16 bits or, by some systems, in 8."""
    raw = bytes(header.elements[f"{name}PaletteColorLookupTableData"].value or b"")
    if len(raw) >= 2 * length:
        return np.frombuffer(raw, ">u2" if header.big_endian else "<u2", length).astype(np.uint16)
    if len(raw) >= length:
        return np.frombuffer(raw, np.uint8, length).astype(np.uint16)
    raise UnreadableVideo(
        Reason.NOT_DECODABLE, f"a palette of {length} colours has {len(raw)} bytes a channel"
    )
