"""Shapes as signed distances in cm (negative inside), and a scene that they are painted into.

A scene holds, for every point of the fan of beams, how strongly it echoes (in dB below the strongest echo)
and how much of it is blood.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A frame of reference along a chamber: origin at its tip, v from the tip to the base, u across.

    Parameters
    ----------
    x, y
        The tip, in cm from the probe: x to the right of the picture, y downwards.
    degrees
        Direction of v: 0 is straight down, positive turns to the right.
    """

    x: float
    y: float
    degrees: float

    def local(self, x: Field, y: Field) -> tuple[Field, Field]:
        """(u, v) of points (x, y), all in cm."""
        sine, cosine = math.sin(math.radians(self.degrees)), math.cos(math.radians(self.degrees))
        return (x - self.x) * cosine - (y - self.y) * sine, (x - self.x) * sine + (y - self.y) * cosine


class Scene:
    """Echo strength and blood over a fan of points; later paint covers earlier paint.

    Parameters
    ----------
    x, y
        Positions of the points in cm, of equal shape.
    echo
        Echo strength to start with, in dB (0 strongest, -60 black), of the same shape.
    """

    def __init__(self, x: Field, y: Field, echo: Field) -> None:
        self.x, self.y = x, y
        self.echo = echo.copy()
        self.blood = np.zeros_like(echo)

    def paint(self, distance: Field, level: float, *, blood: float = 0.0, edge: float = 0.12) -> None:
        """Cover what lies inside a shape; `edge` is the width in cm over which it fades."""
        cover = np.clip(0.5 - distance / edge, 0.0, 1.0)
        self.echo += cover * (level - self.echo)
        self.blood += cover * (blood - self.blood)


def ellipse(u: Field, v: Field, centre: tuple[float, float], half: tuple[float, float]) -> Field:
    """Distance to an ellipse along the axes, true to first order near its edge.

    Examples
    --------
    >>> u, v = np.array([0.0, 2.0, 3.0]), np.zeros(3)
    >>> ellipse(u, v, (0.0, 0.0), (2.0, 1.0)).round(2).tolist()[1:]
    [0.0, 0.83]
    """
    across, along = (u - centre[0]) / half[0], (v - centre[1]) / half[1]
    square = across * across + along * along
    slope = np.sqrt((across / half[0]) ** 2 + (along / half[1]) ** 2) * 2 + 1e-9
    return (square - 1) / slope


def bullet(u: Field, v: Field, radius: float, length: float, *, around: float = 0.0) -> Field:
    """Distance to a ventricle's outline: an ellipse from the tip (v = 0), cut straight at the base.

    `around` widens it by so many cm everywhere but at the base.
    """
    middle = BULLET_MIDDLE * length
    return np.maximum(ellipse(u, v, (0.0, middle), (radius, middle)) - around, v - length)


BULLET_MIDDLE = 0.62
"""Where a bullet is widest, as a part of its length."""
BASE_WIDTH = math.sqrt(1 - ((1 - BULLET_MIDDLE) / BULLET_MIDDLE) ** 2)
"""Half width of a bullet at its base, as a part of its largest."""


def stroke(u: Field, v: Field, start: tuple[float, float], stop: tuple[float, float], half: float) -> Field:
    """Distance to a thick line with round ends: a leaflet, a vessel's wall, a vessel.

    Examples
    --------
    >>> stroke(np.array([0.5]), np.array([1.0]), (0.0, 0.0), (1.0, 0.0), 0.25).tolist()
    [0.75]
    """
    du, dv = stop[0] - start[0], stop[1] - start[1]
    part = np.clip(((u - start[0]) * du + (v - start[1]) * dv) / (du * du + dv * dv + 1e-12), 0.0, 1.0)
    return np.sqrt((u - start[0] - part * du) ** 2 + (v - start[1] - part * dv) ** 2) - half
