"""One drawn loop in every transfer syntax and photometric interpretation, and what comes back of it.

.venv/bin/python -m tests.drawn_formats     # prints the README's table of formats
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import av
import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from echoprime.reading.colour import ycbcr_from_rgb
from echoprime.reading.dicom import frames_of
from echoprime.reading.header import read_header
from echoprime.reading.limits import Limits
from tests.damage.good_files import dicom, encapsulated, loop, run_length

Pictures = npt.NDArray[Any]
SYNTAX = "1.2.840.10008.1.2"
BEGIN, END = "<!-- table of formats -->\n", "<!-- end of the table of formats -->\n"


def _ycbcr(frames: Pictures) -> Pictures:
    return np.stack([ycbcr_from_rgb(frame) for frame in frames])


@dataclass(frozen=True)
class Case:
    """One way to write the loop.

    Parameters
    ----------
    syntax, photometric
        Transfer syntax without its common beginning; photometric interpretation.
    source
        From R-G-B (frames, rows, columns, 3) to what is stored or compressed.
    encode
        One frame to its stream; None = native pixels, or `stream`.
    decode
        A stream to full-range Y-Cb-Cr, without this project: what the codec alone loses. None = lossless.
    stream
        All frames to the one stream of a video.
    truth
        From R-G-B to the Y-Cb-Cr that must come back, where it is not that of the loop.
    elements
        Of the header.
    """

    syntax: str
    photometric: str
    source: Callable[[Pictures], Pictures] = lambda rgb: rgb
    encode: Callable[[Pictures], bytes] | None = None
    decode: Callable[[bytes], Pictures] | None = None
    stream: Callable[[Pictures], bytes] | None = None
    truth: Callable[[Pictures], Pictures] = _ycbcr
    elements: dict[str, object] = field(default_factory=dict)
    fragments: int = 1
    table: bool = True

    def streams(self) -> list[bytes]:
        """Compressed frames, or the one stream cut into fragments; empty for native pixels."""
        stored = self.source(loop())
        if self.stream is not None:
            whole = self.stream(stored)
            cut = -(-len(whole) // self.fragments) // 2 * 2 + 2
            return [whole[at : at + cut] for at in range(0, len(whole), cut)]
        return [bytes(self.encode(frame)) for frame in stored] if self.encode else []

    def file(self) -> bytes:
        """The DICOM object."""
        stored, streams = self.source(loop()), self.streams()
        pixels = encapsulated(streams, table=self.table) if streams else None
        return dicom(stored, self.photometric, SYNTAX + self.syntax, pixels, **self.elements)

    def expected(self) -> Pictures:
        """What the codec alone gives, Y-Cb-Cr; the truth for lossless ones."""
        if self.decode is None:
            return self.truth(loop())
        streams = self.streams()
        if self.stream is not None:
            return self.decode(b"".join(streams))
        return np.stack([self.decode(stream) for stream in streams])


# ---- what is stored


def _grey(rgb: Pictures) -> Pictures:
    return np.ascontiguousarray(_ycbcr(rgb)[..., 0])


def _grey12(rgb: Pictures, order: str = "<") -> Pictures:
    return (_grey(rgb).astype(np.uint16) * 16).astype(f"{order}u2")


def _neutral(grey: Pictures) -> Pictures:
    return np.stack([grey, np.full_like(grey, 128), np.full_like(grey, 128)], axis=-1)


def _planes(rgb: Pictures) -> Pictures:
    return np.ascontiguousarray(rgb.transpose(0, 3, 1, 2)).reshape(rgb.shape)


def _halved(rgb: Pictures) -> Pictures:
    """Chroma of two pixels is their mean."""
    ycbcr = _ycbcr(rgb).astype(int)
    mean = (ycbcr[:, :, ::2, 1:] + ycbcr[:, :, 1::2, 1:] + 1) // 2
    ycbcr[..., 1:] = np.repeat(mean, 2, axis=2)
    return ycbcr.astype(np.uint8)


def _packed(rgb: Pictures) -> Pictures:
    """Y Y Cb Cr for two pixels (PS3.3 C.7.6.3.1.2)."""
    halved = _halved(rgb)
    four = [halved[:, :, ::2, 0], halved[:, :, 1::2, 0], halved[:, :, ::2, 1], halved[:, :, ::2, 2]]
    return np.stack(four, axis=-1)


_TINTS = {"Red": 1.0, "Green": 0.9, "Blue": 0.7}
_RAMP = np.arange(128, dtype=np.uint16) * 2 * 257


def _palette() -> dict[str, object]:
    elements: dict[str, object] = {}
    for name, tint in _TINTS.items():
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [128, 0, 16]
        elements[f"{name}PaletteColorLookupTableData"] = (_RAMP * tint).astype("<u2").tobytes()
    return elements


def _tinted(rgb: Pictures) -> Pictures:
    colours = np.stack([(_RAMP * tint).astype(np.uint16) >> 8 for tint in _TINTS.values()], axis=-1)
    return _ycbcr(colours.astype(np.uint8)[_grey(rgb) >> 1])


# ---- codecs, and each of them alone


def _jpeg(stored: str, subsampling: str) -> Callable[[Pictures], bytes]:
    colours = {"colorspace": "RGB", "outcolorspace": stored, "subsampling": subsampling}
    return partial(imagecodecs.jpeg8_encode, level=92, **colours)


def _jpeg_alone(stream: bytes) -> Pictures:
    """As published: Pillow, which is asked for the channels as they are stored."""
    with Image.open(io.BytesIO(stream)) as image:
        if image.mode == "L":
            return _neutral(np.asarray(image))
        image.draft("YCbCr", image.size)
        return np.asarray(image if image.mode == "YCbCr" else image.convert("YCbCr"))


def _lossless_jpeg(predictor: int, **options: object) -> Callable[[Pictures], bytes]:
    def encode(frame: Pictures) -> bytes:
        colours = {"colorspace": "RGB", "outcolorspace": "RGB"} if frame.ndim == 3 else {}
        return imagecodecs.jpeg8_encode(frame, lossless=True, predictor=predictor, **colours, **options)

    return encode


def _alone(decode: Callable[[bytes], Pictures], levels: int = 255) -> Callable[[bytes], Pictures]:
    def decoded(stream: bytes) -> Pictures:
        pixels = np.rint(decode(stream).astype(float) * (255 / levels)).astype(np.uint8)
        return ycbcr_from_rgb(pixels) if pixels.ndim == 3 else _neutral(pixels)

    return decoded


def _video(
    codec: str, container: str, pixels: str = "yuv420p", **options: str
) -> Callable[[Pictures], bytes]:
    def encode(frames: Pictures) -> bytes:
        file = io.BytesIO()
        with av.open(file, "w", format=container) as output:
            stream = output.add_stream(codec, rate=30, options=options)
            stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
            for frame in frames:
                output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            output.mux(stream.encode())
        return file.getvalue()

    return encode


def _video_alone(stream: bytes) -> Pictures:
    """FFmpeg's own conversion to R-G-B."""
    with av.open(io.BytesIO(stream)) as container:
        return _ycbcr(np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]))


_H264 = {"profile": "high", "crf": "18", "g": "15", "bf": "2"}
_HEVC = {"crf": "20", "x265-params": "log-level=none:pools=1"}
_j2k = partial(partial, imagecodecs.jpeg2k_encode, codecformat="J2K")
_htj2k = partial(partial, imagecodecs.htj2k_encode)
_near = partial(imagecodecs.jpegls_encode, level=2)
_TWELVE = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}
_PARTIAL = "YBR_PARTIAL_420"


def _grey_truth(rgb: Pictures) -> Pictures:
    return _neutral(_grey(rgb))


_rgb = partial(Case, photometric="RGB")
_mono = partial(Case, photometric="MONOCHROME2", source=_grey, truth=_grey_truth)
_mono12 = partial(Case, photometric="MONOCHROME2", source=_grey12, truth=_grey_truth, elements=_TWELVE)
_baseline = partial(Case, ".4.50", decode=_jpeg_alone)
_J2K, _LS, _HTJ2K = (
    _alone(each) for each in (imagecodecs.jpeg2k_decode, imagecodecs.jpegls_decode, imagecodecs.htj2k_decode)
)


def _streamed(
    number: str, codec: str, container: str, *options: Any, fragments: int = 1, **more: str
) -> Case:
    stream = _video(codec, container, *options, **more)
    return Case(f".4.{number}", _PARTIAL, stream=stream, decode=_video_alone, fragments=fragments)


CASES: dict[str, Case] = {
    "implicit RGB": _rgb(""),
    "explicit RGB": _rgb(".1"),
    "explicit RGB, planes": _rgb(".1", source=_planes, elements={"PlanarConfiguration": 1}),
    "explicit YBR_FULL": Case(".1", "YBR_FULL", source=_ycbcr),
    "explicit YBR_FULL_422": Case(
        ".1",
        "YBR_FULL_422",
        source=_packed,
        truth=_halved,
        elements={"SamplesPerPixel": 3, "Columns": loop().shape[2]},
    ),
    "explicit MONOCHROME2": _mono(".1"),
    "explicit MONOCHROME1": Case(".1", "MONOCHROME1", source=lambda rgb: 255 - _grey(rgb), truth=_grey_truth),
    "explicit MONOCHROME2, 12 bits": _mono12(".1"),
    "explicit PALETTE COLOR": Case(
        ".1", "PALETTE COLOR", source=lambda rgb: _grey(rgb) >> 1, truth=_tinted, elements=_palette()
    ),
    "big endian RGB": _rgb(".2"),
    "big endian MONOCHROME2, 12 bits": _mono12(".2", source=partial(_grey12, order=">")),
    "deflated RGB": _rgb(".1.99"),
    "run length RGB": _rgb(".5", encode=run_length),
    "run length MONOCHROME2": _mono(".5", encode=run_length),
    "JPEG 4:2:2": _baseline("YBR_FULL_422", encode=_jpeg("YCBCR", "422")),
    "JPEG 4:2:0 tagged 4:2:2": _baseline("YBR_FULL_422", encode=_jpeg("YCBCR", "420")),
    "JPEG 4:4:4": _baseline("YBR_FULL", encode=_jpeg("YCBCR", "444")),
    "JPEG RGB": _baseline("RGB", encode=_jpeg("RGB", "444"), decode=_alone(imagecodecs.jpeg8_decode)),
    "JPEG Y-Cb-Cr tagged RGB": _baseline("RGB", encode=_jpeg("YCBCR", "422")),
    "JPEG grey": _mono(".4.50", encode=partial(imagecodecs.jpeg8_encode, level=92), decode=_jpeg_alone),
    "JPEG 4:2:2, no offset table": _baseline("YBR_FULL_422", encode=_jpeg("YCBCR", "422"), table=False),
    "JPEG extended grey, 12 bits": _mono12(
        ".4.51",
        encode=partial(imagecodecs.jpeg8_encode, level=95, bitspersample=12),
        decode=_alone(imagecodecs.jpeg8_decode, 4095),
    ),
    "JPEG lossless grey": _mono(".4.57", encode=_lossless_jpeg(4)),
    "JPEG lossless RGB": _rgb(".4.57", encode=_lossless_jpeg(4)),
    "JPEG lossless SV1 grey": _mono(".4.70", encode=_lossless_jpeg(1)),
    "JPEG lossless SV1 grey, 12 bits": _mono12(
        ".4.70", encode=partial(imagecodecs.ljpeg_encode, bitspersample=12)
    ),
    "JPEG lossless SV1 RGB": _rgb(".4.70", encode=_lossless_jpeg(1)),
    "JPEG-LS grey": _mono(".4.80", encode=imagecodecs.jpegls_encode),
    "JPEG-LS RGB": _rgb(".4.80", encode=imagecodecs.jpegls_encode),
    "JPEG-LS near-lossless grey": _mono(".4.81", encode=_near, decode=_LS),
    "JPEG-LS near-lossless RGB": _rgb(".4.81", encode=_near, decode=_LS),
    "JPEG 2000 reversible grey": _mono(".4.90", encode=_j2k(reversible=True)),
    "JPEG 2000 reversible YBR_RCT": Case(".4.90", "YBR_RCT", encode=_j2k(reversible=True, mct=True)),
    "JPEG 2000 reversible RGB": _rgb(".4.90", encode=_j2k(reversible=True, mct=False)),
    "JPEG 2000 YBR_ICT": Case(
        ".4.91", "YBR_ICT", encode=_j2k(level=45, reversible=False, mct=True), decode=_J2K
    ),
    "JPEG 2000 grey": _mono(".4.91", encode=_j2k(level=45, reversible=False), decode=_J2K),
    "HTJ2K reversible grey": _mono(".4.201", encode=_htj2k(reversible=True)),
    "HTJ2K reversible YBR_RCT": Case(".4.201", "YBR_RCT", encode=_htj2k(reversible=True)),
    "HTJ2K RPCL YBR_RCT": Case(".4.202", "YBR_RCT", encode=_htj2k(reversible=True, tlm=True)),
    "HTJ2K YBR_ICT": Case(".4.203", "YBR_ICT", encode=_htj2k(reversible=False, level=0.002), decode=_HTJ2K),
    "MPEG-2 stream": _streamed("100", "mpeg2video", "mpeg2video", b="4M"),
    "MPEG-2 transport stream": _streamed("100", "mpeg2video", "mpegts", b="4M"),
    "MPEG-2 high level": _streamed("101", "mpeg2video", "mpeg2video", b="4M"),
    "H.264 high 4.1, MP4": _streamed("102", "libx264", "mp4", **_H264, level="4.1"),
    "H.264 BD, MP4": _streamed("103", "libx264", "mp4", **_H264, level="4.1"),
    "H.264 high 4.2, MP4": _streamed("104", "libx264", "mp4", **_H264, level="4.2"),
    "H.264 high 4.2 3D, MP4": _streamed("105", "libx264", "mp4", **_H264, level="4.2"),
    "H.264 stereo, MP4": _streamed("106", "libx264", "mp4", **_H264, level="4.2"),
    "H.264 stream": _streamed("102", "libx264", "h264", **_H264, level="4.1"),
    "H.264 transport stream, 4 fragments": _streamed("102", "libx264", "mpegts", fragments=4, **_H264),
    "HEVC main, MP4": _streamed("107", "libx265", "mp4", **_HEVC),
    "HEVC main stream": _streamed("107", "libx265", "hevc", **_HEVC),
    "HEVC main 10, MP4": _streamed("108", "libx265", "mp4", "yuv420p10le", **_HEVC),
}
"""Name of a case to the case."""


@dataclass(frozen=True)
class Levels:
    """Differences in grey levels of the B-G-R that the networks see, before mask, crop and scale."""

    worst: int
    mean: float
    codec_worst: int
    codec_mean: float
    beyond_codec: int
    """Largest difference from what the codec gave alone."""


@cache
def levels(name: str) -> Levels:
    """Read a case's file and compare it with the truth."""
    case = CASES[name]
    seen = _seen(case.file())
    alone, truth = _bgr(case.expected()), _bgr(case.truth(loop()))
    ours, codec = np.abs(seen - truth), np.abs(alone - truth)
    return Levels(
        int(ours.max()),
        float(ours.mean()),
        int(codec.max()),
        float(codec.mean()),
        int(np.abs(seen - alone).max()),
    )


def _bgr(ycbcr: Pictures) -> Pictures:
    """As the networks see it, with OpenCV's YUV conversion; signed, to be subtracted."""
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_YUV2BGR) for frame in ycbcr]).astype(int)


def _seen(data: bytes) -> Pictures:
    frames = frames_of(read_header(data, Limits()), Limits(), "exact")
    pictures = {frame.number: frame.colour.bgr(frame.pixels).astype(int) for frame in frames}
    return np.stack([pictures[number] for number in sorted(pictures)])


def formats_table() -> str:
    """The README's table."""
    lines = [
        "| case | transfer syntax | photometric interpretation | worst | mean | codec alone: worst | mean |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, case in CASES.items():
        found = levels(name)
        own = f"{found.codec_worst} | {found.codec_mean:.1f}" if case.decode else "lossless |"
        syntax = "…" + case.syntax if case.syntax else "(implicit)"
        lines.append(f"| {name} | {syntax} | {case.photometric} | {found.worst} | {found.mean:.1f} | {own} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(BEGIN + formats_table() + END, end="")  # noqa: T201
