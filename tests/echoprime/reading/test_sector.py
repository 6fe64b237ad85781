"""The sector mask, and what counts as lit."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from echoprime.errors import Reason, SkippedVideo
from echoprime.reading.clip import SIDE, crop_box, used_frames
from echoprime.reading.colour import Rgb, Table, YCbCr, ycbcr_from_rgb
from echoprime.reading.loop import Frame, Loop, decoding_order
from echoprime.reading.sector import sector_mask

PLAIN = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)


def grey_of(ycbcr):
    return cv2.cvtColor(cv2.cvtColor(ycbcr, cv2.COLOR_YUV2RGB), cv2.COLOR_RGB2GRAY)


def plain_clip(ycbcr):
    """The published steps one after the other for a whole loop of Y-Cb-Cr, defects mended."""
    greys = np.stack([grey_of(frame) for frame in ycbcr])
    lit = (greys > 0).any(axis=0).astype(np.uint8)
    for _ in range(10):
        lit = cv2.erode(lit, np.ones((3, 3), np.uint8))
    changed = (greys[0] != greys[-1]).astype(np.uint8)
    changed[:20, :20] = 0
    mask = lit & changed
    for _ in range(10):
        mask = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    cv2.floodFill(mask, None, (0, 0), 100)
    mask = np.where(mask == 100, 0, 255).astype(np.uint8)
    for contour in cv2.findContours(mask.copy(), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]:
        cv2.drawContours(mask, [cv2.convexHull(contour)], 0, 255, 3)
    cv2.floodFill(mask, None, (0, 0), 100)
    mask = mask != 100
    if not mask.any():
        return None
    clip = np.zeros((16, SIDE, SIDE, 3), np.uint8)
    for out, index in zip(clip, used_frames(len(ycbcr)), strict=False):
        bgr = cv2.cvtColor(ycbcr[index], cv2.COLOR_YUV2BGR) * mask[..., None].astype(np.uint8)
        out[:] = cv2.resize(bgr[crop_box(*mask.shape)], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return clip


def dim_loop(seed, count, rows, columns):
    """Dim frames, where lit hangs on chroma, parts lit late, or around them in one frame alone."""
    random = np.random.default_rng(seed)
    frames = np.zeros((count, rows, columns, 3), np.uint8)
    frames[..., 1:] = random.integers(126, 132, (count, rows, columns, 2))
    y, x = random.integers(0, rows // 2), random.integers(0, columns // 2)
    frames[random.integers(0, count) :, y : y + rows // 2, x : x + columns // 2, 0] = random.integers(1, 255)
    frames[-1, y + 4 : y + rows // 2] //= 2
    around = slice(max(y - 14, 0), y + rows // 2 + 14), slice(max(x - 14, 0), x + columns // 2 + 14)
    frames[random.integers(0, count)][around] += random.integers(0, 3, 3).astype(np.uint8)
    speckle = random.random((count, rows, columns)) < random.choice([0.0, 0.001, 0.3])
    frames[speckle] = random.integers(0, 256, (int(speckle.sum()), 3))
    return frames


def assert_clip(make, frames, expected, colour, order):
    if expected is None:
        with pytest.raises(SkippedVideo, match="nothing moves"):
            make.clip(frames, colour, order)
    else:
        assert np.array_equal(make.clip(frames, colour, order).frames, expected)


LOOPS = (st.integers(0, 10**6), st.integers(2, 36), st.integers(30, 90), st.integers(30, 90))


@settings(max_examples=40, deadline=None)
@given(*LOOPS)
def test_streamed_loop_equals_the_plain_steps(make, seed, count, rows, columns):
    """Whether the last frame comes second, so that few pixels are looked at, or last."""
    frames = dim_loop(seed, count, rows, columns)
    expected = plain_clip(frames)
    for order in (range(count), decoding_order(count, "exact")):
        assert_clip(make, frames, expected, YCbCr(), order)


@settings(max_examples=15, deadline=None)
@example(seed=831, count=34, rows=34, columns=34)  # a tie of R-G-B was rounded by where it lay
@given(*LOOPS)
def test_streamed_greys_and_rgb_equal_the_plain_steps(make, seed, count, rows, columns):
    order = decoding_order(count, "exact")
    codes = dim_loop(seed, count, rows, columns)[..., 0]
    for table in (PLAIN, PLAIN // 5 * 5):  # a table that changes nothing has a way of its own
        greys = table[:, 0][codes]
        neutral = np.stack([greys, np.full_like(greys, 128), np.full_like(greys, 128)], axis=-1)
        assert_clip(make, codes, plain_clip(neutral), Table(table), order)
    rgb = dim_loop(seed, count, rows, columns)
    rgb[..., 1:] -= 126
    assert_clip(make, rgb, plain_clip(np.stack([ycbcr_from_rgb(frame) for frame in rgb])), Rgb(), order)


@settings(max_examples=15, deadline=None)
@given(*LOOPS)
def test_fast_clip_is_that_of_the_used_frames_and_the_last(make, seed, count, rows, columns):
    """The plain steps, with what is lit in other frames taken away."""
    frames = dim_loop(seed, count, rows, columns)
    order = decoding_order(count, "fast")
    assert sorted(order) == sorted({*used_frames(count), count - 1})
    others = np.isin(np.arange(count), order, invert=True)
    dark = frames.copy()
    dark[others] = (0, 128, 128)
    assert_clip(make, frames, plain_clip(dark), YCbCr(), order)


def test_every_colour_comes_out_the_same_wherever_it_lies():
    """Parts of a frame are converted on their own: OpenCV's wide and narrow ways must agree."""
    frame = np.random.default_rng(1).integers(0, 256, (64, 211, 3), np.uint8)
    for colour, pixels in ((YCbCr(), frame), (Rgb(), frame), (Table(PLAIN[::-1]), frame[..., 0].copy())):
        bgr, lit = colour.bgr(pixels), colour.lit(pixels)
        part = slice(5, 61), slice(7, 180)
        assert np.array_equal(colour.bgr(pixels[part]), bgr[part])
        assert np.array_equal(colour.grey(pixels), cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY))
        chosen = np.flatnonzero(frame[..., 1] > 100)
        few = pixels.reshape(lit.size, *pixels.shape[2:])[chosen][None]
        assert np.array_equal(colour.lit(few)[0], lit.reshape(-1)[chosen])


def every_rgb():
    """uint8 (1, 16777216, 3)."""
    levels = np.arange(256, dtype=np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 3)


def in_whole_numbers(rgb):
    """Y-Cb-Cr in units of 1e-9, rounded to the nearest level with ties up."""
    red, green, blue = (rgb[..., channel].astype(np.int64) for channel in range(3))
    luma = 299_000_000 * red + 587_000_000 * green + 114_000_000 * blue
    cb = -168_735_892 * red - 331_264_108 * green + 500_000_000 * blue + 128_000_000_000
    cr = 500_000_000 * red - 418_687_589 * green - 81_312_411 * blue + 128_000_000_000
    rounded = [(value + 500_000_000) // 1_000_000_000 for value in (luma, cb, cr)]
    return np.clip(np.stack(rounded, axis=-1), 0, 255).astype(np.uint8)


def test_every_rgb_becomes_its_exact_ycbcr():
    for some in np.array_split(every_rgb(), 8, axis=1):
        assert np.array_equal(ycbcr_from_rgb(some), in_whole_numbers(some))


@pytest.mark.parametrize("columns", [1, 2, 3, 5, 8, 13, 19, 34])
def test_ties_are_rounded_alike_wherever_they_lie(columns):
    """OpenCV rounds the last pixels of a picture, which fill no vector, in another way."""
    levels = np.arange(1, 256, 2, dtype=np.uint8)
    ties = np.stack(np.meshgrid(levels, [10, 120], levels - 1, indexing="ij"), axis=-1).reshape(-1, 3)
    ties = np.concatenate([ties, every_rgb()[0, 500::1000]]).astype(np.uint8)
    for start in range(0, len(ties) - columns, 7 * columns):
        part = ties[None, start : start + columns]
        assert np.array_equal(ycbcr_from_rgb(part), in_whole_numbers(part))


def lit_of(frames, colour):
    """What a loop hands to the mask as lit."""
    seen = []

    def mask(lit, first, last):
        seen.append(lit.copy())
        return np.full(lit.shape, 255, np.uint8)

    loop = Loop(mask)
    for index, frame in enumerate(frames):
        loop.add(Frame(frame, colour, index, last=index == len(frames) - 1))
    loop.clips()[0]
    return seen[0] > 0


@pytest.mark.parametrize("count", [255, 256, 512])
@pytest.mark.parametrize("start", [0, 1])
def test_a_pixel_lit_in_exactly_255_frames_is_lit(make, count, start):
    """Counted in uint8 it would wrap to 0 (at 255 or 256), and these loops would have no sector at all."""
    frames = np.zeros((515, 64, 64), np.uint8)
    frames[start : start + count, 16:48, 16:48] = 90
    lit = lit_of(frames, Table(PLAIN))
    assert lit[16:48, 16:48].all()
    assert lit.sum() == 32 * 32


def test_red_of_one_frame_and_blue_of_another_do_not_add_up_to_light():
    """(0, 127, 129) is R-G-B (1, 0, 0), (0, 129, 127) is (0, 0, 2): both grey 0, their maxima grey 1."""
    frames = np.empty((6, 40, 40, 3), np.uint8)
    frames[::2], frames[1::2] = (0, 127, 129), (0, 129, 127)
    maxima = np.maximum(*(cv2.cvtColor(frame, cv2.COLOR_YUV2BGR) for frame in frames[:2]))
    assert (cv2.cvtColor(maxima, cv2.COLOR_BGR2GRAY) > 0).all()  # the trap
    assert not lit_of(frames, YCbCr()).any()


def test_colour_without_luma_is_lit():
    frames = np.zeros((3, 30, 30, 3), np.uint8)
    frames[..., 1:] = 128
    frames[1, 10:20, 10:20] = (0, 128, 160)
    assert lit_of(frames, YCbCr())[10:20, 10:20].all()
    assert not lit_of(frames, YCbCr())[:10].any()


def test_ten_colours_are_dark():
    """All with luma 0: the table of the ten dark colours, by trying every chroma."""
    y, blue, red = np.meshgrid([0, 1], np.arange(256), np.arange(256), indexing="ij")
    every = np.stack([y, blue, red], axis=-1).astype(np.uint8)
    dark = {
        tuple(every[level][pixel].tolist())
        for level in (0, 1)
        for pixel in zip(*np.nonzero(YCbCr().lit(every[level]) == 0), strict=True)
    }
    pairs = [(126, 129), (127, 128), (127, 129), (128, 128), (128, 129)]
    pairs += [(129, 127), (129, 128), (130, 126), (130, 127), (130, 128)]
    assert dark == {(0, *pair) for pair in pairs}


def test_luma_tells_light_of_rgb():
    """The shortcut of `Rgb.lit` against its definition, wherever luma is small."""
    red, green, blue = np.meshgrid(np.arange(8), np.arange(8), np.arange(40), indexing="ij")
    every = np.stack([red, green, blue], axis=-1).astype(np.uint8).reshape(8, -1, 3)
    grey = cv2.cvtColor(Rgb().bgr(every), cv2.COLOR_BGR2GRAY)
    assert np.array_equal(Rgb().lit(every) > 0, grey > 0)


def test_thin_overlays_and_text_are_masked_and_the_moving_sector_stays(make):
    frames = make.grey_loop(count=6)
    last = frames[-1].copy()
    frames[:, 90, :] = 255  # a trace one pixel thick, and it moves
    last[91, :] = 255
    mask = sector_mask(frames.max(axis=0), frames[0], last)
    assert mask[50, 64] == 255
    assert mask[92, 3] == 0


def test_changes_in_the_corner_do_not_count():
    lit = np.full((60, 60), 50, np.uint8)
    last = lit.copy()
    last[:20, :20] = 70
    assert not sector_mask(lit, lit, last).any()
    last[30, 30] = 70
    assert sector_mask(lit, lit, last).any()


def test_a_loop_in_which_nothing_moves_is_skipped(make):
    frames = np.repeat(make.grey_loop(count=1), 5, axis=0)
    with pytest.raises(SkippedVideo) as skipped:
        make.clip(frames, Table(PLAIN))
    assert skipped.value.reason is Reason.STATIC


def test_no_memory_for_the_mask_is_no_reason_to_go_without(make):
    """OpenCV tells it by an error of its own, and the frames must not go on unmasked for it."""

    def exhausted(lit, first, last):
        error = cv2.error("Failed to allocate")
        error.code = cv2.Error.StsNoMem
        raise error

    loop, colour = Loop(exhausted), Rgb()
    for index, frame in enumerate(make.loop(count=4)):
        loop.add(Frame(frame, colour, index, last=index == 3))
    with pytest.raises(MemoryError):
        loop.clips()[0]


def test_frames_go_on_unmasked_when_masking_raises(make):
    def raising(lit, first, last):
        return cv2.erode(lit[:0], None)

    loop, colour = Loop(raising), Rgb()
    for index, frame in enumerate(make.loop(count=4)):
        loop.add(Frame(frame, colour, index, last=index == 3))
    text = slice(14, 37), slice(8, 30)
    assert loop.clips()[0].frames[0][text].max() > 100
    assert make.clip(make.loop(count=4)).frames[0][text].max() == 0
