"""Encapsulated pixel data of which every frame is a stream of its own: JPEG, JPEG-LS, JPEG 2000, run-length.

All are decoded by imagecodecs. Its JPEG is libjpeg-turbo, whose Y-Cb-Cr equals the published system's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from echoprime.errors import Reason, SkippedVideo, UnreadableVideo
from echoprime.reading.codestream import Codec, Codestream, describe
from echoprime.reading.colour import Colour, Rgb, YCbCr
from echoprime.reading.fragments import join_frames, read_fragments
from echoprime.reading.header import Header
from echoprime.reading.limits import Limits
from echoprime.reading.loop import Frame
from echoprime.reading.tables import Bits
from echoprime.reading.uncompressed import Layout, code_colour, to_bytes

RUN_LENGTH = "1.2.840.10008.1.2.5"


def compressed_frames(header: Header, limits: Limits) -> Iterator[Frame]:
    """Frames of encapsulated pixel data, each decoded when it is asked for.

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
    for index, frame in enumerate(frames):
        try:
            pixels, colour = decoder.decode(bytes(frame))
        except (UnreadableVideo, MemoryError):
            raise
        except Exception as error:  # every codec has errors of its own
            raise UnreadableVideo(
                Reason.NOT_DECODABLE,
                f"frame {index} of {len(frames)} cannot be decoded ({type(error).__name__})",
            ) from error
        yield Frame(pixels, colour, last=index == len(frames) - 1)


class _Streams:
    """Decodes frames that begin with markers of their own."""

    def __init__(self, header: Header, limits: Limits) -> None:
        self._header = header
        self._limits = limits
        self._colours: dict[object, Colour] = {}
        self._out: npt.NDArray[Any] | None = None

    def decode(self, frame: bytes) -> tuple[npt.NDArray[Any], Colour]:
        """Pixels of a frame, and how they become a picture."""
        stream = describe(frame)
        self._limits.check_picture(stream.rows, stream.columns)
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
            pixels = imagecodecs.jpegls_decode(frame)
        else:
            pixels = imagecodecs.jpeg2k_decode(frame)
        if pixels.shape != shape:
            raise UnreadableVideo(Reason.NOT_DECODABLE, "a frame is not of the size that its stream tells")
        return self._explained(pixels, stream, stored)

    def _stored_colour(self, stream: Codestream) -> str:
        """GRAYSCALE, RGB or YCBCR: by the stream, then by the header's tag."""
        if stream.components == 1:
            return "GRAYSCALE"
        if stream.colour:
            return stream.colour
        tag = self._header.photometric
        untold = stream.codec is Codec.JPEG and tag != "RGB"  # libjpeg's own default
        return "YCBCR" if untold or tag.startswith(("YBR_FULL", "YBR_PARTIAL")) else "RGB"

    def _explained(
        self, pixels: npt.NDArray[Any], stream: Codestream, stored: str
    ) -> tuple[npt.NDArray[Any], Colour]:
        bits = Bits.of(self._header, allocated=8 * pixels.dtype.itemsize, stored=self._stored_bits(stream))
        colour = self._colours.get((stored, bits))
        if colour is None:
            if stored == "GRAYSCALE":
                colour = code_colour(self._header, bits)
            else:
                colour = Rgb() if stored == "RGB" else YCbCr()
            self._colours[stored, bits] = colour
        if stored == "GRAYSCALE":
            return pixels.view(f"u{pixels.dtype.itemsize}"), colour
        return to_bytes(pixels, bits), colour

    def _stored_bits(self, stream: Codestream) -> int:
        """The header's where it can be true: 12 bits are also compressed as 16."""
        stored = self._header.number("BitsStored")
        return stored if stored is not None and 0 < stored <= stream.bits else stream.bits


class _RunLength:
    """Decodes run-length frames: every channel, and every byte of a sample, is a plane of its own."""

    def __init__(self, header: Header, limits: Limits) -> None:
        self._layout = Layout(header, planes=True, halved=False)
        limits.check_picture(self._layout.rows, self._layout.columns)

    def decode(self, frame: bytes) -> tuple[npt.NDArray[Any], Colour]:
        """Pixels of a frame, and how they become a picture."""
        size = self._layout.frame_bytes
        out = bytearray(size)
        raw = imagecodecs.dicomrle_decode(frame, f"<u{self._layout.bits.allocated // 8}", out=out)
        if len(raw) != size:
            raise UnreadableVideo(Reason.NOT_DECODABLE, "a run-length frame is cut")
        return self._layout.pixels(memoryview(raw), "<"), self._layout.colour
