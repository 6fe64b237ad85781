"""What archives hold beside the usual: tables of many bits, odd encodings, wrong tags, tables of offsets."""

from __future__ import annotations

import itertools
import struct

import imagecodecs
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
)

from echoprime.reading import read_clip
from echoprime.reading.colour import ycbcr_from_rgb


def table(values, first=0, bits=16):
    """An item of a lookup-table sequence."""
    item = Dataset()
    item.LUTDescriptor = [len(values), first, bits]
    item.LUTData = np.asarray(values, np.uint16).tobytes()
    item.add_new("LUTDescriptor", "US", item.LUTDescriptor)
    item.add_new("LUTData", "OW", item.LUTData)
    return item


@pytest.fixture
def near(make):
    """Compares two objects' clips, in levels."""
    return lambda data, other: make.furthest(read_clip(data), read_clip(other))


# ---- greyscale


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("stored", [8, 9, 10, 12, 14, 16])
def test_bits_of_grey(make, near, photometric, stored):
    """The full range of the bits is black to white, whatever their number."""
    grey = make.grey_loop()
    wide = np.rint(grey.astype(float) * ((1 << stored) - 1) / 255).astype(np.uint16)
    if photometric == "MONOCHROME1":
        wide = (1 << stored) - 1 - wide
    data = make.dicom(wide, photometric, BitsStored=stored, HighBit=stored - 1)
    assert near(data, make.dicom(grey, "MONOCHROME2")) <= 1


def test_rescaling_with_a_window(make, near):
    """Slope and intercept first, then the window (PS3.3 C.11.1 and C.11.2)."""
    grey = make.grey_loop()
    # Stored g, rescaled to 2 g - 100; the window of width 511 at 155.5 shows -100..410 as 0..255.
    window = {"RescaleSlope": "2", "RescaleIntercept": "-100", "WindowCenter": "155.5", "WindowWidth": "511"}
    assert near(make.dicom(grey, "MONOCHROME2", **window), make.dicom(grey, "MONOCHROME2")) <= 1


def test_modality_table(make, near):
    grey = make.grey_loop()
    inverse = [table((255 - np.arange(256)) * 257)]
    data = make.dicom(255 - grey, "MONOCHROME2", ModalityLUTSequence=inverse)
    assert near(data, make.dicom(grey, "MONOCHROME2")) <= 1


def test_window_table(make, near):
    grey = make.grey_loop()
    inverse = [table((255 - np.arange(256)) * 257)]
    data = make.dicom(255 - grey, "MONOCHROME2", VOILUTSequence=inverse)
    assert near(data, make.dicom(grey, "MONOCHROME2")) <= 1


@pytest.mark.parametrize(
    "elements",
    [
        {"WindowCenter": "0", "WindowWidth": "0"},
        {"WindowCenter": ["0", "128"], "WindowWidth": ["0", "256"]},
        {"WindowCenter": "", "WindowWidth": ""},
        {"WindowCenter": "128", "WindowWidth": "256", "VOILUTFunction": ""},
        {"RescaleSlope": "", "RescaleIntercept": ""},
        {"RescaleSlope": "1", "RescaleIntercept": ""},
    ],
)
def test_windows_that_say_nothing(make, near, elements):
    """Blanked by an anonymiser, or of no width: no reason to lose a loop."""
    grey = make.grey_loop()
    assert near(make.dicom(grey, "MONOCHROME2", **elements), make.dicom(grey, "MONOCHROME2")) == 0


# ---- palettes


def test_palette_with_codes_of_sixteen_bits(make):
    colours = np.random.default_rng(3).integers(0, 256, (1000, 3)).astype(np.uint16)
    codes = make.grey_loop().astype(np.uint16) * 3 + 200
    elements = {}
    for channel, name in enumerate(("Red", "Green", "Blue")):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [1000, 0, 16]
        elements[f"{name}PaletteColorLookupTableData"] = (colours[:, channel] << 8).astype("<u2").tobytes()
    clip = read_clip(make.dicom(codes, "PALETTE COLOR", **elements))
    assert make.furthest(clip, make.clip(colours.astype(np.uint8)[np.minimum(codes, 999)])) == 0


def test_segmented_palette(make, near):
    """One discrete entry, then a line from it to white (PS3.3 C.7.9.2)."""
    grey = make.grey_loop()
    segments = struct.pack("<6H", 0, 1, 0, 1, 255, 65535)
    elements = {}
    for name in ("Red", "Green", "Blue"):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        elements[f"Segmented{name}PaletteColorLookupTableData"] = segments
    assert near(make.dicom(grey, "PALETTE COLOR", **elements), make.dicom(grey, "MONOCHROME2")) <= 1


# ---- colours


def test_partial_range_with_halved_chroma(make, near):
    """YBR_PARTIAL_422: luma 16..235, chroma 16..240, one of it for two pixels."""
    full = np.stack([ycbcr_from_rgb(frame) for frame in make.loop()])
    full[:, :, 1::2, 1:] = full[:, :, ::2, 1:]
    luma = np.rint(full[..., 0] * (219 / 255) + 16).astype(np.uint8)
    chroma = np.rint((full[..., 1:].astype(float) - 128) * (224 / 255) + 128).astype(np.uint8)
    four = [luma[:, :, ::2], luma[:, :, 1::2], chroma[:, :, ::2, 0], chroma[:, :, ::2, 1]]
    data = make.dicom(full, "YBR_PARTIAL_422", pixels=np.stack(four, axis=-1).tobytes())
    assert near(data, make.dicom(full, "YBR_FULL")) <= 4


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "RGB"])
def test_big_endian_words_of_eight_bits(make, near, photometric):
    """OW swaps the bytes of 8-bit pixels (PS3.5 annex A.3), OB does not."""
    frames = make.grey_loop() if photometric == "MONOCHROME2" else make.loop()
    swapped = np.frombuffer(frames.tobytes(), np.uint16).byteswap().tobytes()
    data = make.dicom(frames, photometric, syntax=ExplicitVRBigEndian, pixels=swapped)
    as_words = data.replace(b"\x7f\xe0\x00\x10OB", b"\x7f\xe0\x00\x10OW")
    assert as_words != data
    assert near(as_words, make.dicom(frames, photometric)) == 0


# ---- streams


def test_extended_jpeg_of_eight_bits(make, near):
    streams = [imagecodecs.jpeg8_encode(frame, level=95) for frame in make.grey_loop()]
    extended = [stream.replace(b"\xff\xc0\x00\x0b\x08", b"\xff\xc1\x00\x0b\x08") for stream in streams]
    assert extended != streams
    grey = make.grey_loop()
    data = make.dicom(grey, "MONOCHROME2", syntax=JPEGExtended12Bit, pixels=extended)
    assert near(data, make.dicom(grey, "MONOCHROME2", syntax=JPEGBaseline8Bit, pixels=streams)) == 0


@pytest.mark.parametrize("called", [JPEGBaseline8Bit, JPEG2000Lossless, JPEGLosslessSV1])
def test_streams_tell_their_codec(make, near, called):
    """A gateway that compresses anew and keeps the transfer syntax."""
    frames = make.loop()
    streams = [imagecodecs.jpegls_encode(frame) for frame in frames]
    data = make.dicom(frames, "RGB", syntax=called, pixels=streams)
    assert near(data, make.dicom(frames, "RGB", syntax=JPEGLSLossless, pixels=streams)) == 0


@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_FULL_422", "YBR_RCT", "RGB"])
def test_jpeg_2000_that_transforms_colours_holds_rgb(make, near, photometric):
    """A gateway compresses anew and keeps the JPEG loop's tag: the decoder gives R-G-B all the same."""
    frames = make.loop()
    streams = [
        imagecodecs.jpeg2k_encode(frame, codecformat="J2K", reversible=True, mct=True) for frame in frames
    ]
    data = make.dicom(frames, photometric, syntax=JPEG2000Lossless, pixels=streams)
    assert near(data, make.dicom(frames, "RGB")) == 0


def test_jpeg_2000_without_a_transform_is_what_the_tag_says(make, near):
    full = np.stack([ycbcr_from_rgb(frame) for frame in make.loop()])
    streams = [
        imagecodecs.jpeg2k_encode(frame, codecformat="J2K", reversible=True, mct=False) for frame in full
    ]
    data = make.dicom(full, "YBR_FULL", syntax=JPEG2000Lossless, pixels=streams)
    assert near(data, make.dicom(full, "YBR_FULL")) == 0


def test_jpeg_in_three_components_tagged_grey(make, near):
    data = make.jpeg_dicom(photometric="MONOCHROME2", SamplesPerPixel=1)
    assert near(data, make.jpeg_dicom()) == 0


@pytest.mark.parametrize("cuts", [(1,), (333, 777), (2, 3, 5, 7)])
def test_fragments_of_odd_sizes(make, near, cuts):
    """Frames of several fragments; standard ones are even, these are not."""
    frames = make.loop()
    streams = [
        imagecodecs.jpeg8_encode(frame, level=95, colorspace="RGB", outcolorspace="YCBCR", subsampling="444")
        for frame in frames
    ]
    parts = []
    for stream in streams:
        edges = [0, *(np.cumsum(cuts) + 7), len(stream)]
        parts += [stream[start:end] for start, end in itertools.pairwise(edges)]
    items = b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(part)) + part for part in (b"", *parts))
    whole = make.jpeg_dicom(frames)
    start = whole.index(b"\xe0\x7f\x10\x00OB\0\0") + 12
    assert near(whole[:start] + items + b"\xfe\xff\xdd\xe0\0\0\0\0", whole) == 0


def test_extended_offset_table(make, near):
    """Beside an empty basic one (PS3.3 C.7.6.3.1.8)."""
    streams = [
        imagecodecs.jpeg8_encode(frame, level=95, colorspace="RGB", outcolorspace="YCBCR", subsampling="444")
        for frame in make.loop()
    ]
    streams = [stream + b"\0" * (len(stream) % 2) for stream in streams]
    lengths = np.array([len(stream) for stream in streams], "<u8")
    offsets = np.concatenate([[0], np.cumsum(lengths + 8)[:-1]]).astype("<u8")
    data = make.dicom(
        make.loop(),
        "YBR_FULL",
        syntax=JPEGBaseline8Bit,
        pixels=streams,
        ExtendedOffsetTable=offsets.tobytes(),
        ExtendedOffsetTableLengths=lengths.tobytes(),
    )
    assert near(data, make.jpeg_dicom()) == 0
