"""What may be shown of a clip: the sector, and nothing that was written over or around it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoprime.demonstration import draw_loop
from echoprime.pages.display import moving_sector, shown
from echoprime.reading import Clip, crop_box
from echoprime.reading.clip import STRIDE
from echoprime.reading.colour import Rgb
from echoprime.reading.loop import Frame, Loop
from tests.captions import (
    BLACK,
    CASES,
    FONTS,
    GREEN,
    GREY,
    WHITE,
    YELLOW,
    Caption,
    Frames,
    clip_of,
    letters,
    real_loop,
    with_captions,
)


def contrast(frames: Frames, caption: Caption) -> float:
    """How far the letters stand out of the box around them, in grey levels of the frames' mean."""
    rows, columns = real_loop().shape[1:3]
    places = letters(caption, rows, columns)[crop_box(rows, columns)][..., 0]
    ink = cv2.resize(places, (224, 224), interpolation=cv2.INTER_AREA)
    inside = cv2.dilate((ink > 0.1).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    mean = frames[-(-caption.first // STRIDE) : -(-caption.last // STRIDE)].mean(axis=0).max(axis=-1)
    return float(abs(mean[ink > 0.5].mean() - mean[inside & (ink < 0.1)].mean()))


def raw(clip: Clip) -> Frames:
    return clip.frames[: clip.used]


@given(
    name=st.sampled_from(["SMITHSON", "GARCIA", "LEE", "1950-03-17"]),
    across=st.floats(0.35, 0.65),
    down=st.floats(0.15, 0.85),
    height=st.floats(0.045, 0.14),
    colour=st.sampled_from([WHITE, YELLOW, GREEN, GREY, BLACK]),
    opacity=st.sampled_from([1.0, 0.8, 0.6]),
    font=st.sampled_from(FONTS),
    first=st.sampled_from([0, 0, 13]),
    form=st.sampled_from(["dicom", "mp4"]),
)
@settings(max_examples=25, derandomize=True)
def test_letters_do_not_stand_out(name, across, down, height, colour, opacity, font, first, form):
    caption = Caption(name, (across, down), height, colour, opacity, font, first)
    clip = clip_of(with_captions(real_loop(), caption), form)
    picture = shown(clip)
    assert not picture.why_not
    written, plain = contrast(raw(clip), caption), contrast(shown(clip_of(real_loop(), form)).frames, caption)
    left = contrast(picture.frames, caption)
    # tissue has light and dark of its own; black letters on black tissue are not there to begin with
    assert left <= max(6.0, plain, written / 6)


@pytest.mark.parametrize("form", ["dicom", "mp4"])
@pytest.mark.parametrize("first", [0, 4, 8, 14])
def test_letters_that_come_and_go_do_not_stand_out(form, first):
    """There for a little more than half of the clip's fifteen frames, from anywhere in it."""
    caption = Caption("L I L L Y", (0.5, 0.6), 0.09, first=first, last=first + 16)
    clip = clip_of(with_captions(real_loop(), caption), form)
    assert contrast(raw(clip), caption) > 100
    assert contrast(shown(clip).frames, caption) < 6


@pytest.mark.parametrize("form", ["dicom", "mp4"])
def test_a_loop_without_captions_is_shown_as_it_is(form):
    clip = clip_of(real_loop(), form)
    picture = shown(clip)
    frames = raw(clip)[..., ::-1] if form == "dicom" else raw(clip)
    same = (picture.frames == frames).all(axis=-1)[:, moving_sector(np.ascontiguousarray(frames))]
    assert same.mean() > 0.6
    assert picture.frames.shape == (clip.used, 224, 224, 3)


def test_a_loop_whose_mask_failed_has_no_margin_either():
    def fails(*_: object) -> Frames:
        raise cv2.error("no mask")

    caption = Caption("SMITHSON", (0.3, 0.05), 0.06)
    loop = Loop(mask=fails)
    frames = with_captions(real_loop(), caption)
    for number, frame in enumerate(frames):
        loop.add(Frame(frame, Rgb(), number, last=number == len(frames) - 1))
    clip = loop.clips()[0]
    corner = (slice(None), slice(0, 25), slice(0, 90))
    assert raw(clip)[corner].max() > 200
    assert not shown(clip).frames[corner].any()
    assert not shown(clip, deidentified=False).why_not


def test_what_cannot_be_told_apart_is_not_shown():
    one = Clip(np.full((16, 224, 224, 3), 80, np.uint8), used=1, frames_in_file=1, format="mp4")
    assert "one frame" in shown(one).why_not
    rng = np.random.default_rng(0)
    everywhere = rng.integers(0, 255, (16, 224, 224, 3)).astype(np.uint8)
    assert "border" in shown(Clip(everywhere, used=16, frames_in_file=32, format="mp4")).why_not
    drawn = clip_of(draw_loop("A4C", 50, seed=1, frames=34), "dicom")
    assert "too little of it moves" in shown(drawn).why_not
    assert len(shown(drawn, deidentified=True).frames) == drawn.used


def test_deidentified_shows_still_tissue_and_no_margin():
    form, captions = CASES[9]
    clip = clip_of(with_captions(real_loop(), *captions), form)
    picture = shown(clip, deidentified=True)
    assert raw(clip)[:, :25].max() > 200
    assert picture.frames[:, :12].max() < 60
    assert picture.frames[:, 60:160, 60:160].max() > 100


def test_the_same_clip_is_shown_the_same():
    clip = clip_of(real_loop(), "mp4")
    assert (shown(clip).frames == shown(clip).frames).all()
