"""Small files that ask for a lot: memory, time, recursion."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from tests.damage.damaged import Damaged, Expected
from tests.damage.fragments import FRAME_FAMILIES, frames_of, item
from tests.damage.good_files import MARKER, dicom, good_files, loop

_REFUSED, _HONEST, _SAME = Expected.REFUSED, Expected.HONEST, Expected.SAME
_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"

SIDES = (4000, 16_000, 65_500)
"""Of pictures that a stream promises: within the limit of pixels, and beyond."""


def bombs() -> Iterator[Damaged]:
    """All of them."""
    yield from _large_pictures()
    yield from _tiles()
    yield from _run_length()
    yield from _deflated()
    yield from _nested()
    yield from _long_headers()


def _large_pictures() -> Iterator[Damaged]:
    """Streams that promise more pixels than they have: in the first frame, and in all."""
    for sound, (photometric, syntax) in FRAME_FAMILIES.items():
        if sound == "rle.dcm":
            continue
        frames = frames_of(sound)
        for side in SIDES:
            large = [_enlarged(frame, side) for frame in frames]
            mixed = {"all": large, "first": [large[0], *frames[1:]], "last": [*frames[:-1], large[-1]]}
            for name, chosen in mixed.items():
                pixels = item(b"") + b"".join(map(item, chosen)) + _DELIMITER
                data = dicom(loop(), photometric, syntax, pixels)

                yield Damaged(f"{side:,} lines and columns, {name}", data, _REFUSED, sound)


def _enlarged(frame: bytes, side: int) -> bytes:
    if frame.startswith(b"\xff\x4f"):  # JPEG 2000: SIZ holds the size, then offsets, then that of a tile
        return (
            frame[:8]
            + struct.pack(">II", side, side)
            + frame[16:24]
            + struct.pack(">II", side, side)
            + frame[32:]
        )
    starts = [b"\xff" + bytes([marker]) for marker in (0xC0, 0xC1, 0xC3, 0xF7)]
    where = min(at for at in (frame.find(start) for start in starts) if at >= 0)
    return frame[: where + 5] + struct.pack(">HH", side, side) + frame[where + 9 :]


def _tiles() -> Iterator[Damaged]:
    """JPEG 2000: millions of tiles of few pixels."""
    for sound in ("j2k.dcm", "htj2k.dcm"):
        photometric, syntax = FRAME_FAMILIES[sound]
        for side, tile in ((4000, 1), (4000, 16), (4000, 100), (72, 1)):
            frames = [
                frame[:8] + struct.pack(">IIIIII", side, side, 0, 0, tile, tile) + frame[32:]
                for frame in frames_of(sound)
            ]
            data = dicom(loop(), photometric, syntax, item(b"") + b"".join(map(item, frames)) + _DELIMITER)
            yield Damaged(f"{side} x {side} in tiles of {tile}", data, _REFUSED, sound)


def _run_length() -> Iterator[Damaged]:
    """Segments that overlap, point outside, go backwards, are too many, or expand without end."""
    frames = frames_of("rle.dcm")
    photometric, syntax = FRAME_FAMILIES["rle.dcm"]
    tables = {
        "no segment": [0],
        "15 segments": [15, *range(64, 64 + 15)],
        "2 segments of 3": [2, 64, 500],
        "4 billion segments": [2**32 - 1, 64, 500, 1000],
        "all at one place": [3, 64, 64, 64],
        "backwards": [3, 2000, 1000, 64],
        "outside": [3, 64, 2**31, 2**32 - 1],
        "in the table": [3, 0, 4, 8],
    }
    for name, numbers in tables.items():
        table = np.zeros(16, "<u4")
        table[: len(numbers)] = numbers
        broken = [table.tobytes() + frame[64:] for frame in frames]
        data = dicom(loop(), photometric, syntax, item(b"") + b"".join(map(item, broken)) + _DELIMITER)
        yield Damaged(f"run-length segments: {name}", data, _REFUSED, "rle.dcm")
    for rows, columns in ((4000, 4000), (65_535, 65_535)):
        runs = b"\x81\x00" * 1000
        table = struct.pack("<16I", 3, 64, 64 + len(runs), 64 + 2 * len(runs), *[0] * 12)
        pixels = item(b"") + item(table + 3 * runs) * 6 + _DELIMITER
        data = dicom(loop(), photometric, syntax, pixels, Rows=rows, Columns=columns)
        yield Damaged(f"run-length {rows} x {columns} of nothing", data, _REFUSED, "rle.dcm")


def _deflated() -> Iterator[Damaged]:
    """One megabyte of zeros deflated, again and again: a thousandth of what it inflates to."""
    sound = good_files()["deflated.dcm"]
    start = 132 + 12 + int.from_bytes(sound[140:144], "little")
    header = zlib.decompress(sound[start:], -zlib.MAX_WBITS)
    header = header[: header.rindex(b"\xe0\x7f\x10\x00") + 8]
    for megabytes in (64, 2000, 6000):
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        length = min(megabytes << 20, 0xFFFFFFFE)
        first = packer.compress(header + struct.pack("<I", length)) + packer.flush(zlib.Z_FULL_FLUSH)
        block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
        data = sound[:start] + first + block * megabytes + packer.flush()
        yield Damaged(f"deflated {megabytes} megabytes", data, _REFUSED, "deflated.dcm")
        yield Damaged(f"deflated {megabytes} megabytes, cut", data[:-20], _REFUSED, "deflated.dcm")


def _nested() -> Iterator[Damaged]:
    """Sequences within sequences, of open and of told length, before the patient and before the pixels."""
    begin = b"\x09\x00\x10\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    for sound in ("grey.dcm", "jpeg.dcm"):
        data = good_files()[sound]
        start = 132 + 12 + int.from_bytes(data[140:144], "little")
        pixels = data.rindex(b"\xe0\x7f\x10\x00")
        for deep in (10, 60, 100, 300, 800, 5000, 100_000):
            for name, at in (("first", start), ("last", pixels)):
                open_ended = data[:at] + begin * deep + end * deep + data[at:]
                yield Damaged(f"nested {deep} {name}", open_ended, _HONEST, sound)
                yield Damaged(
                    f"nested {deep} {name}, never closed", data[:at] + begin * deep, _REFUSED, sound
                )
            told = b""
            for _ in range(min(deep, 3000)):  # lengths add up, so this grows with the square
                inner = item(told)
                told = b"\x09\x00\x10\x10SQ\0\0" + struct.pack("<I", len(inner)) + inner
            yield Damaged(f"nested {deep} told", data[:start] + told + data[start:], _HONEST, sound)


def _long_headers() -> Iterator[Damaged]:
    """Very many elements, very long ones, and one that claims more than the file has."""
    data = good_files()["jpeg.dcm"]
    pixels = data.rindex(b"\xe0\x7f\x10\x00")

    def element(number: int, content: bytes, length: int | None = None) -> bytes:
        told = len(content) if length is None else length
        return b"\x09\x00" + struct.pack("<H", number) + b"UN\0\0" + struct.pack("<I", told) + content

    many = b"".join(element(0x1000 + number % 0xEFFF, b"ab") for number in range(100_000))
    long = element(0x1001, MARKER.encode() * (20 << 17))
    lies = element(0x1001, MARKER.encode(), 0xFFFFFFF0)
    for name, more, expected in (("many", many, _HONEST), ("long", long, _SAME), ("lying", lies, _REFUSED)):
        yield Damaged(
            f"header of {name} elements", data[:pixels] + more + data[pixels:], expected, "jpeg.dcm"
        )
