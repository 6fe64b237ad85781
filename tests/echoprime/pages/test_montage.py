"""The montage: as large as its tiles need, in the right colours, with the notice on it."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from echoprime.pages import draw_montage
from echoprime.pages.display import Shown, not_shown
from echoprime.pages.montage import CAPTION, FOOT, GAP, HEAD, MARGIN, TILE, grid


def clip(colour, *, used=16):
    frames = np.zeros((used, 224, 224, 3), np.uint8)
    frames[: used // 2 + 1, 60:160, 60:160] = colour
    return Shown(frames)


def page(content):
    assert content.startswith(b"\x89PNG")
    return np.asarray(Image.open(BytesIO(content)).convert("RGB"))


def draw(clips, **words):
    words = {"notice": "drawn loops, not medicine", **words}
    return page(draw_montage(clips, ["A4C"] * len(clips), [0.97] * len(clips), **words))


@pytest.mark.parametrize("count", [1, 4, 5, 6, 12])
def test_size_follows_the_number_of_videos(count):
    columns, rows = grid(count)
    assert columns * rows >= count
    picture = draw([clip((90, 90, 90))] * count)
    assert picture.shape == (
        HEAD + rows * (TILE + CAPTION) + (rows - 1) * GAP + FOOT,
        2 * MARGIN + columns * TILE + (columns - 1) * GAP,
        3,
    )


def test_each_tile_shows_its_video():
    picture = draw([clip((200, 0, 0)), clip((0, 0, 200))])
    middle = HEAD + TILE // 2
    first, second = picture[middle, MARGIN + TILE // 2], picture[middle, MARGIN + TILE + GAP + TILE // 2]
    assert (first.tolist(), second.tolist()) == ([200, 0, 0], [0, 0, 200])


def test_what_may_not_be_shown_is_said():
    drawn, said = draw([clip((0, 0, 0))]), draw([not_shown("too little of it moves")])
    tile = (slice(HEAD + 20, HEAD + TILE - 20), slice(MARGIN + 2, MARGIN + TILE - 2))
    assert drawn[tile].max() == 0
    assert said[tile].max() > 90


def test_notice_title_and_captions_are_written():
    plain = draw([clip((90, 90, 90))], notice="", title="")
    titled = draw([clip((90, 90, 90))], notice="", title="drawn-01")
    noticed = draw([clip((90, 90, 90))])
    assert (titled != plain).any()
    assert noticed.shape[0] > plain.shape[0]
    assert (noticed[-FOOT + 4 :].max(axis=(0, 1)) > 150).all() or noticed[-FOOT + 4 :, :, 0].max() > 200
    caption = plain[HEAD + TILE + 4 : HEAD + TILE + CAPTION]
    assert caption.max() > 200


def test_the_same_clips_give_the_same_bytes():
    arguments = ([clip((90, 90, 90))], ["A4C"], [0.5])
    assert draw_montage(*arguments, notice="n") == draw_montage(*arguments, notice="n")


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="1 pictures, 0 views"):
        draw_montage([clip((1, 1, 1))], [], [0.5], notice="")
    with pytest.raises(ValueError, match="0 pictures"):
        draw_montage([], [], [], notice="")
