"""Settings against what they set."""

from __future__ import annotations

from echoprime.reading import Limits
from pipelines.encode import reading_limits
from pipelines.settings import ReadingLimits


def test_limits_of_the_command_line_are_those_of_the_library() -> None:
    """Written down twice: importing the library would cost `--help` a second."""
    assert reading_limits(ReadingLimits()) == Limits()
