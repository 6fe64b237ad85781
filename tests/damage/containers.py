"""Video files whose boxes and chunks are wrong, and files that are no video at all."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import zipfile
from collections.abc import Iterator

import av
import numpy as np

from tests.damage.damaged import Damaged, Expected
from tests.damage.flips_and_cuts import UNSEEN, family
from tests.damage.good_files import MARKER, good_files, loop, video

_REFUSED, _SAME, _HONEST, _ANY = Expected.REFUSED, Expected.SAME, Expected.HONEST, Expected.ANY

BOXES = (
    b"moov",
    b"mdat",
    b"trak",
    b"mdia",
    b"minf",
    b"stbl",
    b"stsd",
    b"stts",
    b"stsz",
    b"stco",
    b"stsc",
    b"avc1",
)
CHUNKS = (b"hdrl", b"strl", b"strh", b"strf", b"movi", b"idx1", b"avih")


def broken_containers() -> Iterator[Damaged]:
    """All of them."""
    yield from _boxes()
    yield from _chunks()
    yield from _odd_videos()
    yield from _strangers()


def _boxes() -> Iterator[Damaged]:
    for sound in ("h264.mp4", "h264.mov", "hevc.mp4"):
        data = good_files()[sound]
        for box in BOXES:
            where = data.find(box)
            if where < 4:
                continue
            # Two codecs' boxes and the tables may be found elsewhere; FFmpeg then refuses, or reads them all.
            yield _of(sound, f"{box.decode()} renamed", data[:where] + b"free" + data[where + 4 :], _HONEST)
            size = int.from_bytes(data[where - 4 : where], "big")
            for told in (0, 1, 7, 2**31, 2**32 - 1):
                lied = data[: where - 4] + struct.pack(">I", told) + data[where:]
                yield _of(sound, f"{box.decode()} of {told} bytes", lied, _HONEST)
            without = data[: where - 4] + data[where - 4 + size :]
            yield _of(sound, f"without {box.decode()}", without, _HONEST)
        for table in (b"stsz", b"stco", b"stts"):
            where = data.find(table) + 12
            many = data[:where] + struct.pack(">I", 2**31) + data[where + 4 :]
            yield _of(sound, f"{table.decode()} of two billion entries", many, _HONEST)


def _chunks() -> Iterator[Damaged]:
    for sound in ("mpeg4.avi", "mjpeg.avi", "raw.avi"):
        data = good_files()[sound]
        for chunk in CHUNKS:
            where = data.find(chunk)
            expected = _ANY if chunk in (b"strf", b"strh") else _HONEST
            yield _of(
                sound, f"{chunk.decode()} renamed", data[:where] + b"JUNK" + data[where + 4 :], expected
            )
            at = where + 4
            for told in (0, 2**31, 2**32 - 1):
                lied = data[:at] + struct.pack("<I", told) + data[at + 4 :]
                yield _of(sound, f"{chunk.decode()} of {told} bytes", lied, expected)
        where = data.find(b"strf") + 8
        for width, height in ((65_535, 65_535), (0, 0), (-1, -1), (3, 3), (4000, 4000)):
            lied = data[: where + 4] + struct.pack("<ii", width, height) + data[where + 12 :]
            expected = _HONEST
            if sound == "raw.avi":  # nothing but the header says how large its frames are
                expected = _ANY if width == 3 else _REFUSED
            yield _of(sound, f"{width} x {height}", lied, expected)
        where = data.find(b"avih") + 8
        yield _of(sound, "zero frames a second", data[:where] + bytes(4) + data[where + 4 :], _SAME)
        rate = data.find(b"strh") + 8 + 20
        yield _of(sound, "scale and rate 0", data[:rate] + bytes(8) + data[rate + 8 :], _HONEST)


def _odd_videos() -> Iterator[Damaged]:
    yield Damaged("one frame.mp4", video("libx264", "mp4", count=1), _REFUSED)
    yield Damaged("one frame.avi", video("mjpeg", "avi", "yuvj420p", count=1), _REFUSED)
    yield Damaged("audio.mp4", _audio(), _REFUSED)
    yield Damaged("one frame a second.avi", video("mjpeg", "avi", "yuvj420p", rate=1), _SAME, "mjpeg.avi")
    for codec, container in (("libx264", "mp4"), ("mpeg4", "avi"), ("libx264", "matroska")):
        empty = io.BytesIO()
        with av.open(empty, "w", format=container) as output:
            stream = output.add_stream(codec, rate=30)
            stream.height, stream.width, stream.pix_fmt = *loop().shape[1:3], "yuv420p"
            output.start_encoding()
        yield Damaged(f"no frame of {codec} in {container}", empty.getvalue(), _REFUSED)


def _audio() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=44_100)
        for number in range(20):
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            silence.sample_rate, silence.pts = 44_100, 1024 * number
            output.mux(stream.encode(silence))
        output.mux(stream.encode())
    return file.getvalue()


def _strangers() -> Iterator[Damaged]:
    """What stands in archives beside videos, or came instead of them."""
    dice = random.Random(9)
    sound = good_files()["jpeg.dcm"]
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr(f"{MARKER}.dcm", sound)
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        entry = tarfile.TarInfo(f"{MARKER}.dcm")
        entry.size = len(sound)
        archive.addfile(entry, io.BytesIO(sound))
    strangers = {
        "empty": b"",
        "one byte": b"\0",
        "preamble": bytes(128),
        "preamble and letters": bytes(128) + b"DICM",
        "megabyte of zeros": bytes(1 << 20),
        "megabyte of ff": b"\xff" * (1 << 20),
        "noise": dice.randbytes(65_536),
        "noise that says DICM": bytes(128) + b"DICM" + dice.randbytes(65_536),
        "text": f"{MARKER}^JANE was here\n".encode() * 50,
        "html": f"<html><body>404 {MARKER}</body></html>".encode(),
        "xml": b'<?xml version="1.0"?><Error><Code>SlowDown</Code></Error>',
        "json": b'{"error": "AccessDenied"}',
        "pdf": b"%PDF-1.7\n" + dice.randbytes(2000),
        "png": b"\x89PNG\r\n\x1a\n" + dice.randbytes(500),
        "gif": b"GIF89a" + dice.randbytes(500),
        "gzip of a loop": gzip.compress(sound),
        "zip of a loop": zipped.getvalue(),
        "tar of a loop": tarred.getvalue(),
        "ebml alone": b"\x1a\x45\xdf\xa3" + dice.randbytes(3000),
        "riff alone": b"RIFF\xff\xff\xff\xffAVI " + dice.randbytes(3000),
        "ftyp alone": b"\0\0\0\x18ftypisom" + bytes(12),
        "ftyp and noise": b"\0\0\0\x18ftypisom" + bytes(12) + dice.randbytes(3000),
        "first element alone": b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100",
    }
    for name, data in strangers.items():
        yield Damaged(name, data, _REFUSED)
    yield Damaged("no preamble", sound[132:], _SAME, "jpeg.dcm")
    yield Damaged("garbage behind", sound + dice.randbytes(5000), _SAME, "jpeg.dcm")
    yield Damaged("twice", sound + sound, _SAME, "jpeg.dcm")
    yield Damaged("a video behind a preamble", bytes(132) + good_files()["h264.mp4"], _REFUSED)


def _of(sound: str, name: str, data: bytes, expected: Expected) -> Damaged:
    return Damaged(name, data, expected, sound, UNSEEN[family(sound)])
