"""The threshold of a call that gives a wanted sensitivity or specificity, or the most of both.

It lies on the value itself, not on the probability: both rise together, and the steps of an isotonic mapping
would leave fewer places to choose from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from echoprime.errors import SettingError
from echoprime.population.analysed import Floats

YOUDEN, SENSITIVITY, SPECIFICITY = "youden", "sensitivity", "specificity"


@dataclass(frozen=True)
class Wanted:
    """What is asked of a threshold.

    Attributes
    ----------
    rate
        `youden` (the most of sensitivity + specificity - 1; Youden, Cancer 3:32-35, 1950), `sensitivity` or
        `specificity`.
    least
        That it must reach, 0..1; None for `youden`.
    """

    rate: str
    least: float | None = None

    @classmethod
    def parse(cls, text: str) -> Wanted:
        """As users write it.

        Raises
        ------
        SettingError
            It is none of the three, or the rate is not between 0 and 1.

        Examples
        --------
        >>> Wanted.parse("sensitivity=0.9"), str(Wanted.parse("youden"))
        (Wanted(rate='sensitivity', least=0.9), 'youden')
        """
        rate, equals, number = (part.strip() for part in text.partition("="))
        if rate == YOUDEN and not equals:
            return cls(rate)
        try:
            least = float(number)
        except ValueError:
            least = np.nan
        if rate not in (SENSITIVITY, SPECIFICITY) or not 0 < least <= 1:
            raise SettingError(
                f"--threshold {text}: write youden, sensitivity=0.9 or specificity=0.9, the rate above 0 and "
                "at most 1"
            )
        return cls(rate, least)

    def __str__(self) -> str:
        return self.rate if self.least is None else f"{self.rate}={self.least:g}"


def choose_threshold(values: Floats, truth: Floats, wanted: Wanted) -> float | None:
    """The threshold that does what is wanted on these studies; both kinds are there.

    Of those that reach a wanted sensitivity the highest, of those that reach a specificity the lowest, of
    equal Youden indices the lowest. It lies half way between two values, so that a rounding turns no call.

    Parameters
    ----------
    values, truth
        float64 (studies,): 0..1; 0 or 1.
    wanted
        What is asked.

    Returns
    -------
    float or None
        None: only calling nobody reaches the specificity.

    Examples
    --------
    >>> values, truth = np.array([0.0, 0.25, 0.5, 0.75]), np.array([0.0, 0.0, 1.0, 1.0])
    >>> choose_threshold(values, truth, Wanted("youden"))
    0.375
    >>> choose_threshold(values, truth, Wanted("sensitivity", 0.5))
    0.625
    """
    levels = np.unique(values)
    has, lacks = np.sort(values[truth > 0]), np.sort(values[truth <= 0])
    called = len(has) - np.searchsorted(has, levels)  # of those that have it, at or above each level
    spared = np.searchsorted(lacks, levels)  # of those that lack it, below
    if wanted.least is None:
        place = int(np.argmax(called * len(lacks) + spared * len(has)))  # whole numbers: ties are ties
    elif wanted.rate == SENSITIVITY:
        place = int(np.flatnonzero(called / len(has) >= wanted.least)[-1])
    else:
        reached = np.flatnonzero(spared / len(lacks) >= wanted.least)
        if not len(reached):
            return None
        place = int(reached[0])
    return float(levels[place] if place == 0 else (levels[place - 1] + levels[place]) / 2)


def rates(called: np.ndarray, truth: Floats) -> tuple[float, float]:
    """Sensitivity and specificity of calls.

    Examples
    --------
    >>> rates(np.array([True, False, True]), np.array([1.0, 1.0, 0.0]))
    (0.5, 0.0)
    """
    return float(called[truth > 0].mean()), float((~called[truth <= 0]).mean())
