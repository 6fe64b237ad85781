"""Colour Doppler over a grey loop: a box, and in it blood that comes to the probe (red) or goes (blue)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from echoprime.demonstration.anatomy import ColourBox, View
from echoprime.demonstration.chambers import Moment
from echoprime.demonstration.shapes import Axis, stroke
from echoprime.demonstration.speckle import Fan, Field, Screen

OUTLINE = (190, 205, 190)


def velocity(fan: Fan, blood: Field, axis: Axis, now: Moment, plane: View, texture: Field) -> Field:
    """Blood's speed toward the probe over the fan, -1..1, 0 where no colour is shown.

    Parameters
    ----------
    fan, blood
        The samples and how much of each is blood, 0..1.
    axis, now, plane
        The left ventricle, the moment of the beat, and the view.
    texture
        Speckle in dB (SAMPLES x BEAMS): makes the edges of the colour ragged, as on a scanner.
    """
    u, v = axis.local(fan.x, fan.y)
    base = 0.0 if plane.short_axis else now.length
    start, stop = ((across, base + along) for across, along in plane.flow)
    inflow = np.exp(-((stroke(u, v, start, stop, 0.0) / 1.1) ** 2))
    speed = 0.95 * now.mitral * inflow
    outflow = np.exp(-((stroke(u, v, (-0.6, base - 2.5), (-1.1, base + 1.0), 0.0) / 0.9) ** 2))
    speed = speed - 0.75 * now.aortic * outflow * (v < base)
    if now.heart.mitral_leak and not plane.short_axis:
        wide = 0.35 + 0.1 * np.maximum(v - base, 0.0)
        jet = np.exp(-((stroke(u, v, (0.1, base), (0.5, base + 3.4), 0.0) / wide) ** 2))
        speed = speed - 1.25 * now.aortic * jet * (v > base - 0.2)
    ragged = speed * (1 + 0.03 * texture)
    return np.where((np.abs(ragged) > 0.2) & (blood > 0.6), np.clip(ragged, -1.0, 1.0), 0.0)


def within(fan: Fan, box: ColourBox) -> NDArray[np.bool_]:
    """Samples of the fan that lie in the box."""
    angle = np.degrees(fan.angle)
    return (fan.depth > box.near) & (fan.depth < box.far) & (angle > box.left) & (angle < box.right)


def tint(grey: Field, speed: Field) -> NDArray[np.uint8]:
    """Grey (rows x columns, 0..255) with colour where the speed is not 0: uint8 (rows, columns, 3), RGB."""
    level = np.rint(np.clip(grey, 0, 255)).astype(np.uint8)
    picture = np.repeat(level[..., None], 3, axis=-1)
    shown = np.abs(speed) > 0.12
    strong = np.clip(np.abs(speed[shown]), 0.0, 1.0)
    main, middle, other = 150 + 105 * strong, 225 * strong**2, 20 * strong
    toward = speed[shown] > 0
    tinted = np.stack([np.where(toward, main, other), middle, np.where(toward, other, main)], axis=-1)
    picture[shown] = np.rint(tinted).astype(np.uint8)
    return picture


def outline(box: ColourBox, screen: Screen) -> list[tuple[int, int]]:
    """The box's border as points (column, row) on the screen."""
    across = [box.left + (box.right - box.left) * step / 24 for step in range(25)]
    points = [(box.far, degrees) for degrees in across] + [
        (box.near, degrees) for degrees in reversed(across)
    ]
    return [
        screen.pixel(depth * math.sin(math.radians(degrees)), depth * math.cos(math.radians(degrees)))
        for depth, degrees in points
    ]


def scale_bar(height: int) -> NDArray[np.uint8]:
    """The colour scale beside the picture: uint8 (height, 8, 3), RGB, fastest toward the probe on top."""
    speed = np.linspace(1.0, -1.0, height)[:, None] * np.ones((1, 8))
    return tint(np.zeros((height, 8)), np.where(np.abs(speed) < 0.13, 0.0, speed))
