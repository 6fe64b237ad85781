"""What disks, networks and copies do to files: bytes changed, blocks lost, ends missing."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.damage.damaged import Damaged, Expected
from tests.damage.good_files import good_files

HEADER_FLIPS, DATA_FLIPS, MANY_FLIPS, BLOCKS, CUTS = 10, 12, 6, 6, 22

UNSEEN = {
    "grey": "native: every value of a pixel is lawful",
    "implicit": "native: every value of a pixel is lawful",
    "big-endian": "native: every value of a pixel is lawful",
    "rgb": "native: every value of a pixel is lawful",
    "raw": "native: every value of a pixel is lawful",
    "deflated": "deflated without a checksum",
    "rle": "run-length: literal bytes are lawful",
    "jpeg": "JPEG scan: entropy-coded without a checksum, and libjpeg only warns",
    "jpeg-lossless": "JPEG scan: entropy-coded without a checksum, and libjpeg only warns",
    "mjpeg": "JPEG scan: entropy-coded without a checksum, and libjpeg only warns",
    "jpeg-ls": "JPEG-LS scan: entropy-coded without a checksum",
    "j2k": "JPEG 2000: entropy-coded without a checksum",
    "htj2k": "JPEG 2000: entropy-coded without a checksum",
    "h264": "video: the codec finds nearly all",
    "hevc": "HEVC: entropy-coded without a checksum, and FFmpeg does not tell",
    "mpeg2": "video: the codec finds nearly all",
    "mpeg4": "video: the codec finds nearly all",
    "ffv1": "FFV1 version 1: entropy-coded without a checksum",
}
"""Family of a good file -> why a flipped byte of its pixels may go unseen."""

HEADER = "header: another lawful value"


def family(sound: str) -> str:
    """Of a good file's name."""
    return sound.rpartition(".")[0]


def pixels_begin(sound: str) -> int:
    """Where a good file's pixel data begin; of a video file, what is no longer its first boxes."""
    data = good_files()[sound]
    if not sound.endswith(".dcm") or family(sound) == "deflated":
        return len(data) // 8
    big = family(sound) == "big-endian"
    return data.rindex(b"\x7f\xe0\x00\x10" if big else b"\xe0\x7f\x10\x00") + 12


def damaged_bytes() -> Iterator[Damaged]:
    """Every good file flipped and cut, seeded by its name."""
    for sound, data in good_files().items():
        dice = random.Random(sound)
        yield from _flips(sound, data, dice)
        yield from _cuts(sound, data, dice)


def _flips(sound: str, data: bytes, dice: random.Random) -> Iterator[Damaged]:
    start, unseen = pixels_begin(sound), UNSEEN[family(sound)]
    for number in range(HEADER_FLIPS):
        at = dice.randrange(132 if sound.endswith(".dcm") else 0, start)
        flipped = _changed(data, [at], dice)
        if sound.endswith(".dcm") and family(sound) != "deflated":
            yield Damaged(f"header-{number}", flipped, Expected.ANY, sound, HEADER, at)
        else:
            yield Damaged(f"beginning-{number}", flipped, Expected.ANY, sound, unseen)
    for number in range(DATA_FLIPS):
        flipped = _changed(data, [dice.randrange(start, len(data)) for _ in range(1 + number // 4)], dice)
        yield Damaged(f"pixels-{number}", flipped, Expected.ANY, sound, unseen)
    for number in range(MANY_FLIPS):
        places = [dice.randrange(len(data)) for _ in range(5 * (number + 1))]
        yield Damaged(f"anywhere-{number}", _changed(data, places, dice), Expected.ANY, sound, unseen)
    for number in range(BLOCKS):
        length = min(512 << number % 3, (len(data) - start) // 2)
        at = dice.randrange(start, len(data) - length)
        block = bytes(length) if number % 2 else dice.randbytes(length)
        lost = data[:at] + block + data[at + length :]
        yield Damaged(f"block-{number}", lost, Expected.ANY, sound, unseen)


def _cuts(sound: str, data: bytes, dice: random.Random) -> Iterator[Damaged]:
    """Cut in the first eight tenths there are frames missing; behind, it may be the index or the padding."""
    places = {1, 100, 127, 128, 131, 132, 133, 140, len(data) - 1, len(data) - 8, len(data) - 100}
    while len(places) < CUTS:
        places.add(dice.randrange(len(data)))
    for at in sorted(places):
        expected = Expected.REFUSED if at < 0.8 * len(data) else Expected.HONEST
        yield Damaged(f"cut-{at}", data[:at], expected, sound)
    # A copy that skipped a block: everything behind is there, and in the wrong place.
    for number in range(3):
        at = dice.randrange(pixels_begin(sound), len(data) - 600)
        unseen = UNSEEN[family(sound)]
        yield Damaged(f"skipped-{number}", data[:at] + data[at + 512 :], Expected.ANY, sound, unseen)


def _changed(data: bytes, places: list[int], dice: random.Random) -> bytes:
    flipped = bytearray(data)
    for at in places:
        flipped[at] ^= dice.randrange(1, 256)
    return bytes(flipped)
