"""The fan of beams: where its samples lie, the speckle in it, and its way onto the screen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]

DEPTH = 16.0
"""Depth of the picture in cm."""
NEAR = 0.7
"""Where beams begin, in cm from the centre of the probe's curve."""
HALF_ANGLE = math.radians(43)
SAMPLES, BEAMS = 248, 152
SHIFTS = 24
"""Speckle reaches this many samples further than the fan on every side, so that it can move."""


@dataclass(frozen=True)
class Fan:
    """Positions of the samples (SAMPLES x BEAMS), in cm."""

    x: Field
    y: Field
    depth: Field
    angle: Field


@lru_cache(maxsize=1)
def fan() -> Fan:
    """The fan's samples: depth down the rows, angle along the columns."""
    depth = np.linspace(NEAR, DEPTH, SAMPLES)[:, None] * np.ones((1, BEAMS))
    angle = np.linspace(-HALF_ANGLE, HALF_ANGLE, BEAMS)[None, :] * np.ones((SAMPLES, 1))
    return Fan(depth * np.sin(angle), depth * np.cos(angle), depth, angle)


def draw_speckle(rng: np.random.Generator) -> Field:
    """Fully developed speckle in dB around 0, as a scanner's narrow pulse and wide beam make it.

    Returns
    -------
    Array (SAMPLES + 2 SHIFTS, BEAMS + 2 SHIFTS), in dB, -18..7: short along the beam, broad across it.
    """
    shape = (SAMPLES + 2 * SHIFTS, BEAMS + 2 * SHIFTS)
    real, imaginary = (_smooth(_smooth(rng.standard_normal(shape), 0, 0.9), 1, 1.5) for _ in range(2))
    power = real * real + imaginary * imaginary
    decibels: Field = np.clip(10 * np.log10(power / power.mean() + 1e-6), -18.0, 7.0)
    return decibels


def draw_clouds(rng: np.random.Generator) -> Field:
    """Slow variation of tissue brightness over the fan (SAMPLES x BEAMS), about -3..3 dB."""
    coarse = rng.standard_normal((9, 7))
    rows, columns = np.linspace(0, 7.999, SAMPLES)[:, None], np.linspace(0, 5.999, BEAMS)[None, :]
    return 1.6 * _between(coarse, rows + 0 * columns, columns + 0 * rows)


def moved_speckle(texture: Field, x: Field, y: Field) -> Field:
    """Speckle of the tissue that came from (x, y), in cm; both SAMPLES x BEAMS."""
    depth, angle = np.sqrt(x * x + y * y), np.arctan2(x, y)
    rows = (depth - NEAR) * ((SAMPLES - 1) / (DEPTH - NEAR)) + SHIFTS
    columns = (angle + HALF_ANGLE) * ((BEAMS - 1) / (2 * HALF_ANGLE)) + SHIFTS
    rows = np.clip(rows, 0, texture.shape[0] - 1.001)
    columns = np.clip(columns, 0, texture.shape[1] - 1.001)
    return _between(texture, rows, columns)


def spread_beam(echo: Field) -> Field:
    """What a beam makes of the echoes: surfaces that it meets head on are bright, and points become arcs.

    Parameters
    ----------
    echo
        Echo strength in dB (SAMPLES x BEAMS).
    """
    rise = np.zeros_like(echo)
    rise[1:-1] = echo[2:] - echo[:-2]
    bright = echo + np.clip(0.38 * rise, -2.0, 9.0)
    wide = bright.copy()
    wide[:, 1:] = np.maximum(wide[:, 1:], bright[:, :-1] - 3.0)
    wide[:, :-1] = np.maximum(wide[:, :-1], bright[:, 1:] - 3.0)
    return wide


@dataclass(frozen=True)
class Screen:
    """Where the fan's samples go on a screen: for each lit pixel, four samples and their parts."""

    pixels: NDArray[np.intp]
    corners: tuple[NDArray[np.intp], ...]
    parts: tuple[Field, ...]
    rows: int
    columns: int
    top: float
    scale: float

    def show(self, values: Field) -> Field:
        """Fan values (SAMPLES x BEAMS) on the screen (rows x columns); 0 outside the fan."""
        flat = values.ravel()
        shown = sum(flat[corner] * part for corner, part in zip(self.corners, self.parts, strict=True))
        picture = np.zeros(self.rows * self.columns)
        picture[self.pixels] = shown
        return picture.reshape(self.rows, self.columns)

    def pixel(self, x: float, y: float) -> tuple[int, int]:
        """(column, row) of a point in cm."""
        return round(self.columns / 2 + x * self.scale), round(self.top + y * self.scale)


@lru_cache(maxsize=4)
def screen(rows: int, columns: int) -> Screen:
    """The screen of a size: the probe at its top centre, 16 cm down to a margin for the ECG."""
    top = rows * 0.02
    scale = rows * 0.895 / DEPTH
    row, column = np.mgrid[0:rows, 0:columns]
    x, y = (column - columns / 2) / scale, (row - top) / scale
    depth, angle = np.sqrt(x * x + y * y), np.arctan2(x, y)
    inside = (depth >= NEAR) & (depth <= DEPTH) & (np.abs(angle) <= HALF_ANGLE)
    down = (depth[inside] - NEAR) * ((SAMPLES - 1) / (DEPTH - NEAR))
    along = (angle[inside] + HALF_ANGLE) * ((BEAMS - 1) / (2 * HALF_ANGLE))
    down, along = np.clip(down, 0, SAMPLES - 1.001), np.clip(along, 0, BEAMS - 1.001)
    low, left = down.astype(np.intp), along.astype(np.intp)
    a, b = down - low, along - left
    first = low * BEAMS + left
    corners = (first, first + 1, first + BEAMS, first + BEAMS + 1)
    parts = ((1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b)
    return Screen(np.flatnonzero(inside), corners, parts, rows, columns, top, scale)


def _smooth(values: Field, axis: int, sigma: float) -> Field:
    """Gaussian blur along one axis by a sum of shifted copies, in one fixed order."""
    reach = math.ceil(3 * sigma)
    total = np.zeros_like(values)
    for step in range(-reach, reach + 1):
        total += math.exp(-0.5 * (step / sigma) ** 2) * np.roll(values, step, axis=axis)
    return total


def _between(texture: Field, rows: Field, columns: Field) -> Field:
    """Bilinear look-up."""
    low, left = rows.astype(np.intp), columns.astype(np.intp)
    a, b = rows - low, columns - left
    flat, width = texture.ravel(), texture.shape[1]
    first = low * width + left
    upper = flat[first] * (1 - b) + flat[first + 1] * b
    lower = flat[first + width] * (1 - b) + flat[first + width + 1] * b
    found: Field = upper * (1 - a) + lower * a
    return found
