"""Numbers with their ranges: what a forecast is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import NamedTuple


class Range(NamedTuple):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    def times(self, other: Range | float) -> Range:
        """The product; of two ranges its ends are the products of theirs, which is on the safe side."""
        by = other if isinstance(other, Range) else Range(other, other, other)
        return Range(self.value * by.value, self.low * by.low, self.high * by.high)

    def plus(self, other: Range) -> Range:
        """The sum, end by end."""
        return Range(self.value + other.value, self.low + other.low, self.high + other.high)

    def inverse(self) -> Range:
        """One over it; infinite where it may be nothing.

        Examples
        --------
        >>> Range(2.0, 1.0, 4.0).inverse()
        Range(value=0.5, low=0.25, high=1.0)
        """
        return Range(*(1 / number if number else math.inf for number in (self.value, self.high, self.low)))


def exactly(number: float) -> Range:
    """A number that is known."""
    return Range(number, number, number)


def plain(value: object) -> object:
    """As JSON has it: ranges as value, low and high, records by their fields, what has no end as null.

    Examples
    --------
    >>> plain({"hours": [Range(2.0, 1.5, 3.0)]})
    {'hours': [{'value': 2.0, 'low': 1.5, 'high': 3.0}]}
    >>> plain(Range(1.0, 0.5, math.inf))
    {'value': 1.0, 'low': 0.5, 'high': None}
    """
    if isinstance(value, Range):
        return {name: plain(number) for name, number in value._asdict().items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
