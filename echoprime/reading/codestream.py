"""What a compressed frame says of itself: codec, size, colour. Read from its markers, before it is decoded.

A frame is trusted before the object's header: archives hold streams whose header tells another colour or
codec.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum

from echoprime.errors import Reason, UnreadableVideo

_JPEG = b"\xff\xd8\xff"
_J2K = b"\xff\x4f\xff\x51"
_JP2 = b"\x00\x00\x00\x0cjP  "
_END = b"\xff\xd9"
# Behind FF, what is neither stuffed data of JPEG or JPEG-LS, nor a marker between scans. The search costs a
# fiftieth of the decoding, and finds most blocks of foreign bytes.
_NOT_IN_A_SCAN = re.compile(rb"\xff[\x80-\xc3\xc5-\xcf\xd8\xd9\xf0-\xf6\xf9-\xfd]")
_TILE_PART = b"\xff\x90\x00\x0a"
_COD, _START_OF_TILE = 0x52, 0x90
_START_OF_SCAN = 0xDA
_JPEG_LS = 0xF7
# Start of frame: C0..CF without C4 (Huffman tables), C8 (reserved) and CC (arithmetic tables), and JPEG-LS's.
_START_OF_FRAME = frozenset({*range(0xC0, 0xD0), _JPEG_LS} - {0xC4, 0xC8, 0xCC})


class Codec(Enum):
    """Families of codestream."""

    JPEG = "jpeg"
    """Baseline, extended, progressive and lossless."""
    JPEG_LS = "jpeg-ls"
    J2K = "jpeg 2000"
    """Also high-throughput."""


@dataclass(frozen=True)
class Codestream:
    """Facts of one compressed frame.

    Parameters
    ----------
    codec
        How to decode it.
    rows, columns, components, bits
        Size; colour components; bits per component.
    colour
        `RGB` or `YCBCR` when the stream says so itself (what is stored, for JPEG), "" when it does not.
    scan
        Where the coded pixels of a JPEG or JPEG-LS stream begin; 0 for others.
    least
        Bytes that the coded pixels take at least, whatever they show; 0 where that is not known.
    """

    codec: Codec
    rows: int
    columns: int
    components: int
    bits: int
    colour: str
    scan: int = 0
    least: int = 0

    def check_bytes(self, count: int) -> None:
        """Raise `UnreadableVideo` when a frame of `count` bytes is shorter than its pixels can be."""
        if count < self.scan + self.least:
            raise _damaged("a frame's JPEG stream is cut")


class Describer:
    """`describe` for the frames of one loop, which nearly all begin with the same markers.

    Examples
    --------
    >>> import imagecodecs, numpy
    >>> frame = imagecodecs.jpeg8_encode(numpy.zeros((48, 64), numpy.uint8))
    >>> describer = Describer()
    >>> describer.describe(frame) is describer.describe(frame)
    True
    """

    def __init__(self) -> None:
        self._markers = b""
        self._last: Codestream | None = None

    def describe(self, frame: bytes) -> Codestream:
        """See `describe`."""
        if self._last is not None and frame.startswith(self._markers):
            _check_end(frame, self._last.scan)
            return self._last
        stream = describe(frame)
        if stream.scan:
            self._markers, self._last = frame[: stream.scan], stream
        return stream


def begins_codestream(fragment: memoryview) -> bool:
    """Whether a fragment is the beginning of a frame."""
    return bytes(fragment[:8]).startswith((_JPEG, _J2K, _JP2))


def describe(frame: bytes) -> Codestream:
    """Read the markers of a frame.

    Raises
    ------
    UnreadableVideo
        NOT_DECODABLE: no known codestream, or cut.
    """
    if frame.startswith(_JPEG):
        return _describe_jpeg(frame)
    if frame.startswith(_J2K):
        return _describe_j2k(frame, 2)
    if frame.startswith(_JP2):
        where = frame.find(_J2K, 0, 4096)
        if where >= 0:
            return _describe_j2k(frame, where + 2)
    raise _damaged("a frame is no JPEG, JPEG-LS or JPEG 2000 stream")


def _describe_jpeg(frame: bytes) -> Codestream:
    """Walk the segments up to the scan: marker, length, content."""
    adobe: int | None = None
    jfif = False
    size: Codestream | None = None
    identifiers, sampled_alike = b"", True
    position = 2
    while True:
        if len(frame) < position + 4 or frame[position] != 0xFF:
            raise _damaged("a frame's JPEG markers are damaged")
        marker = frame[position + 1]
        if marker == 0xFF:  # padding
            position += 1
            continue
        length = frame[position + 2] << 8 | frame[position + 3]
        content = frame[position + 4 : position + 2 + length]
        if marker == _START_OF_SCAN:
            break
        if marker == 0xE0 and content.startswith(b"JFIF"):
            jfif = True
        elif marker == 0xEE and content.startswith(b"Adobe") and len(content) >= 12:
            adobe = content[11]
        elif marker in _START_OF_FRAME and len(content) >= 6:
            components = content[5]
            identifiers = content[6 : 6 + 3 * components : 3]
            sampled_alike = len(set(content[7 : 7 + 3 * components : 3])) == 1
            codec = Codec.JPEG_LS if marker == _JPEG_LS else Codec.JPEG
            rows, columns = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
            least = _least_bytes(marker, rows, columns)
            size = Codestream(codec, rows, columns, components, content[0], "", least=least)
        position += 2 + length
    if size is None:
        raise _damaged("a frame's JPEG stream does not tell its size")
    _check_end(frame, position)
    if size.components != 3:
        return replace(size, scan=position + 2 + length)
    colour = ""
    if adobe is not None:
        colour = "RGB" if adobe == 0 else "YCBCR"
    elif identifiers == b"RGB":
        colour = "RGB"
    elif jfif or not sampled_alike:  # the chroma of RGB is never subsampled
        colour = "YCBCR"
    return replace(size, colour=colour, scan=position + 2 + length)


def _describe_j2k(frame: bytes, position: int) -> Codestream:
    """Read the SIZ segment, which is always the first; `position` is that of its marker."""
    content = frame[position : position + 43]
    if len(content) < 43:
        raise _damaged("a frame's JPEG 2000 stream is cut")
    right, bottom, left, top = (int.from_bytes(content[at : at + 4], "big") for at in (6, 10, 14, 18))
    wide, high, first, top_one = (int.from_bytes(content[at : at + 4], "big") for at in (22, 26, 30, 34))
    if not wide or not high:
        raise _damaged("a frame's JPEG 2000 stream has tiles without pixels")
    tiles = -(-(right - first) // wide) * -(-(bottom - top_one) // high)
    if tiles > 1 and frame.count(_TILE_PART) < tiles:  # OpenJPEG leaves those that lack black
        raise _damaged("a frame's JPEG 2000 stream lacks tiles")
    components = int.from_bytes(content[38:40], "big")
    colour = "RGB" if components == 3 and _transforms_colours(frame, position) else ""
    return Codestream(Codec.J2K, bottom - top, right - left, components, (content[40] & 0x7F) + 1, colour)


def _transforms_colours(frame: bytes, position: int) -> bool:
    """Whether the components are a transform of R-G-B, which decoders undo: said by the COD segment."""
    while len(frame) > position + 8 and frame[position] == 0xFF:
        marker = frame[position + 1]
        if marker in (_COD, _START_OF_TILE):
            return marker == _COD and frame[position + 8] == 1
        position += 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
    return False


def _least_bytes(start_of_frame: int, rows: int, columns: int) -> int:
    """A Huffman code has a bit: two for each block of 8 x 8 pixels, or one for each lossless pixel."""
    if start_of_frame == 0xC3:
        return rows * columns // 8
    return -(-rows // 8) * -(-columns // 8) // 4 if start_of_frame in (0xC0, 0xC1) else 0


def _check_end(frame: bytes, scan: int) -> None:
    """A JPEG that is cut or overwritten in its scan decodes without an error, the rest grey or noise.

    So look for the marker at its end, and for markers that no scan holds.
    """
    end = frame.rfind(_END, scan)
    if end < 0:
        raise _damaged("a frame's JPEG stream is cut")
    strange = _NOT_IN_A_SCAN.search(frame, scan)
    if strange is not None and strange.start() < end:
        raise _damaged("a frame's JPEG stream is damaged within its scan")


def _damaged(what: str) -> UnreadableVideo:
    return UnreadableVideo(Reason.NOT_DECODABLE, what)
