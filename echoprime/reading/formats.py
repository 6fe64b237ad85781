"""What a file is, by its first bytes: names and endings of archives are not to be trusted."""

from __future__ import annotations

from enum import StrEnum

from echoprime.errors import Reason, UnreadableVideo

PREAMBLE = 128
"""Bytes before the letters DICM."""

# First boxes: MP4 begins with the first, old QuickTime with any.
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_EBML = b"\x1a\x45\xdf\xa3"
_TYPES = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW "
    b"PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)


class Format(StrEnum):
    """The kinds of file that are read."""

    DICOM = "dicom"
    MP4 = "mp4"
    MOV = "mov"
    AVI = "avi"
    MKV = "mkv"


def tell_format(data: bytes) -> Format:
    """Tell what a file is.

    Parameters
    ----------
    data
        The whole file, or at least its first kilobyte.

    Raises
    ------
    UnreadableVideo
        EMPTY, or UNKNOWN_FORMAT.

    Examples
    --------
    >>> str(tell_format(bytes(128) + b"DICM"))
    'dicom'
    >>> str(tell_format(bytes(4) + b"ftypisom"))
    'mp4'
    >>> tell_format(b"<html>not found</html>")
    Traceback (most recent call last):
    echoprime.errors.UnreadableVideo: neither DICOM nor MP4, MOV, AVI or MKV by its first bytes
    """
    if not data:
        raise UnreadableVideo(Reason.EMPTY, "the file has no bytes")
    if data[PREAMBLE : PREAMBLE + 4] == b"DICM" or _begins_like_dicom(data):
        return Format.DICOM
    if data[4:8] in _BOXES:
        return Format.MOV if data[4:8] != b"ftyp" or data[8:10] == b"qt" else Format.MP4
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return Format.AVI
    if data[:4] == _EBML:
        return Format.MKV
    raise UnreadableVideo(Reason.UNKNOWN_FORMAT, "neither DICOM nor MP4, MOV, AVI or MKV by its first bytes")


def _begins_like_dicom(data: bytes) -> bool:
    """Old archives hold objects without preamble: the first element is then of group 0002 or 0008."""
    if len(data) < 8:
        return False
    explicit = data[4:6] in _TYPES
    if data[:2] in (b"\x02\x00", b"\x08\x00"):
        short = int.from_bytes(data[2:4], "little") <= 0x0018
        return short and (explicit or int.from_bytes(data[4:8], "little") <= 256)
    return data[:2] == b"\x00\x08" and explicit  # big endian
