"""One damaged file, and what an honest reader may make of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Expected(Enum):
    """What the outcome of a damaged file must be."""

    REFUSED = "failed or skipped"
    """The damage can be seen, or there is no loop: never a clip."""
    SAME = "the clip of the sound file"
    """The damage is where nothing is read from."""
    HONEST = "refused, or the clip of the sound file"
    """It can be seen, unless it is where it changes nothing."""
    ANY = "anything but a crash"
    """No check can see it: see `unseen`."""


@dataclass(frozen=True)
class Damaged:
    """A file to be read.

    Attributes
    ----------
    name
        What was done to it.
    data
        The file.
    expected
        What must come out.
    sound
        Name of the good file that it was made of; "" = of none.
    unseen
        For `ANY`: which kind of damage it is, and why no check can see it.
    at
        Position of the one byte that was changed, for flips of the header; -1 else.
    """

    name: str
    data: bytes
    expected: Expected
    sound: str = ""
    unseen: str = ""
    at: int = -1
