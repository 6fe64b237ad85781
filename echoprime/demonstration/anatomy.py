"""What each view shows: the eleven views of the classifier, ten of them drawn, as scenes of simple shapes.

Orientation is the usual one: probe at the top; apical views with the left ventricle on the right side of the
picture; parasternal long axis with the aorta to the right; short axis as seen from the apex.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from echoprime.demonstration import chambers
from echoprime.demonstration.chambers import BLOOD, MUSCLE, PERICARDIUM, THIN_WALL, VALVE, Moment
from echoprime.demonstration.heart import Heart, contraction
from echoprime.demonstration.shapes import BASE_WIDTH, Axis, Scene, ellipse, stroke

LIVER = -27.0


@dataclass(frozen=True, kw_only=True)
class ColourBox:
    """Where colour is looked for: a piece of the fan, and a jet along the axis of the ventricle.

    Parameters
    ----------
    near, far
        Depth in cm.
    left, right
        Angles in degrees from straight down.
    """

    near: float
    far: float
    left: float
    right: float


@dataclass(frozen=True, kw_only=True)
class View:
    """One view: how the left ventricle lies in it, what is painted, and where colour is looked for.

    `flow` is where blood streams in early diastole: from and to, as (u, v) about the ventricle's base.
    """

    ventricle: Axis
    paint: Callable[[Scene, Axis, Moment], None]
    colour: ColourBox
    flow: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 1.5), (0.1, -4.0))
    short_axis: bool = False
    has_ventricle: bool = True

    def axis(self, heart: Heart) -> Axis:
        """The ventricle's axis as this heart was held under the probe."""
        return Axis(
            x=self.ventricle.x + heart.shift_x,
            y=self.ventricle.y + heart.shift_y,
            degrees=self.ventricle.degrees + heart.tilt,
        )


def _beside(axis: Axis, u: float, v: float, turn: float) -> Axis:
    """Another axis, given in the frame of this one."""
    sine, cosine = np.sin(np.radians(axis.degrees)), np.cos(np.radians(axis.degrees))
    x, y = axis.x + u * cosine + v * sine, axis.y - u * sine + v * cosine
    return Axis(x=float(x), y=float(y), degrees=axis.degrees + turn)


def _left_side(scene: Scene, axis: Axis, now: Moment, *, leaflet: float, atrium: bool = True) -> None:
    """Left atrium, left ventricle and the valve between them, in an apical plane."""
    size = now.heart.left_atrium
    back = now.heart.length + 4.1 * (0.55 + 0.45 * size)
    if atrium:
        chambers.atrium(scene, axis, across=0.1, base=now.length, back=back, width=2.0 * size)
    chambers.left_ventricle(scene, axis, now)
    chambers.mitral_valve(scene, axis, now, leaflet=leaflet)


def four_chamber(scene: Scene, axis: Axis, now: Moment) -> None:
    """A4C: both ventricles, both atria; the tricuspid ring a little nearer to the apex than the mitral."""
    size = now.heart.right_ventricle
    right = _beside(axis, -3.45 - 0.75 * size, 1.5, -13.0)
    across = 1.55 * now.heart.right_atrium
    length = 6.6 * now.right_shortening
    chambers.atrium(
        scene, right, across=0.35, base=length, back=6.6 + 3.7 * now.heart.right_atrium, width=across
    )
    chambers.right_ventricle(scene, right, now)
    ring = 1.7 * size * BASE_WIDTH
    _left_side(scene, axis, now, leaflet=1.0)
    chambers.inflow_valve(scene, right, now.mitral, base=length, left=-ring, right=ring, leaflet=-1.0)


def five_chamber(scene: Scene, axis: Axis, now: Moment) -> None:
    """A5C: as A4C, with the outflow tract and aortic root opening between the atria."""
    four_chamber(scene, axis, now)
    start, stop = (-1.3, now.length - 0.25), (-1.75, now.length + 3.4)
    chambers.aortic_root(scene, axis, now, start=start, stop=stop, half=0.95)


def two_chamber(scene: Scene, axis: Axis, now: Moment) -> None:
    """A2C: left ventricle and atrium alone, the appendage to the right, the coronary sinus to the left."""
    u, v = axis.local(scene.x, scene.y)
    scene.paint(ellipse(u, v, (2.7, now.length + 0.9), (0.9, 0.65)), THIN_WALL)
    scene.paint(ellipse(u, v, (2.6, now.length + 0.9), (0.7, 0.45)), BLOOD, blood=1.0)
    _left_side(scene, axis, now, leaflet=-1.0)
    scene.paint(ellipse(u, v, (-2.55, now.length + 0.35), (0.5, 0.5)), VALVE - 4)
    scene.paint(ellipse(u, v, (-2.55, now.length + 0.35), (0.3, 0.3)), BLOOD, blood=1.0)


def three_chamber(scene: Scene, axis: Axis, now: Moment) -> None:
    """A3C: left ventricle and atrium, the aortic root leaving to the right, a rim of right ventricle."""
    u, v = axis.local(scene.x, scene.y)
    scene.paint(ellipse(u, v, (4.3, 4.9), (1.5, 2.6)), MUSCLE)
    scene.paint(ellipse(u, v, (4.3, 4.9), (1.15, 2.2 * now.right_shortening)), BLOOD, blood=1.0)
    size = now.heart.left_atrium
    back = now.heart.length + 3.7 * (0.55 + 0.45 * size)
    chambers.atrium(scene, axis, across=-1.0, base=now.length, back=back, width=1.6 * size)
    chambers.left_ventricle(scene, axis, now)
    start, stop = (1.05, now.length - 0.15), (2.3, now.length + 4.2)
    chambers.aortic_root(scene, axis, now, start=start, stop=stop, half=1.0)
    ring = now.radius * BASE_WIDTH
    chambers.inflow_valve(scene, axis, now.mitral, base=now.length, left=-ring, right=0.25, leaflet=-1.0)


def parasternal_long(scene: Scene, axis: Axis, now: Moment) -> None:
    """The long axis lying: right ventricle on top, aortic root and left atrium to the right."""
    u, v = axis.local(scene.x, scene.y)
    wide = 0.95 * now.heart.right_ventricle * now.right_shortening
    scene.paint(ellipse(u, v, (4.0 + wide, 4.6), (wide + 0.4, 3.9)), MUSCLE + 3)
    scene.paint(ellipse(u, v, (4.0 + wide, 4.6), (wide, 3.5)), BLOOD, blood=1.0)
    size = now.heart.left_atrium
    back = now.heart.length + 3.9 * (0.6 + 0.4 * size)
    chambers.atrium(scene, axis, across=-1.15, base=now.length, back=back, width=1.75 * size)
    scene.paint(ellipse(u, v, (-1.9 - 2.6 * size, now.heart.length + 1.6), (1.25, 1.25)), THIN_WALL)
    scene.paint(ellipse(u, v, (-1.9 - 2.6 * size, now.heart.length + 1.6), (1.02, 1.02)), BLOOD, blood=1.0)
    chambers.left_ventricle(scene, axis, now)
    start, stop = (1.2, now.length - 0.2), (1.9, now.length + 5.6)
    chambers.aortic_root(scene, axis, now, start=start, stop=stop, half=1.25)
    ring = now.radius * BASE_WIDTH
    chambers.inflow_valve(scene, axis, now.mitral, base=now.length, left=-ring, right=0.1, leaflet=-1.0)


def parasternal_short(scene: Scene, axis: Axis, now: Moment) -> None:
    """The left ventricle as a ring with its papillary muscles, the right one a crescent at the upper left."""
    u, v = axis.local(scene.x, scene.y)
    wall, radius = now.wall, now.radius
    outside = ellipse(u, v, (0.0, 0.0), (radius + wall, radius + wall))
    size = now.heart.right_ventricle
    reach = (2.5 * size * now.right_shortening, 3.0 * size)
    across = (-2.2, -1.3)
    scene.paint(ellipse(u, v, across, (reach[0] + 0.4, reach[1] + 0.4)), MUSCLE + 3)
    scene.paint(ellipse(u, v, across, reach), BLOOD, blood=1.0)
    scene.paint(outside - now.heart.effusion - 0.16, PERICARDIUM, edge=0.2)
    if now.heart.effusion:
        scene.paint(outside - now.heart.effusion, BLOOD, blood=1.0)
    scene.paint(outside, MUSCLE)
    scene.paint(ellipse(u, v, (0.0, 0.0), (radius, radius)), BLOOD, blood=1.0, edge=0.2)
    for degrees in (38.0, 148.0):
        along, down = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        place = (float(along) * radius * 0.86, float(down) * radius * 0.86)
        scene.paint(ellipse(u, v, place, (0.42, 0.42)), MUSCLE + 3)


def subcostal(scene: Scene, axis: Axis, now: Moment) -> None:
    """Four chambers lying under the liver, the right side next to it."""
    x, y = scene.x, scene.y
    top = 4.6 + 0.12 * x
    scene.paint(y - top, LIVER, edge=0.4)
    scene.paint(ellipse(x, y, (-2.2, 2.7), (1.1, 0.3)), BLOOD + 8, blood=0.6)
    scene.paint(np.abs(y - top) - 0.12, PERICARDIUM - 4, edge=0.2)
    size = now.heart.right_ventricle
    right = _beside(axis, -3.3 - 0.6 * size, 1.6, -9.0)
    length = 6.0 * now.right_shortening
    chambers.atrium(
        scene,
        right,
        across=0.2,
        base=length,
        back=6.0 + 3.6 * now.heart.right_atrium,
        width=1.5 * now.heart.right_atrium,
    )
    chambers.right_ventricle(scene, right, now, radius=1.35, length=6.0)
    _left_side(scene, axis, now, leaflet=1.0)
    ring = 1.35 * size * BASE_WIDTH
    chambers.inflow_valve(scene, right, now.mitral, base=length, left=-ring, right=ring, leaflet=-1.0)


def suprasternal(scene: Scene, axis: Axis, now: Moment) -> None:
    """SSN: the aortic arch with its three branches; it widens with the volume that the ventricle ejects."""
    u, v = axis.local(scene.x, scene.y)
    stroke_part = now.heart.ejection_fraction / 100 * contraction(now.phase - 0.04)
    half, bend = 1.15 * (1 + 0.32 * stroke_part), 3.3
    ring = np.abs(np.sqrt(u * u + v * v) - bend) - half
    legs = np.minimum(np.abs(u + bend) - half, np.abs(u - bend) - half)
    arch = np.where(v < 0, ring, legs)
    branches = [stroke(u, v, (across, -2.4), (across * 1.35, -6.5), 0.42) for across in (-1.5, -0.1, 1.3)]
    for branch in branches:
        scene.paint(branch - 0.2, THIN_WALL)
    scene.paint(arch - 0.25, THIN_WALL + 6)
    for branch in branches:
        scene.paint(branch, BLOOD, blood=1.0)
    scene.paint(arch, BLOOD, blood=1.0)
    scene.paint(ellipse(u, v, (0.0, 0.3), (1.35, 1.05)), THIN_WALL + 2)
    scene.paint(ellipse(u, v, (0.0, 0.3), (1.1, 0.8)), BLOOD, blood=1.0)
    scene.paint(ellipse(u, v, (0.0, 3.9), (1.7 * now.heart.left_atrium, 1.5)), THIN_WALL)
    scene.paint(ellipse(u, v, (0.0, 3.9), (1.45 * now.heart.left_atrium, 1.25)), BLOOD, blood=1.0)


APICAL = Axis(x=1.15, y=2.2, degrees=9.0)
LYING = Axis(x=-6.1, y=8.3, degrees=98.0)
VIEWS: dict[str, View] = {
    "A2C": View(
        ventricle=Axis(x=0.0, y=2.2, degrees=0.0),
        paint=two_chamber,
        colour=ColourBox(near=6.5, far=14.5, left=-16, right=16),
    ),
    "A3C": View(
        ventricle=Axis(x=-0.9, y=2.2, degrees=-4.0),
        paint=three_chamber,
        colour=ColourBox(near=6.5, far=14.5, left=-20, right=14),
    ),
    "A4C": View(
        ventricle=APICAL, paint=four_chamber, colour=ColourBox(near=6.0, far=14.5, left=-2, right=30)
    ),
    "A5C": View(
        ventricle=APICAL, paint=five_chamber, colour=ColourBox(near=6.0, far=14.5, left=-10, right=22)
    ),
    "Parasternal_Long": View(
        ventricle=LYING, paint=parasternal_long, colour=ColourBox(near=4.0, far=11.5, left=-12, right=38)
    ),
    "Parasternal_Short": View(
        ventricle=Axis(x=0.9, y=7.4, degrees=0.0),
        paint=parasternal_short,
        colour=ColourBox(near=3.5, far=9.5, left=-36, right=16),
        flow=((-4.2, -0.6), (-1.8, -3.4)),
        short_axis=True,
    ),
    "SSN": View(
        ventricle=Axis(x=0.0, y=7.7, degrees=0.0),
        paint=suprasternal,
        colour=ColourBox(near=3.0, far=12.0, left=-34, right=34),
        has_ventricle=False,
    ),
    "Subcostal": View(
        ventricle=Axis(x=6.3, y=9.2, degrees=-76.0),
        paint=subcostal,
        colour=ColourBox(near=6.0, far=13.0, left=-38, right=5),
    ),
}
"""Views without colour. The Doppler views of the classifier are these with a colour box."""
