"""Crop, frame selection, scaling and normalisation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoprime.reading import FRAMES, MEAN, STD, Clip, crop_box, normalise, used_frames
from echoprime.reading.clip import scale

sizes = st.integers(2, 3000)


@given(sizes, sizes)
def test_crop_is_what_slicing_twice_leaves(rows, columns):
    """The published steps one after the other, on indices, with the empty slice of p = 0 mended."""
    surplus = round((max(rows, columns) - min(rows, columns)) / 2)
    y, x = np.arange(rows), np.arange(columns)
    if rows > columns and surplus:
        y = y[surplus:-surplus]
    elif columns > rows and surplus:
        x = x[surplus:-surplus]
    for kept, box in zip((y, x), crop_box(rows, columns), strict=True):
        cut = int(len(kept) * 0.1)
        kept = kept[cut : len(kept) - cut]
        assert (box.start, box.stop) == (kept[0], kept[-1] + 1)


@given(sizes, sizes)
def test_crop_is_central_nearly_square_and_never_empty(rows, columns):
    y, x = crop_box(rows, columns)
    height, width = y.stop - y.start, x.stop - x.start
    assert height >= 1
    assert width >= 1
    assert abs(height - width) <= 1 + 2  # half a difference to even, then each side's own tenth
    assert y.start == rows - y.stop
    assert x.start == columns - x.stop


@given(sizes, sizes)
def test_crop_of_a_turned_frame_is_turned(rows, columns):
    assert crop_box(rows, columns) == crop_box(columns, rows)[::-1]


def test_half_a_difference_is_rounded_to_even():
    def square(rows, columns):
        # A tenth less on each end of what the centre crop leaves.
        return [{601: 601 - 2 * 60, 599: 599 - 2 * 59, 600: 480}[side] for side in (rows, columns)]

    for (rows, columns), left in {(600, 801): 601, (600, 803): 599, (801, 600): 601, (803, 600): 599}.items():
        y, x = crop_box(rows, columns)
        expected = square(600, left) if columns > rows else square(left, 600)
        assert [y.stop - y.start, x.stop - x.start] == expected


@pytest.mark.parametrize(("rows", "columns"), [(100, 101), (101, 100), (2, 1)])
def test_sides_that_differ_by_one_are_not_cropped_away(rows, columns):
    y, x = crop_box(rows, columns)
    assert (y.stop - y.start, x.stop - x.start) == (
        rows - 2 * int(rows * 0.1),
        columns - 2 * int(columns * 0.1),
    )


@pytest.mark.parametrize(
    ("count", "used"), [(2, 1), (3, 2), (18, 9), (30, 15), (31, 16), (32, 16), (33, 16), (500, 16)]
)
def test_used_is_half_of_at_most_32_rounded_up(count, used):
    indices = used_frames(count)
    assert len(indices) == used == -(-min(count, 32) // 2)
    assert all(index % 2 == 0 and index < min(count, 32) for index in indices)


def test_normalisation_is_done_in_float32_channel_by_channel():
    frames = np.random.default_rng(0).integers(0, 256, (FRAMES, 224, 224, 3), np.uint8)
    expected = (frames.astype(np.float32) - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    assert np.array_equal(normalise(frames, FRAMES), expected.transpose(3, 0, 1, 2))


def test_padding_is_zero_after_normalisation():
    frames = np.zeros((FRAMES, 224, 224, 3), np.uint8)
    values = normalise(frames, used=9)
    assert (values[:, :9] < 0).all()  # black is below the mean
    assert (values[:, 9:] == 0).all()


def test_tensor_is_the_normalised_clip():
    frames = np.random.default_rng(1).integers(0, 256, (FRAMES, 224, 224, 3), np.uint8)
    clip = Clip(frames, used=5, frames_in_file=10, format="dicom")
    assert np.array_equal(clip.tensor().numpy(), normalise(frames, 5))


@given(st.integers(1, 50), st.booleans())
def test_one_row_of_pixels_is_not_cropped_away(side, turned):
    shape = (1, side) if turned else (side, 1)
    assert all(box.stop > box.start for box in crop_box(*shape))


def test_a_picture_of_one_pixel_is_scaled():
    out = np.zeros((224, 224, 3), np.uint8)
    scale(np.full((1, 1, 3), 77, np.uint8), out)
    assert (out == 77).all()
