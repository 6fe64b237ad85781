"""Whether a video file is cut: such files decode without an error, only to fewer frames."""

from __future__ import annotations

from echoprime.reading.formats import Format

_SEGMENT = b"\x18\x53\x80\x67"  # EBML identifier of Matroska's outermost element


def is_cut(data: bytes, kind: Format) -> bool:
    """Whether the container's own sizes go beyond the end of the file.

    Parameters
    ----------
    data
        The whole file, as far as it is there.
    kind
        MP4, MOV, AVI or MKV.

    Examples
    --------
    >>> is_cut(b"RIFF" + (100).to_bytes(4, "little") + b"AVI " + bytes(40), Format.AVI)
    True
    """
    if kind is Format.AVI:
        return _riffs_end(data) > len(data)
    if kind is Format.MKV:
        return _matroska_end(data) > len(data)
    return _boxes_end(data) > len(data)


def _riffs_end(data: bytes) -> int:
    """End of the last RIFF chunk: files beyond a gigabyte have several (OpenDML), each of even length."""
    position = end = 0
    while data[position : position + 4] == b"RIFF":
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        end = position + 8 + size
        position = end + size % 2
    return end


def _boxes_end(data: bytes) -> int:
    """End of the last ISO box: size in 4 bytes, or 1 and 8 bytes behind the name; 0 = to the end."""
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        if size < 8:
            return position
        position += size
    return position


def _matroska_end(data: bytes) -> int:
    """End of the segment; 0 when its size is left open, as live recordings do."""
    where = data[:4096].find(_SEGMENT)
    if where < 0 or where + 5 > len(data):
        return 0
    start = where + 4
    width = 9 - data[start].bit_length()  # leading zero bits of the first byte tell how many follow
    if width > 8:
        return 0
    size = int.from_bytes(data[start : start + width], "big") & ((1 << 7 * width) - 1)
    return 0 if size == (1 << 7 * width) - 1 else start + width + size
