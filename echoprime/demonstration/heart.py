"""One drawn heart: its sizes, its beat, and what is wrong with it. Lengths in cm, volumes as fractions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

RADIAL_SHARE = 0.35
"""Each short axis of the ventricle takes this power of the volume fraction, the long axis `LONG_SHARE`."""
LONG_SHARE = 0.30
END_SYSTOLE = 0.38
"""Part of the beat after which the ventricle is smallest."""
FOUND = 0.06
"""How often each finding (a dilated chamber, fluid, a leak) is drawn."""


@dataclass(frozen=True, kw_only=True)
class Heart:
    """Sizes at end diastole and findings of one drawn heart.

    Parameters
    ----------
    ejection_fraction
        Part of the left ventricle's volume that a beat ejects, in % (5..85).
    beat
        Frames that one beat takes.
    length, radius, wall
        The left ventricle's long axis, largest inner radius and wall thickness, in cm.
    left_atrium, right_atrium, right_ventricle
        Sizes as multiples of the usual one; above 1.2 the drawing calls a chamber dilated.
    right_function
        Part of its usual shortening that the right ventricle makes, 0..1; below 0.5 it is depressed.
    effusion
        Width of the fluid around the heart, in cm; 0 is none.
    mitral_leak
        Whether blood jets back into the left atrium in systole (seen with colour only).
    tilt, shift_x, shift_y
        How the probe was held: degrees, cm, cm.
    """

    ejection_fraction: float
    beat: int = 28
    length: float = 8.0
    radius: float = 2.3
    wall: float = 0.95
    left_atrium: float = 1.0
    right_atrium: float = 1.0
    right_ventricle: float = 1.0
    right_function: float = 1.0
    effusion: float = 0.0
    mitral_leak: bool = False
    tilt: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0

    def volume(self, phase: float) -> float:
        """Left ventricular volume as a fraction of that at end diastole.

        Examples
        --------
        >>> heart = Heart(ejection_fraction=60)
        >>> round(heart.volume(0.0), 3), round(heart.volume(END_SYSTOLE), 3)
        (1.0, 0.4)
        """
        return 1 - self.ejection_fraction / 100 * contraction(phase)

    def radial(self, phase: float) -> float:
        """Factor of the ventricle's short axes."""
        return float(self.volume(phase) ** RADIAL_SHARE)

    def longitudinal(self, phase: float) -> float:
        """Factor of the ventricle's long axis."""
        return float(self.volume(phase) ** LONG_SHARE)

    @property
    def labels(self) -> dict[str, float]:
        """The binary phenotypes that the drawing itself makes true (1) or false (0).

        Examples
        --------
        >>> Heart(ejection_fraction=60, effusion=0.8).labels["pericardial_effusion"]
        1.0
        """
        return {
            "rv_systolic_function_depressed": float(self.right_function < 0.5),
            "right_ventricle_dilation": float(self.right_ventricle > 1.2),
            "left_atrium_dilation": float(self.left_atrium > 1.2),
            "right_atrium_dilation": float(self.right_atrium > 1.2),
            "mitral_regurgitation": float(self.mitral_leak),
            "pericardial_effusion": float(self.effusion > 0.2),
        }


def draw_heart(ejection_fraction: float, seed: int) -> Heart:
    """A heart of a given ejection fraction, its other features drawn from the seed.

    Sizes and findings do not depend on the ejection fraction: only the beat tells it. They vary little,
    much less than people do: the demonstration's networks are untrained, and to them a heart that is
    turned by a degree differs as much as one that pumps half as well.

    Parameters
    ----------
    ejection_fraction
        In %, 5..85.
    seed
        Not negative; the same seed gives the same heart.

    Examples
    --------
    >>> draw_heart(55, seed=1) == draw_heart(55, seed=1)
    True
    """
    rng = np.random.Generator(np.random.PCG64([seed, 20]))
    spread = [float(value) for value in rng.uniform(-1, 1, size=9)]
    found = [bool(value < FOUND) for value in rng.uniform(size=6)]
    return Heart(
        ejection_fraction=ejection_fraction,
        beat=28,
        length=8.0 + 0.12 * spread[1],
        radius=2.3 + 0.05 * spread[2],
        wall=0.95 + 0.04 * spread[3],
        right_function=0.35 if found[0] else 1.0,
        right_ventricle=1.3 if found[1] else 1.0 + 0.02 * spread[4],
        left_atrium=1.3 if found[2] else 1.0 + 0.02 * spread[5],
        right_atrium=1.3 if found[3] else 1.0,
        mitral_leak=found[4],
        effusion=0.75 if found[5] else 0.0,
        tilt=0.5 * spread[6],
        shift_x=0.05 * spread[7],
        shift_y=0.05 * spread[8],
    )


def contraction(phase: float) -> float:
    """How far the ventricle is from its largest (0) to its smallest (1) at a part of the beat.

    Ejection, a short pause, early filling, rest, and the atrium's kick at the end.

    Examples
    --------
    >>> [round(contraction(p), 2) for p in (0.0, 0.38, 0.7, 1.0)]
    [0.0, 1.0, 0.25, 0.0]
    """
    phase = phase % 1.0
    times = (0.0, 0.03, END_SYSTOLE, 0.42, 0.62, 0.84, 0.98, 1.0)
    levels = (0.0, 0.0, 1.0, 1.0, 0.25, 0.25, 0.0, 0.0)
    return _eased(phase, times, levels)


def mitral_opening(phase: float) -> float:
    """0 closed, 1 wide open: early filling, half closed at rest, open again for the atrium's kick."""
    return _eased(phase % 1.0, (0.0, 0.42, 0.5, 0.64, 0.82, 0.9, 0.99, 1.0), (0, 0, 1, 0.4, 0.4, 0.8, 0, 0))


def aortic_opening(phase: float) -> float:
    """0 closed, 1 open: during ejection."""
    return _eased(phase % 1.0, (0.0, 0.05, 0.1, 0.3, 0.39, 1.0), (0, 0, 1, 0.9, 0, 0))


def electrocardiogram(phase: float) -> float:
    """Lead II of a quiet sinus rhythm: P, QRS, T; 1 is the top of R, at phase 0."""
    waves = (
        (-0.14, 0.025, 0.14),
        (-0.022, 0.008, -0.12),
        (0.0, 0.010, 1.0),
        (0.024, 0.009, -0.25),
        (0.27, 0.04, 0.24),
    )
    total = 0.0
    for centre, width, height in waves:
        away = (phase - centre + 0.5) % 1.0 - 0.5
        total += height * math.exp(-0.5 * (away / width) ** 2)
    return total


def _eased(phase: float, times: tuple[float, ...], levels: tuple[float, ...]) -> float:
    """Levels joined by half cosines, so that nothing moves by jerks."""
    for start, stop, low, high in zip(times, times[1:], levels, levels[1:], strict=False):
        if phase <= stop:
            part = (phase - start) / (stop - start)
            return low + (high - low) * (0.5 - 0.5 * math.cos(math.pi * part))
    return levels[-1]
