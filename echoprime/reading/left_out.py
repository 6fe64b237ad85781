"""What must not be encoded although it can be read: told by the header, before a frame is decoded.

The networks were trained on two-dimensional loops of the heart. Of anything else they would give numbers too.
"""

from __future__ import annotations

from echoprime.errors import Reason, SkippedVideo
from echoprime.reading.header import Header
from echoprime.reading.regions import regions_of

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_ULTRASOUND = frozenset(_STORAGE + number for number in ("3", "3.1", "6", "6.1"))
_VOLUME = frozenset({_STORAGE + "6.2"})
_SECONDARY_CAPTURE = _STORAGE + "7"
# Of other objects than those of the standard's storage classes: private ones, and such as do not say.
_MODALITIES = frozenset({"", "US", "OT"})


def require_loop(header: Header) -> None:
    """Refuse what is not a two-dimensional ultrasound loop.

    Intravascular ultrasound (IVUS) counts as another modality: it shows the wall of an artery.

    Raises
    ------
    SkippedVideo
        SECONDARY_CAPTURE, VOLUME, OTHER_MODALITY, SPECTRAL, M_MODE.
    """
    sop_class = " ".join(header.texts("SOPClassUID"))
    modality = " ".join(header.texts("Modality")).upper()
    if sop_class == _SECONDARY_CAPTURE or sop_class.startswith(_SECONDARY_CAPTURE + "."):
        raise SkippedVideo(Reason.SECONDARY_CAPTURE, "a secondary capture, not a scanner's own loop")
    if sop_class in _VOLUME:
        raise SkippedVideo(Reason.VOLUME, "an ultrasound volume")
    other = sop_class not in _ULTRASOUND if sop_class.startswith(_STORAGE) else modality not in _MODALITIES
    if other or modality == "IVUS":
        raise SkippedVideo(Reason.OTHER_MODALITY, "not ultrasound of the heart by its SOP class or modality")
    strip = regions_of(header).strip
    if strip is not None:
        name = "spectral Doppler" if strip == "spectral" else "M-mode"
        raise SkippedVideo(Reason(strip), f"a strip of {name} takes the larger part of the picture")
