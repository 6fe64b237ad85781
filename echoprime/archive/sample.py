"""A few of a stream's items, drawn evenly over its whole length, in one pass and without knowing its end."""

from __future__ import annotations

import random
from typing import Generic, TypeVar

Item = TypeVar("Item")


class StratifiedSample(Generic[Item]):
    """One item at random of each of equally wide windows of a stream.

    Windows are as wide as one item first, and merged two by two whenever there are twice as many as asked
    for: of a pair one item is kept at random. So every item has the same chance, whatever its place.

    Parameters
    ----------
    size
        Items asked for; of a shorter stream all are taken.
    seed
        The same stream and seed give the same sample.

    Examples
    --------
    >>> sample = StratifiedSample(3, seed=0)
    >>> for item in range(1000):
    ...     sample.add(item)
    >>> sorted(number // 250 for number in sample.drawn())
    [1, 2, 3]
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        self._size = size
        self._random = random.Random(seed)  # nosec B311  # draws a sample, keeps no secret
        self._width = 1
        self._kept: list[Item] = []
        self._open: list[Item] = []
        self._filled = 0

    def add(self, item: Item) -> None:
        """Take the stream's next item."""
        self._filled += 1
        if self._random.randrange(self._filled) == 0:
            self._open = [item]
        if self._filled < self._width:
            return
        self._kept += self._open
        self._open, self._filled = [], 0
        if len(self._kept) == 2 * self._size:
            pairs = zip(self._kept[::2], self._kept[1::2], strict=True)
            self._kept = [self._random.choice(pair) for pair in pairs]
            self._width *= 2

    def drawn(self) -> list[Item]:
        """The sample, in random order: a part from its beginning is a sample too."""
        found = list(self._kept)
        if self._open and self._random.randrange(self._width) < self._filled:
            found += self._open  # the last window is not full: its item counts for fewer others
        self._random.shuffle(found)
        return found[: self._size]
