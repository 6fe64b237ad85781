"""Parts of the heart that several views share: ventricles, atria, valves, the aortic root."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from echoprime.demonstration import heart as beats
from echoprime.demonstration.heart import Heart
from echoprime.demonstration.shapes import BASE_WIDTH, Axis, Field, Scene, bullet, ellipse, stroke

BLOOD, MUSCLE, THIN_WALL, VALVE, PERICARDIUM = -51.0, -26.0, -24.0, -12.0, -15.0
"""Echo strengths in dB below the strongest."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A heart at one part of its beat."""

    heart: Heart
    phase: float

    @property
    def radius(self) -> float:
        """Largest inner radius of the left ventricle, in cm."""
        return self.heart.radius * self.heart.radial(self.phase)

    @property
    def length(self) -> float:
        """Inner length of the left ventricle, in cm."""
        return self.heart.length * self.heart.longitudinal(self.phase)

    @property
    def wall(self) -> float:
        """Thickness of its wall, in cm: the muscle keeps its volume while the cavity shrinks."""
        relaxed = self.heart.radius + self.heart.wall
        muscle = (relaxed**2 - self.heart.radius**2) * self.heart.length
        return float(np.sqrt(self.radius**2 + muscle / self.length)) - self.radius

    @property
    def mitral(self) -> float:
        """Opening of mitral and tricuspid valve, 0..1."""
        return beats.mitral_opening(self.phase)

    @property
    def aortic(self) -> float:
        """Opening of the aortic valve, 0..1."""
        return beats.aortic_opening(self.phase)

    @property
    def right_shortening(self) -> float:
        """Factor of the right ventricle's size."""
        return 1 - 0.2 * self.heart.right_function * beats.contraction(self.phase)


def left_ventricle(scene: Scene, axis: Axis, now: Moment) -> None:
    """Pericardium, fluid if there is any, muscle and cavity; the long axis in the plane."""
    u, v = axis.local(scene.x, scene.y)
    wall, apex = now.wall, now.wall * 0.75
    outline = (u, v + apex, now.radius + wall, now.length + apex)
    scene.paint(bullet(*outline, around=now.heart.effusion + 0.16), PERICARDIUM, edge=0.2)
    if now.heart.effusion:
        scene.paint(bullet(*outline, around=now.heart.effusion), BLOOD, blood=1.0)
    scene.paint(bullet(*outline), MUSCLE)
    scene.paint(bullet(u, v, now.radius, now.length), BLOOD, blood=1.0, edge=0.2)


def cavity_distance(scene: Scene, axis: Axis, now: Moment) -> Field:
    """Distance to the left ventricle's cavity, for the colour box."""
    u, v = axis.local(scene.x, scene.y)
    return bullet(u, v, now.radius, now.length)


def right_ventricle(
    scene: Scene, axis: Axis, now: Moment, *, radius: float = 1.7, length: float = 6.6
) -> float:
    """The thin-walled ventricle with its long axis in the plane; returns its length now."""
    u, v = axis.local(scene.x, scene.y)
    short = now.right_shortening
    radius, length = radius * now.heart.right_ventricle * (0.5 + 0.5 * short), length * short
    outline = (u, v + 0.35, radius + 0.35, length + 0.35)
    scene.paint(bullet(*outline, around=now.heart.effusion + 0.14), PERICARDIUM - 3, edge=0.2)
    if now.heart.effusion:
        scene.paint(bullet(*outline, around=now.heart.effusion), BLOOD, blood=1.0)
    scene.paint(bullet(*outline), MUSCLE + 1)
    scene.paint(bullet(u, v, radius, length), BLOOD, blood=1.0, edge=0.2)
    moderator = stroke(u, v, (-radius * 0.9, length * 0.45), (radius * 0.6, length * 0.3), 0.14)
    scene.paint(moderator, MUSCLE)
    return length


def atrium(
    scene: Scene, axis: Axis, *, across: float, base: float, back: float, width: float, wall: float = 0.22
) -> None:
    """A thin-walled atrium between the valve's plane (v = base) and its back wall, in cm along the axis."""
    u, v = axis.local(scene.x, scene.y)
    middle, half = (base + back) / 2, (back - base) / 2 + 0.12
    scene.paint(ellipse(u, v, (across, middle), (width + wall, half + wall)), THIN_WALL, edge=0.2)
    inside = ellipse(u, v, (across, middle), (width, half))
    scene.paint(np.maximum(inside, base - v), BLOOD + 2, blood=1.0, edge=0.2)


def inflow_valve(
    scene: Scene, axis: Axis, opening: float, *, base: float, left: float, right: float, leaflet: float = 0.0
) -> None:
    """Two leaflets hinged on the ring, at (left, base) and (right, base): shut they meet, open they part."""
    u, v = axis.local(scene.x, scene.y)
    width = right - left
    long_left, long_right = (0.62, 0.46) if leaflet >= 0 else (0.46, 0.62)
    for hinge, side, part in ((left, 1.0, long_left), (right, -1.0, long_right)):
        length = part * width
        shut = (hinge + side * length * 0.94, base - 0.28 * length)
        open_ = (hinge + side * length * 0.16, base - 0.95 * length)
        tip = (shut[0] + opening * (open_[0] - shut[0]), shut[1] + opening * (open_[1] - shut[1]))
        middle = (
            (hinge + tip[0]) / 2 + side * 0.12 * length * opening,
            (base + tip[1]) / 2 + 0.06 * length * (1 - opening),
        )
        scene.paint(stroke(u, v, (hinge, base), middle, 0.09), VALVE, edge=0.14)
        scene.paint(stroke(u, v, middle, tip, 0.09), VALVE, edge=0.14)
        scene.paint(stroke(u, v, (hinge, base), (hinge, base + 0.02), 0.18), VALVE + 3, edge=0.14)


def mitral_valve(scene: Scene, axis: Axis, now: Moment, *, leaflet: float = 0.0) -> None:
    """The left ventricle's inlet, on the ring at its base."""
    ring = now.radius * BASE_WIDTH
    inflow_valve(scene, axis, now.mitral, base=now.length, left=-ring, right=ring, leaflet=leaflet)


def aortic_root(
    scene: Scene,
    axis: Axis,
    now: Moment,
    *,
    start: tuple[float, float],
    stop: tuple[float, float],
    half: float,
) -> None:
    """A vessel with bright parallel walls leaving the ventricle, its valve near the start."""
    u, v = axis.local(scene.x, scene.y)
    du, dv = stop[0] - start[0], stop[1] - start[1]
    length = float(np.sqrt(du * du + dv * dv))
    du, dv = du / length, dv / length
    along = (u - start[0]) * du + (v - start[1]) * dv
    across = np.abs((u - start[0]) * dv - (v - start[1]) * du)
    sinus = 0.22 * np.exp(-(((along - 1.2) / 0.6) ** 2))
    tube = across - half - sinus
    scene.paint(np.maximum(tube - 0.2, np.maximum(0.15 - along, along - length)), THIN_WALL + 5, edge=0.16)
    scene.paint(np.maximum(tube, np.maximum(-0.3 - along, along - length)), BLOOD, blood=1.0, edge=0.16)
    root = (start[0] + 0.45 * du, start[1] + 0.45 * dv)
    for side in (-1.0, 1.0):
        hinge = (root[0] - side * dv * half, root[1] + side * du * half)
        apart = half * (0.05 + 0.8 * now.aortic)
        tip = (root[0] + 0.9 * du - side * dv * apart, root[1] + 0.9 * dv + side * du * apart)
        scene.paint(stroke(u, v, hinge, tip, 0.07), VALVE, edge=0.14)
