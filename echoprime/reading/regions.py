"""What a picture is made of: 2D, colour, strips of M-mode or spectral Doppler, traces.

Source: DICOM PS3.3, C.8.5.5 (Sequence of Ultrasound Regions) and C.8.5.6.1.1 (Image Type, value 4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset

from echoprime.reading.header import Header

REGION_NAMES = ("2d", "colour", "m_mode", "spectral", "waveform", "graphics")
"""As in `echoprime.tables.REGIONS`, which the decoding process does not load."""

_FORMATS = {1: "2d", 2: "m_mode", 3: "spectral", 4: "waveform", 5: "graphics"}  # RegionSpatialFormat
_COLOUR_FLOW = 2  # RegionDataType
_TYPES = {3: "spectral", 4: "spectral", 0xA: "waveform"}  # pulsed wave, continuous wave, ECG
# Bits of Image Type's value 4: 2D, M-mode, continuous and pulsed wave, colour, colour M-mode, power.
_BITS = {
    0x1: ("2d",),
    0x2: ("m_mode",),
    0x4: ("spectral",),
    0x8: ("spectral",),
    0x10: ("colour",),
    0x20: ("colour", "m_mode"),
    0x100: ("colour",),
}
_MOST_REGIONS = 1000  # more are damage


@dataclass(frozen=True)
class Regions:
    """A picture's parts.

    Parameters
    ----------
    names
        Of `REGION_NAMES`, in their order; empty = the header does not say.
    areas
        Pixels of each of them where the header gives edges.
    """

    names: tuple[str, ...] = ()
    areas: dict[str, int] | None = None

    @property
    def strip(self) -> str | None:
        """`m_mode` or `spectral` where such a strip is the picture's main part, else None.

        Its area is larger than that of the 2D picture, as it is on every scanner's screen that shows a small
        2D picture above the strip for orientation. A strip that is smaller leaves a loop that the networks
        can see. Without edges it must be said that there is a strip and no 2D.

        Examples
        --------
        >>> Regions(("2d", "spectral"), {"2d": 30_000, "spectral": 90_000}).strip
        'spectral'
        >>> Regions(("2d", "m_mode"), {"2d": 90_000, "m_mode": 30_000}).strip
        """
        if self.areas is None:
            strips = [name for name in ("spectral", "m_mode") if name in self.names]
            return strips[0] if strips and not {"2d", "colour"} & set(self.names) else None
        spectral, m_mode = self.areas.get("spectral", 0), self.areas.get("m_mode", 0)
        # A box of colour lies within the 2D picture: both together are not larger than the larger one.
        flat = max(self.areas.get("2d", 0), self.areas.get("colour", 0))
        if spectral + m_mode <= flat:
            return None
        return "spectral" if spectral >= m_mode else "m_mode"


def regions_of(header: Header) -> Regions:
    """What the header says of the picture's parts; what is damaged says nothing.

    The Sequence of Ultrasound Regions counts where there is one, then Image Type's value 4. Where neither
    tells, UltrasoundColorDataPresent is a hint at colour; many scanners set it for every picture in R-G-B.
    """
    areas: dict[str, int] = {}
    try:
        for item in list(header.value("SequenceOfUltrasoundRegions") or ())[:_MOST_REGIONS]:
            names = _names(item)
            for name in names:  # the colour of a strip is no picture of its own
                pixels = 0 if name == "colour" and len(names) > 1 else _area(item)
                areas[name] = areas.get(name, 0) + pixels
    except Exception:  # damage shows in pydicom by any error
        areas = {}
    if areas:
        return Regions(_in_order(areas), areas if any(areas.values()) else None)
    bits = _mode_bits(header.texts("ImageType"))
    said = {name for bit, parts in _BITS.items() if bits & bit for name in parts}
    if not said and header.value("UltrasoundColorDataPresent") == 1:
        said = {"colour"}
    return Regions(_in_order(said))


def _names(item: Dataset) -> list[str]:
    space, content = _number(item, "RegionSpatialFormat"), _number(item, "RegionDataType")
    name = _TYPES.get(content) or _FORMATS.get(space)
    if content != _COLOUR_FLOW:
        return [name] if name else []
    return ["colour"] if name in (None, "2d") else ["colour", name]


def _area(item: Dataset) -> int:
    """Pixels; both edges are part of the region."""
    edges = [_number(item, f"RegionLocation{edge}") for edge in ("MinX0", "MaxX1", "MinY0", "MaxY1")]
    return max(edges[1] - edges[0] + 1, 0) * max(edges[3] - edges[2] + 1, 0) if max(edges) > 0 else 0


def _number(item: Dataset, name: str) -> int:
    value: Any = item.get(name)
    return int(value) if isinstance(value, int) else 0


def _mode_bits(image_type: list[str]) -> int:
    """Value 4 is a hexadecimal number of four digits; other texts say nothing."""
    text = image_type[3] if len(image_type) > 3 else ""
    return int(text, 16) if re.fullmatch(r"[0-9A-Fa-f]{4}", text) else 0


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in REGION_NAMES if name in names)
