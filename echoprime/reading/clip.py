"""What the networks see of one video: constants, frame selection, crop, scale, normalisation.

Source: README, "The method", steps 1.4 to 1.6 (arXiv 2410.09704).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from echoprime.errors import SettingError
from echoprime.normalisation import MEAN as MEAN
from echoprime.normalisation import STD as STD

if TYPE_CHECKING:
    import torch

FRAMES_TAKEN = 32
"""Frames of the video that are looked at, from its beginning; a shorter video is padded."""
STRIDE = 2
"""Every second of them is used."""
FRAMES = FRAMES_TAKEN // STRIDE
"""Frames of a clip."""
SIDE = 224
"""Rows and columns of a clip."""
ZOOM = 0.1
"""Part of each side that is cut off at both its ends after the centre crop."""

Mode = Literal["exact", "fast"]
"""What the sector mask of a DICOM loop is found from. `exact`: all of its frames, as published. `fast`: those
that the clip uses, and the last; no others are decoded."""
MODES: tuple[Mode, ...] = get_args(Mode)
"""Every mode, the default first."""

PREPROCESSING: dict[str, object] = {
    "revision": 3,  # raised whenever the same bytes would give another clip
    "frames_taken": FRAMES_TAKEN,
    "stride": STRIDE,
    "frames": FRAMES,
    "side": SIDE,
    "zoom": ZOOM,
    "mean": list(MEAN),
    "std": list(STD),
    "interpolation": "opencv INTER_CUBIC on uint8",
    "sector_mask": True,
}
"""Everything that decides how bytes become a clip: part of `encoding_id`, and of a bundle, whose weights were
trained on such clips. The revision is this software's own."""


def require_mode(mode: str) -> None:
    """Refuse what is no mode.

    Raises
    ------
    SettingError
        Naming it, and the modes there are.

    Examples
    --------
    >>> require_mode("quick")
    Traceback (most recent call last):
    echoprime.errors.SettingError: mode 'quick' is not one of exact, fast
    """
    if mode not in MODES:
        raise SettingError(f"mode {mode!r} is not one of {', '.join(MODES)}")


@dataclass(frozen=True, eq=False)
class Clip:
    """One video as the networks see it.

    Parameters
    ----------
    frames
        uint8 (16, 224, 224, 3) = (frame, row, column, channel), before normalisation, in the order that the
        networks were trained with: B-G-R for DICOM, R-G-B for other videos. Frames past `used` are zero.
    used
        Frames that are real, 1..16; those past them are padding: zero in the *normalised* tensor.
    frames_in_file
        Frames of the whole video.
    format
        `dicom`, `mp4`, `mov`, `avi` or `mkv`.
    start
        The video's frame with which it begins; 0 is the published way.
    """

    frames: npt.NDArray[np.uint8]
    used: int
    frames_in_file: int
    format: str
    start: int = 0

    def tensor(self) -> torch.Tensor:
        """Normalised, float32 (3, 16, 224, 224) = (channel, frame, row, column)."""
        import torch

        return torch.from_numpy(normalise(self.frames, self.used))


def used_frames(count: int, start: int = 0) -> range:
    """Indices of the frames that a video of `count` frames gives to its clip, or to one that begins later.

    Examples
    --------
    >>> list(used_frames(5))
    [0, 2, 4]
    >>> len(used_frames(31)), len(used_frames(500))
    (16, 16)
    >>> used_frames(500, 468)
    range(468, 500, 2)
    """
    return range(start, min(count, start + FRAMES_TAKEN), STRIDE)


def is_used(index: int) -> bool:
    """Whether the published clip has the video's frame of this index, if the video has it.

    Examples
    --------
    >>> is_used(30), is_used(31), is_used(32)
    (True, False, False)
    """
    return index < FRAMES_TAKEN and index % STRIDE == 0


def crop_box(rows: int, columns: int) -> tuple[slice, slice]:
    """What is kept of a frame: the centre square of it, less a tenth of each side at both ends.

    The square may be a pixel off, since half a difference is rounded to even, as published.

    Parameters
    ----------
    rows, columns
        Size of the frame in pixels, at least 1 each.

    Returns
    -------
    Slices of rows and of columns, never empty.

    Examples
    --------
    >>> crop_box(600, 800)
    (slice(60, 540, None), slice(160, 640, None))
    >>> crop_box(600, 801)[1], crop_box(600, 803)[1]
    (slice(160, 641, None), slice(161, 642, None))
    """
    # The second bound matters for 1 x 4 and the like, of which the first would leave nothing.
    surplus = min(round(abs(rows - columns) / 2), (max(rows, columns) - 1) // 2)
    top = surplus if rows > columns else 0
    left = surplus if columns > rows else 0
    return _zoomed(top, rows - top), _zoomed(left, columns - left)


def _zoomed(start: int, stop: int) -> slice:
    cut = int((stop - start) * ZOOM)
    return slice(start + cut, stop - cut)


def scale(picture: npt.NDArray[Any], out: npt.NDArray[np.uint8]) -> None:
    """Scale a cropped picture to a clip's frame.

    Parameters
    ----------
    picture
        uint8 (rows, columns, 3). Three channels also for greyscale: OpenCV rounds one channel differently.
    out
        uint8 (224, 224, 3), written.
    """
    cv2.resize(picture, (SIDE, SIDE), dst=out, interpolation=cv2.INTER_CUBIC)


def normalise(frames: npt.NDArray[np.uint8], used: int) -> npt.NDArray[np.float32]:
    """The networks' input: (value - mean) / std, padding frames zero.

    Parameters
    ----------
    frames
        uint8 (16, 224, 224, 3), channel last.
    used
        Frames that are real, 1..16.

    Returns
    -------
    float32 (3, 16, 224, 224), channel first, C-contiguous.

    Examples
    --------
    >>> clip = np.full((16, 224, 224, 3), 29, np.uint8)
    >>> values = normalise(clip, used=3)
    >>> values.shape, round(float(values[0, 2, 0, 0]), 6), float(values[0, 3, 0, 0])
    ((3, 16, 224, 224), -0.002305, 0.0)
    """
    values = np.zeros((3, *frames.shape[:3]), np.float32)
    for channel in range(3):
        real = values[channel, :used]
        np.subtract(frames[:used, ..., channel], np.float32(MEAN[channel]), out=real)
        np.divide(real, np.float32(STD[channel]), out=real)
    return values
