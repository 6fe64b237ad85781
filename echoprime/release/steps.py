"""What a long import or download says of itself while it goes on."""

from __future__ import annotations

from collections.abc import Callable

Told = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is, and of how much: rows or bytes; 0 of 0 = not known."""


def untold(step: str, done: int, total: int) -> None:
    """For who does not want to know."""
