"""Drawn ultrasound loops: a beating left ventricle of known ejection fraction, seen from one of the views.

Nobody was examined and nothing was copied: shapes, speckle and overlays come out of a seed. As with a
phantom made of gel, all hearts are of one material: the speckle depends on the view, not on the heart.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from echoprime.demonstration import colour, overlay
from echoprime.demonstration.anatomy import VIEWS, View
from echoprime.demonstration.chambers import Moment
from echoprime.demonstration.heart import LONG_SHARE, RADIAL_SHARE, Heart, draw_heart
from echoprime.demonstration.shapes import Axis, Scene, bullet
from echoprime.demonstration.speckle import (
    BEAMS,
    NEAR,
    SAMPLES,
    SHIFTS,
    Field,
    draw_clouds,
    draw_speckle,
    fan,
    moved_speckle,
    screen,
    spread_beam,
)

DOPPLER = {
    "Apical_Doppler": "A4C",
    "Doppler_Parasternal_Long": "Parasternal_Long",
    "Doppler_Parasternal_Short": "Parasternal_Short",
}
"""Views that are another one with colour."""
DRAWN_VIEWS = tuple(sorted([*VIEWS, *DOPPLER]))
"""Every view that can be drawn: the eleven of the view classifier."""
REVISION = 1
"""Raised when a loop of the same seed comes out as other pictures."""
FRAME_TIME = 33.333
"""Milliseconds from frame to frame."""
TISSUE = -37.0
GAIN = 3.0
"""dB that the picture is lifted by."""
FLOOR = 54.0
"""Echoes this many dB below the strongest are black."""


def draw_loop(
    view: str,
    ejection_fraction: float,
    *,
    seed: int,
    frames: int = 40,
    rows: int = 300,
    columns: int = 400,
    colour_doppler: bool = False,
    take: int = 0,
) -> NDArray[np.uint8]:
    """Draw one loop.

    Parameters
    ----------
    view
        One of `DRAWN_VIEWS`.
    ejection_fraction
        In %, 5..85.
    seed
        Which heart: loops of one seed show the same heart from several sides.
    frames, rows, columns
        Size of the loop; a beat takes 27 to 29 frames and begins with the first.
    colour_doppler
        Lays colour over the view; the Doppler views have it anyway.
    take
        Which of several loops of the same view: another place in the material, so other speckle.

    Returns
    -------
    uint8 (frames, rows, columns, 3), RGB.

    Examples
    --------
    >>> draw_loop("A4C", 55, seed=1, frames=2).shape
    (2, 300, 400, 3)
    """
    return draw_heart_loop(
        draw_heart(ejection_fraction, seed),
        view,
        take=take,
        frames=frames,
        rows=rows,
        columns=columns,
        colour_doppler=colour_doppler,
    )


def draw_heart_loop(
    heart: Heart,
    view: str,
    *,
    take: int = 0,
    frames: int = 40,
    rows: int = 300,
    columns: int = 400,
    colour_doppler: bool = False,
) -> NDArray[np.uint8]:
    """Draw one loop of a given heart; see `draw_loop`."""
    plane = VIEWS[DOPPLER.get(view, view)]
    coloured = colour_doppler or view in DOPPLER
    rng = np.random.Generator(np.random.PCG64([take, DRAWN_VIEWS.index(view), 21]))
    texture, flow, clouds = draw_speckle(rng), draw_speckle(rng), draw_clouds(rng)
    samples, shown, axis = fan(), screen(rows, columns), plane.axis(heart)
    chest_wall = 13.0 * np.exp(-(samples.depth - NEAR) / 0.7)
    backdrop = TISSUE + clouds + chest_wall - 0.45 * np.abs(samples.depth - 7.0) - 6.0 * samples.angle**2
    points = overlay.trace(shown, heart.beat, frames)
    loop = np.zeros((frames, rows, columns, 3), np.uint8)
    for index in range(frames):
        now = Moment(heart=heart, phase=(index / heart.beat) % 1.0)
        scene = Scene(samples.x, samples.y, backdrop)
        plane.paint(scene, axis, now)
        grey = shown.show(_brightness(scene, axis, now, plane, texture, flow, index))
        speed = np.zeros_like(grey)
        if coloured:
            ragged = _windowed(flow, index)
            moving = colour.velocity(samples, scene.blood, axis, now, plane, ragged)
            speed = shown.show(np.where(colour.within(samples, plane.colour), moving, 0.0))
        picture = colour.tint(grey, speed)
        if coloured:
            border = np.array(colour.outline(plane.colour, shown), np.int32)
            cv2.polylines(picture, [border], True, colour.OUTLINE, 1, cv2.LINE_8)
            picture[20:80, columns - 42 : columns - 34] = colour.scale_bar(60)
        overlay.draw_ticks(picture, shown)
        overlay.draw_words(picture)
        overlay.draw_trace(picture, points, index, frames)
        loop[index] = picture
    return loop


def pictured_volume(view: str, heart: Heart, phase: float) -> float | None:
    """Left ventricular volume in ml, measured as a reader would: in the drawn outline, by area and length.

    Long-axis views: 8 A^2 / (3 pi L) of the cavity's painted area. Short axis: from the ring's area, with
    the long axis shortening as this phantom's does. None where the view shows no left ventricle.

    Examples
    --------
    >>> heart = Heart(ejection_fraction=60)
    >>> largest, smallest = pictured_volume("A4C", heart, 0.0), pictured_volume("A4C", heart, 0.38)
    >>> round(1 - smallest / largest, 2)
    0.6
    """
    plane = VIEWS[DOPPLER.get(view, view)]
    if not plane.has_ventricle:
        return None
    now, step = Moment(heart=heart, phase=phase), 0.02
    grid = np.arange(-12.0, 12.0, step)
    u, v = np.meshgrid(grid, grid)
    if plane.short_axis:
        area = float(np.count_nonzero(u * u + v * v < now.radius**2)) * step * step
        return float(area ** (1 + LONG_SHARE / (2 * RADIAL_SHARE)))
    area = float(np.count_nonzero(bullet(u, v, now.radius, now.length) < 0)) * step * step
    return 8 * area * area / (3 * np.pi * now.length)


def _brightness(
    scene: Scene, axis: Axis, now: Moment, plane: View, texture: Field, flow: Field, index: int
) -> Field:
    """Fan of grey levels 0..255: speckle carried along by the tissue, swirling in blood."""
    x, y = _origin(scene, axis, now, plane)
    solid = moved_speckle(texture, x, y)
    swirl = _windowed(flow, index)
    echo = spread_beam(scene.echo)
    echo = echo + (1 - scene.blood) * solid + scene.blood * (0.7 * swirl)
    level = np.clip((echo + GAIN + FLOOR) / FLOOR, 0.0, 1.0)
    return 255.0 * level * np.sqrt(level)


def _origin(scene: Scene, axis: Axis, now: Moment, plane: View) -> tuple[Field, Field]:
    """Where tissue at each point lay at end diastole; far from the ventricle it stays in place."""
    if not plane.has_ventricle:
        return scene.x, scene.y
    u, v = axis.local(scene.x, scene.y)
    radial = now.heart.radial(now.phase)
    if plane.short_axis:
        near = np.exp(-np.maximum(np.sqrt(u * u + v * v) - now.radius, 0.0) / 1.6)
        along = near * (1 / radial - 1)
        return scene.x + along * u, scene.y + along * v
    outside = np.maximum(bullet(u, v, now.radius, now.length), 0.0)
    near = np.exp(-outside / 1.6)
    across, along = near * (1 / radial - 1) * u, near * (1 / now.heart.longitudinal(now.phase) - 1) * v
    turn = np.radians(axis.degrees)
    sine, cosine = float(np.sin(turn)), float(np.cos(turn))
    return scene.x + across * cosine + along * sine, scene.y - across * sine + along * cosine


def _windowed(flow: Field, index: int) -> Field:
    """Another part of the texture each frame: blood does not keep its speckle."""
    top, left = (index * 11) % (2 * SHIFTS), (index * 17) % (2 * SHIFTS)
    return flow[top : top + SAMPLES, left : left + BEAMS]
