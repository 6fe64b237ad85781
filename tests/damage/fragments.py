"""Encapsulated pixel data taken apart and put together wrongly."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import cv2
from pydicom.encaps import generate_fragments

from tests.damage.damaged import Damaged, Expected
from tests.damage.flips_and_cuts import UNSEEN, family
from tests.damage.good_files import dicom, good_files, loop

_REFUSED, _SAME, _HONEST, _ANY = Expected.REFUSED, Expected.SAME, Expected.HONEST, Expected.ANY

FRAME_FAMILIES = {
    "jpeg.dcm": ("YBR_FULL_422", "1.2.840.10008.1.2.4.50"),
    "jpeg-lossless.dcm": ("RGB", "1.2.840.10008.1.2.4.70"),
    "jpeg-ls.dcm": ("RGB", "1.2.840.10008.1.2.4.80"),
    "j2k.dcm": ("YBR_RCT", "1.2.840.10008.1.2.4.90"),
    "htj2k.dcm": ("YBR_RCT", "1.2.840.10008.1.2.4.201"),
    "rle.dcm": ("RGB", "1.2.840.10008.1.2.5"),
}
"""Good files of one stream a frame: photometric interpretation and transfer syntax."""

_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"


def item(content: bytes, length: int | None = None) -> bytes:
    """One item, which may lie about its length."""
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(content) if length is None else length) + content


def frames_of(sound: str) -> list[bytes]:
    """Streams of a good file's frames."""
    data = good_files()[sound]
    return list(generate_fragments(data[data.rindex(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff") + 12 :]))[1:]


def wrong_fragments() -> Iterator[Damaged]:
    """Every family of one stream a frame with every fault."""
    for sound, (photometric, syntax) in FRAME_FAMILIES.items():
        frames = frames_of(sound)
        for name, pixels, expected in [*_tables(frames), *_items(frames), *_frames(sound, frames)]:
            data = dicom(loop(), photometric, syntax, pixels)
            yield Damaged(name, data, expected, sound, UNSEEN[family(sound)])


def _whole(frames: list[bytes], table: bytes = b"") -> bytes:
    return item(table) + b"".join(map(item, frames)) + _DELIMITER


def _tables(frames: list[bytes]) -> Iterator[tuple[str, bytes, Expected]]:
    """Offset tables; every fragment is a frame, so no table is needed."""
    count = len(frames)
    yield "table of zeros", _whole(frames, bytes(4 * count)), _SAME
    yield "table beyond the end", _whole(frames, struct.pack(f"<{count}I", *[2**32 - 1] * count)), _SAME
    yield "table shuffled", _whole(frames, struct.pack(f"<{count}I", *range(7, 7 + count))), _SAME
    yield "table of one entry", _whole(frames, struct.pack("<I", 0)), _SAME
    yield "table of odd bytes", _whole(frames, b"\1\2\3\4\5\6"), _SAME
    yield "table of 100,000 entries", _whole(frames, bytes(400_000)), _SAME
    halves = [part for frame in frames for part in (frame[:50], frame[50:])]
    yield "fragments in halves", _whole(halves), _HONEST
    yield "fragments in halves, table overlapping", _whole(halves, struct.pack("<6I", *[0] * 6)), _HONEST


def _items(frames: list[bytes]) -> Iterator[tuple[str, bytes, Expected]]:
    """Items that lack, lie or never end."""
    good = _whole(frames)
    yield "no delimiter", good[:-8], _SAME
    yield "no table and no frame", _DELIMITER, _REFUSED
    yield "only a table", item(b"") + _DELIMITER, _REFUSED
    yield "nothing", b"", _REFUSED
    yield "delimiter in the middle", _whole(frames[:3]) + _whole(frames[3:]), _REFUSED
    for length in (0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, len(frames[0]) * 100):
        broken = item(b"") + item(frames[0], length) + b"".join(map(item, frames[1:])) + _DELIMITER
        yield f"item of {length:,} bytes", broken, _REFUSED
    short = item(b"") + item(frames[0], 10) + b"".join(map(item, frames[1:])) + _DELIMITER
    yield "item that is too short", short, _REFUSED
    yield "foreign tag", item(b"") + b"\x10\x00\x10\x00" + b"".join(map(item, frames)), _REFUSED
    yield "zero fragments between", _whole([part for frame in frames for part in (frame, b"")]), _HONEST
    yield "100,000 zero fragments", item(b"") + item(b"") * 100_000 + _DELIMITER, _REFUSED
    yield "100,000 fragments of one byte", item(b"") + item(b"\xff") * 100_000 + _DELIMITER, _REFUSED
    yield "zero fragments that never end", item(b"") + item(b"") * 200_000, _REFUSED
    yield "garbage behind", good + random.Random(1).randbytes(5000), _SAME


def _frames(sound: str, frames: list[bytes]) -> Iterator[tuple[str, bytes, Expected]]:
    """One frame that is not what it should be, in the beginning, the middle and at the end."""
    dice = random.Random(sound)
    other = cv2.imencode(".png", loop()[0])[1].tobytes()
    for at in (0, 3, len(frames) - 1):
        frame = frames[at]
        swaps: dict[str, bytes] = {
            "random": dice.randbytes(len(frame)),
            "zeros": bytes(len(frame)),
            "empty": b"",
            "a png": other,
            "half": frame[: len(frame) // 2],
            "markers alone": frame[:20],
            "a third of zeros": frame[: len(frame) // 3] + bytes(len(frame) - len(frame) // 3),
            "another codec's": frames_of("j2k.dcm" if sound == "jpeg.dcm" else "jpeg.dcm")[at],
        }
        for name, swapped in swaps.items():
            # a stream of another codec is decoded as what it says it is
            expected = _ANY if name == "another codec's" and sound != "rle.dcm" else _REFUSED
            yield f"frame {at} {name}", _whole([*frames[:at], swapped, *frames[at + 1 :]]), expected
    yield "two frames missing", _whole(frames[:-2]), _REFUSED
    yield "one frame missing", _whole(frames[1:]), _REFUSED
    yield "frames in another order", _whole(frames[::-1]), _ANY
    yield "all frames garbage", _whole([frame[:4] + dice.randbytes(300) for frame in frames]), _REFUSED
    yield "one frame six times", _whole([frames[0]] * 6), _REFUSED
