"""Encapsulated pixel data of which every frame is a stream of its own: JPEG, JPEG-LS, JPEG 2000, run-length.

All are decoded by imagecodecs. Its JPEG is libjpeg-turbo, whose Y-Cb-Cr equals the published system's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from echoprime.errors import Reason, SkippedVideo, UnreadableVideo
from echoprime.reading.clip import Mode
from echoprime.reading.codestream import Codec, Codestream, Describer
from echoprime.reading.colour import Colour, Rgb, YCbCr
from echoprime.reading.fragments import join_frames, read_fragments
from echoprime.reading.header import Header
from echoprime.reading.limits import Limits
from echoprime.reading.loop import Frame, another_size, decoding_order
from echoprime.reading.tables import Bits
from echoprime.reading.uncompressed import KNOWN, Layout, code_colour, to_bytes

RUN_LENGTH = "1.2.840.10008.1.2.5"


def compressed_frames(
    header: Header, limits: Limits, mode: Mode = "exact", clips: int = 1
) -> Iterator[Frame]:
    """Frames of encapsulated pixel data in `decoding_order`, each decoded when it is asked for.

    Frames that are left out are still looked at: each must begin with whole markers that tell the size of
    the first frame, and have its end. Run-length frames have no markers: they are decoded all the same.

    Raises
    ------
    SkippedVideo
        STILL.
    UnreadableVideo
        NOT_DECODABLE: a damaged frame, fewer frames than promised; TOO_LARGE; UNSUPPORTED.
    """
    frames = join_frames(read_fragments(header.body, header.start), header.frames)
    if not frames:
        raise UnreadableVideo(Reason.NO_PIXELS, "the pixel data hold no frame")
    if len(frames) == 1:
        raise SkippedVideo(Reason.STILL, "one frame")
    limits.check_frames(len(frames))
    run_length = header.transfer_syntax == RUN_LENGTH
    decoder = _RunLength(header, limits) if run_length else _Streams(header, limits)
    order = decoding_order(len(frames), mode, clips)
    left_out = sorted(set(range(len(frames))).difference(order))
    size = decoder.size(bytes(frames[0])) if left_out else None
    for index in left_out:
        with _named(index, len(frames)):
            if decoder.size(bytes(frames[index])) != size:
                raise another_size(index)
    for index in order:
        with _named(index, len(frames)):
            pixels, colour = decoder.decode(bytes(frames[index]))
        yield Frame(pixels, colour, index, last=index == len(frames) - 1)


@contextmanager
def _named(index: int, count: int) -> Iterator[None]:
    """Say of which frame a codec's error is: every codec has errors of its own."""
    try:
        yield
    except (UnreadableVideo, MemoryError):
        raise
    except Exception as error:
        raise UnreadableVideo(
            Reason.NOT_DECODABLE, f"frame {index} of {count} cannot be decoded ({type(error).__name__})"
        ) from error


class _Streams:
    """Decodes frames that begin with markers of their own."""

    def __init__(self, header: Header, limits: Limits) -> None:
        self._header = header
        self._limits = limits
        self._describer = Describer()
        self._colours: dict[tuple[Codestream, str], tuple[Bits, Colour]] = {}
        self._out: npt.NDArray[Any] | None = None

    def size(self, frame: bytes) -> tuple[int, int]:
        """Rows and columns of a frame, by its markers."""
        stream = self._describer.describe(frame)
        return stream.rows, stream.columns

    def decode(self, frame: bytes) -> tuple[npt.NDArray[Any], Colour]:
        """Pixels of a frame, and how they become a picture."""
        stream = self._describer.describe(frame)
        self._limits.check_picture(stream.rows, stream.columns)
        stream.check_bytes(len(frame))
        if stream.components not in (1, 3):
            raise UnreadableVideo(Reason.UNSUPPORTED, f"{stream.components} components; 1 and 3 are read")
        shape = (stream.rows, stream.columns, 3)[: 2 if stream.components == 1 else 3]
        kind = np.uint8 if stream.bits <= 8 else np.uint16
        if self._out is None or self._out.shape != shape or self._out.dtype != kind:
            self._out = np.empty(shape, kind)
        stored = self._stored_colour(stream)
        if stream.codec is Codec.JPEG:
            pixels = imagecodecs.jpeg8_decode(frame, colorspace=stored, outcolorspace=stored, out=self._out)
        elif stream.codec is Codec.JPEG_LS:
            pixels = imagecodecs.jpegls_decode(frame, out=self._out)
        else:
            pixels = imagecodecs.jpeg2k_decode(frame, out=self._out)
        if pixels.shape != shape:
            raise UnreadableVideo(Reason.NOT_DECODABLE, "a frame is not of the size that its stream tells")
        return self._explained(pixels, stream, stored)

    def _stored_colour(self, stream: Codestream) -> str:
        """GRAYSCALE, RGB or YCBCR: by the stream, then by the header's tag.

        Raises
        ------
        UnreadableVideo
            UNSUPPORTED: the stream does not tell, and the tag is unknown.
        """
        if stream.components == 1:
            return "GRAYSCALE"
        if stream.colour:
            return stream.colour
        tag = self._header.photometric
        untold = stream.codec is Codec.JPEG and tag != "RGB"  # libjpeg's own default
        if tag and not untold and not tag.startswith(KNOWN):
            raise UnreadableVideo(Reason.UNSUPPORTED, "the photometric interpretation is not read")
        return "YCBCR" if untold or tag.startswith(("YBR_FULL", "YBR_PARTIAL")) else "RGB"

    def _explained(
        self, pixels: npt.NDArray[Any], stream: Codestream, stored: str
    ) -> tuple[npt.NDArray[Any], Colour]:
        known = self._colours.get((stream, pixels.dtype.str))
        if known is None:
            allocated = 8 * pixels.dtype.itemsize
            bits = Bits.of(self._header, allocated=allocated, stored=self._stored_bits(stream))
            known = self._colours[stream, pixels.dtype.str] = bits, self._colour(stored, bits)
        bits, colour = known
        if stored == "GRAYSCALE":
            return pixels.view(f"u{pixels.dtype.itemsize}"), colour
        return to_bytes(pixels, bits), colour

    def _colour(self, stored: str, bits: Bits) -> Colour:
        if stored == "GRAYSCALE":
            return code_colour(self._header, bits)
        return Rgb() if stored == "RGB" else YCbCr()

    def _stored_bits(self, stream: Codestream) -> int:
        """The header's where it can be true: 12 bits are also compressed as 16."""
        stored = self._header.number("BitsStored")
        return stored if stored is not None and 0 < stored <= stream.bits else stream.bits


class _RunLength:
    """Decodes run-length frames: every channel, and every byte of a sample, is a plane of its own."""

    def __init__(self, header: Header, limits: Limits) -> None:
        self._layout = Layout(header, planes=True, halved=False)
        limits.check_picture(self._layout.rows, self._layout.columns)
        self._out = bytearray(self._layout.frame_bytes)

    def size(self, frame: bytes) -> tuple[int, int]:
        """Rows and columns of a frame, of which all is there."""
        self._decoded(frame)
        return self._layout.rows, self._layout.columns

    def decode(self, frame: bytes) -> tuple[npt.NDArray[Any], Colour]:
        """Pixels of a frame, and how they become a picture."""
        return self._layout.pixels(memoryview(self._decoded(frame)), "<"), self._layout.colour

    def _decoded(self, frame: bytes) -> bytes | bytearray:
        kind = f"<u{self._layout.bits.allocated // 8}"
        raw = imagecodecs.dicomrle_decode(frame, kind, out=self._out)
        if len(raw) != self._layout.frame_bytes:
            raise UnreadableVideo(Reason.NOT_DECODABLE, "a run-length frame is cut")
        return raw
