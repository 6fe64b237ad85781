"""DICOM objects: transfer syntaxes, colours, frame tables, and what is refused."""

import io
import struct

import av
import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from echoprime.errors import Reason, SkippedVideo, UnreadableVideo
from echoprime.reading import Limits, read_clip
from echoprime.reading.colour import ycbcr_from_rgb


def reason_of(data, **options):
    with pytest.raises((SkippedVideo, UnreadableVideo)) as raised:
        read_clip(data, **options)
    return raised.value.reason, raised.value.message


def jpeg(frame, **options):
    return imagecodecs.jpeg8_encode(frame, **options)


LOSSLESS = {
    JPEGLosslessSV1: lambda frame: jpeg(
        frame,
        lossless=True,
        predictor=1,
        **({"colorspace": "RGB", "outcolorspace": "RGB"} if frame.ndim == 3 else {}),
    ),
    JPEGLSLossless: imagecodecs.jpegls_encode,
    JPEG2000Lossless: lambda frame: imagecodecs.jpeg2k_encode(frame, codecformat="J2K", reversible=True),
    HTJ2KLossless: lambda frame: imagecodecs.htj2k_encode(frame, reversible=True),
}


# ---- syntaxes


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
def test_native_pixels(make, syntax):
    frames = make.loop()
    clip = read_clip(make.dicom(frames, "RGB", syntax=syntax))
    assert (clip.used, clip.frames_in_file, clip.format) == (4, 8, "dicom")
    assert make.furthest(clip, make.clip(frames)) == 0
    assert (clip.frames[4:] == 0).all()


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize("grey", [False, True])
def test_lossless_codecs(make, syntax, grey):
    frames = make.grey_loop() if grey else make.loop()
    photometric = "MONOCHROME2" if grey else "YBR_RCT" if "2000" in syntax.name else "RGB"
    streams = [LOSSLESS[syntax](frame) for frame in frames]
    clip = read_clip(make.dicom(frames, photometric, syntax=syntax, pixels=streams))
    assert make.furthest(clip, read_clip(make.dicom(frames, "MONOCHROME2" if grey else "RGB"))) == 0


@pytest.mark.parametrize("grey", [False, True])
def test_run_length(make, grey):
    native = make.dicom(*((make.grey_loop(), "MONOCHROME2") if grey else (make.loop(), "RGB")))
    made = pydicom.dcmread(io.BytesIO(native))
    made.compress(RLELossless)
    file = io.BytesIO()
    made.save_as(file)
    assert make.furthest(read_clip(file.getvalue()), read_clip(native)) == 0


def test_jpeg_gives_the_stored_channels(make):
    """Of a picture in Y-Cb-Cr 4:4:4 at the highest quality almost nothing is lost."""
    clip = read_clip(make.jpeg_dicom(level=100))
    assert make.furthest(clip, make.clip(make.loop())) <= 4


def test_video_stream_inside(make):
    """One H.264 stream, cut anywhere: its pictures take the way of R-G-B loops, mask and all."""
    stream = make.video(make.loop(count=12), "libx264", "h264")
    parts = [stream[:1000], stream[1000:]]
    clip = read_clip(make.dicom(make.loop(count=12), "YBR_PARTIAL_420", syntax=MPEG4HP41, pixels=parts))
    with av.open(io.BytesIO(stream)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert (clip.used, clip.frames_in_file) == (6, 12)
    assert make.furthest(clip, make.clip(frames)) == 0


def test_object_without_preamble(make):
    data = make.dicom(make.loop(), "RGB")
    assert make.furthest(read_clip(data[132:]), read_clip(data)) == 0


# ---- colours


def test_greyscale_loops_are_read_as_luma_with_neutral_chroma(make):
    frames = make.grey_loop()
    neutral = np.stack([frames, np.full_like(frames, 128), np.full_like(frames, 128)], axis=-1)
    clip = read_clip(make.dicom(frames, "MONOCHROME2"))
    assert make.furthest(clip, read_clip(make.dicom(neutral, "YBR_FULL"))) == 0
    assert clip.frames.max() > 100


def test_rgb_is_not_taken_for_ycbcr(make):
    """R-G-B, interleaved and by planes, gives the clip of the same pictures in Y-Cb-Cr."""
    frames = make.loop()
    expected = read_clip(make.dicom(np.stack([ycbcr_from_rgb(frame) for frame in frames]), "YBR_FULL"))
    planes = np.ascontiguousarray(frames.transpose(0, 3, 1, 2)).tobytes()
    for data in (
        make.dicom(frames, "RGB"),
        make.dicom(frames, "RGB", pixels=planes, PlanarConfiguration=1),
        make.jpeg_dicom(frames, stored="RGB", photometric="RGB", level=100),
    ):
        assert make.furthest(read_clip(data), expected) <= 3
    green = read_clip(make.dicom(frames, "RGB")).frames[0, 60:90, 100:120].reshape(-1, 3).astype(int)
    assert abs(green[:, 1] - green[:, 0]).max() <= 1


@pytest.mark.parametrize("entry_bits", [8, 16])
def test_palettes_are_applied(make, entry_bits):
    colours = np.random.default_rng(2).integers(0, 256, (256, 3), np.uint16)
    codes = make.grey_loop()
    tables = {
        f"{name}PaletteColorLookupTable{part}": value
        for channel, name in enumerate(("Red", "Green", "Blue"))
        for part, value in {
            "Descriptor": [256, 0, entry_bits],
            "Data": (colours[:, channel] << (entry_bits - 8))
            .astype("<u2" if entry_bits == 16 else "u1")
            .tobytes(),
        }.items()
    }
    clip = read_clip(make.dicom(codes, "PALETTE COLOR", **tables))
    assert make.furthest(clip, make.clip(colours.astype(np.uint8)[codes])) == 0


def test_palette_that_begins_late_and_is_short(make):
    """Codes below and above it take its first and last colour."""
    codes = np.clip(make.grey_loop(), 0, 240)
    ramp = (np.arange(100, dtype=np.uint16) * 257).tobytes()
    tables = {}
    for name in ("Red", "Green", "Blue"):
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [100, 50, 16]
        tables[f"{name}PaletteColorLookupTableData"] = ramp
    clip = read_clip(make.dicom(codes, "PALETTE COLOR", **tables))
    greys = np.clip(codes.astype(int) - 50, 0, 99).astype(np.uint8)
    assert make.furthest(clip, read_clip(make.dicom(greys, "MONOCHROME2"))) == 0


def test_palette_tag_without_a_palette(make):
    reason, _ = reason_of(make.dicom(make.grey_loop(), "PALETTE COLOR"))
    assert reason is Reason.NOT_DECODABLE


def test_halved_chroma(make):
    frames = np.stack([ycbcr_from_rgb(frame) for frame in make.loop()])
    frames[:, :, 1::2, 1:] = frames[:, :, ::2, 1:]
    packed = np.stack(
        [frames[:, :, ::2, 0], frames[:, :, 1::2, 0], frames[:, :, ::2, 1], frames[:, :, ::2, 2]], axis=-1
    ).tobytes()
    expected = read_clip(make.dicom(frames, "YBR_FULL"))
    assert make.furthest(read_clip(make.dicom(frames, "YBR_FULL_422", pixels=packed)), expected) == 0
    # Some gateways expand the pixels and keep the tag.
    assert make.furthest(read_clip(make.dicom(frames, "YBR_FULL_422")), expected) == 0


def test_inverted_grey(make):
    frames = make.grey_loop()
    clip = read_clip(make.dicom(255 - frames, "MONOCHROME1"))
    assert make.furthest(clip, read_clip(make.dicom(frames, "MONOCHROME2"))) == 0


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_twelve_bits_are_shown_in_eight(make, syntax):
    frames = make.grey_loop()
    deep = ((frames.astype(np.uint32) * 4095 + 127) // 255).astype(np.uint16)
    clip = read_clip(make.dicom(deep, "MONOCHROME2", syntax=syntax, BitsStored=12, HighBit=11))
    assert make.furthest(clip, read_clip(make.dicom(frames, "MONOCHROME2"))) <= 1


@pytest.mark.parametrize(("stored", "high"), [(16, 15), (12, 11), (12, 15), (10, 9)])
def test_where_the_bits_lie(make, stored, high):
    """Grey and colour, in 16 bits of which some are stored."""
    grey, colours = make.grey_loop(), make.loop()
    bits = {"BitsStored": stored, "HighBit": high}
    deep = make.dicom(grey.astype(np.uint16) << (high - 7), "MONOCHROME2", **bits)
    assert make.furthest(read_clip(deep), read_clip(make.dicom(grey, "MONOCHROME2"))) <= 2
    deep = make.dicom(colours.astype(np.uint16) << (high - 7), "RGB", **bits)
    assert make.furthest(read_clip(deep), make.clip(colours)) == 0


def test_window_of_the_header_is_applied(make):
    frames = make.grey_loop()
    shown = np.clip((frames.astype(float) - 99.5) / 99 * 255 + 127.5, 0, 255).round().astype(np.uint8)
    data = make.dicom(frames, "MONOCHROME2", WindowCenter=100, WindowWidth=100)
    assert make.furthest(read_clip(data), read_clip(make.dicom(shown, "MONOCHROME2"))) <= 1


def test_signed_numbers(make):
    frames = make.grey_loop()
    signed = (frames.astype(int) - 128).astype(np.int8).view(np.uint8)
    data = make.dicom(signed, "MONOCHROME2", PixelRepresentation=1)
    assert make.furthest(read_clip(data), read_clip(make.dicom(frames, "MONOCHROME2"))) == 0


def test_bits_that_are_not_stored_do_not_count(make):
    frames = make.grey_loop()
    dirty = frames.astype(np.uint16) << 4 | 0xF000
    data = make.dicom(dirty, "MONOCHROME2", BitsStored=12, HighBit=11)
    clean = make.dicom(dirty & 0x0FFF, "MONOCHROME2", BitsStored=12, HighBit=11)
    assert make.furthest(read_clip(data), read_clip(clean)) == 0


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize("stored", ["RGB", "YCBCR"])
def test_stream_is_trusted_before_the_tag(make, photometric, stored):
    """Both kinds of streams have a marker or component names that say what they hold."""
    clip = read_clip(make.jpeg_dicom(stored=stored, photometric=photometric, level=100))
    assert make.furthest(clip, make.clip(make.loop())) <= 4


def test_tag_decides_where_the_stream_says_nothing(make):
    streams = [
        jpeg(ycbcr_from_rgb(frame), level=100, colorspace="RGB", outcolorspace="RGB") for frame in make.loop()
    ]
    for index, stream in enumerate(
        streams
    ):  # from components R, G, B and an Adobe marker to 1, 2, 3 and none
        marker = stream.index(b"\xff\xee")
        stream = stream[:marker] + stream[marker + 16 :]
        frame = stream.index(b"\xff\xc0") + 10
        scan = stream.index(b"\xff\xda") + 5
        stream = bytearray(stream)
        stream[frame : frame + 9 : 3] = stream[scan : scan + 6 : 2] = b"\x01\x02\x03"
        streams[index] = bytes(stream)
    clip = read_clip(make.dicom(make.loop(), "YBR_FULL", syntax=JPEGBaseline8Bit, pixels=streams))
    assert make.furthest(clip, make.clip(make.loop())) <= 4
    other = read_clip(make.dicom(make.loop(), "RGB", syntax=JPEGBaseline8Bit, pixels=streams))
    assert make.furthest(clip, other) > 50


# ---- frame tables


def encapsulated(make, parts, *, offsets=(), end=True, frames=8):
    """A JPEG object whose items are `parts`."""
    table = struct.pack(f"<{len(offsets)}I", *offsets)
    items = b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(part)) + part for part in (table, *parts))
    whole = make.jpeg_dicom(NumberOfFrames=frames)
    start = whole.index(b"\xe0\x7f\x10\x00OB\0\0") + 12
    return whole[:start] + items + (b"\xfe\xff\xdd\xe0\0\0\0\0" if end else b"")


def streams_of(make):
    return [
        jpeg(frame, level=95, colorspace="RGB", outcolorspace="YCBCR", subsampling="444")
        for frame in make.loop()
    ]


def test_frames_may_be_cut_into_fragments(make):
    streams = [stream + b"\0" * (len(stream) % 2) for stream in streams_of(make)]
    parts = [part for stream in streams for part in (stream[:500], stream[500:502], stream[502:])]
    expected = read_clip(make.jpeg_dicom())
    assert make.furthest(read_clip(encapsulated(make, parts)), expected) == 0
    offsets = np.cumsum([0] + [len(stream) + 24 for stream in streams])[:-1].tolist()
    assert make.furthest(read_clip(encapsulated(make, parts, offsets=offsets)), expected) == 0


def test_wrong_offset_table_does_not_matter(make):
    data = encapsulated(make, streams_of(make), offsets=[7, 8, 9])
    assert make.furthest(read_clip(data), read_clip(make.jpeg_dicom())) == 0


def test_number_of_frames_may_be_left_out(make):
    for value in (None, 0):
        assert read_clip(make.jpeg_dicom(NumberOfFrames=value)).frames_in_file == 8
        assert read_clip(make.dicom(make.loop(), "RGB", NumberOfFrames=value)).frames_in_file == 8


def test_frames_beyond_the_promised_are_not_read(make):
    assert read_clip(encapsulated(make, streams_of(make), frames=6)).frames_in_file == 6


def test_fewer_frames_than_promised(make):
    reason, message = reason_of(encapsulated(make, streams_of(make)[:6]))
    assert (reason, message) == (Reason.NOT_DECODABLE, "8 frames expected, the pixel data hold 6")
    reason, message = reason_of(make.dicom(make.loop(), "RGB")[:-1000])
    assert (reason, message) == (Reason.NOT_DECODABLE, "8 frames expected, the pixel data hold 7")


@pytest.mark.parametrize("frames", [8, None])
def test_file_that_ends_within_a_frame(make, frames):
    data = encapsulated(make, streams_of(make), frames=frames, end=False)
    assert reason_of(data[:-200])[0] is Reason.NOT_DECODABLE


def test_frame_that_is_cut_although_its_item_is_whole(make):
    streams = streams_of(make)
    streams[3] = streams[3][: len(streams[3]) // 2]
    assert reason_of(encapsulated(make, streams))[0] is Reason.NOT_DECODABLE


def test_frame_of_another_size(make):
    streams = streams_of(make)
    streams[5] = jpeg(make.loop()[5][:50].copy(), level=95)
    assert reason_of(encapsulated(make, streams)) == (
        Reason.NOT_DECODABLE,
        "frame 5 has another size than the first",
    )


# ---- skipped and refused


def test_still(make):
    assert reason_of(make.dicom(make.loop(count=1), "RGB"))[0] is Reason.STILL
    assert reason_of(make.jpeg_dicom(make.loop(count=1)))[0] is Reason.STILL


def test_static(make):
    frames = np.repeat(make.loop(count=1), 4, axis=0)
    reason, message = reason_of(make.dicom(frames, "RGB"))
    assert (reason, message) == (Reason.STATIC, "nothing moves between the first and the last of 4 frames")


def test_no_pixels(make):
    assert reason_of(make.dicom(make.loop(), "RGB", PixelData=None))[0] is Reason.NO_PIXELS
    assert reason_of(make.dicom(make.loop(), "RGB", pixels=b""))[0] is Reason.NO_PIXELS


@pytest.mark.parametrize(
    "elements",
    [
        {"BitsAllocated": 32},
        {"PhotometricInterpretation": "CMYK"},
        {"SamplesPerPixel": 4},
        {"BitsAllocated": 1},
    ],
)
def test_unsupported(make, elements):
    assert reason_of(make.dicom(make.loop(), "RGB", **elements))[0] is Reason.UNSUPPORTED


def test_unknown_transfer_syntax(make):
    data = make.dicom(make.loop(), "RGB").replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.99999.1.2.1\0")
    assert reason_of(data)[0] is Reason.UNSUPPORTED


def test_limits_hold_before_memory_is_taken(make):
    frames = make.loop()
    assert reason_of(make.dicom(frames, "RGB", Rows=65535, Columns=65535))[0] is Reason.TOO_LARGE
    assert reason_of(make.dicom(frames, "RGB"), limits=Limits(frames=7))[0] is Reason.TOO_LARGE
    assert reason_of(make.dicom(frames, "RGB"), limits=Limits(bytes=1000))[0] is Reason.TOO_LARGE
    assert reason_of(make.jpeg_dicom(), limits=Limits(pixels=1000))[0] is Reason.TOO_LARGE
    millions = make.dicom(frames, "RGB", Rows=1, Columns=1, NumberOfFrames=0)
    assert reason_of(millions)[0] is Reason.TOO_LARGE


def test_huge_stream_is_told_by_its_markers(make):
    streams = [bytearray(stream) for stream in streams_of(make)]
    size = streams[4].index(b"\xff\xc0") + 5
    streams[4][size : size + 4] = b"\xff\xdc\xff\xdc"
    assert reason_of(encapsulated(make, [bytes(stream) for stream in streams]))[0] is Reason.TOO_LARGE


def test_deflated_object_that_grows_without_end(make):
    bomb = make.dicom(make.loop(), "RGB", syntax=DeflatedExplicitVRLittleEndian, pixels=bytes(1 << 22))
    assert len(bomb) < 50_000
    assert reason_of(bomb, limits=Limits(bytes=1 << 20))[0] is Reason.TOO_LARGE
