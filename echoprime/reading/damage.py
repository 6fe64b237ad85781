"""Whatever a damaged file makes a library raise becomes a reason."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echoprime.errors import Reason, UnreadableVideo, VideoError


@contextmanager
def damage_as_reason() -> Iterator[None]:
    """Let a `VideoError` through, and turn every other exception into one.

    Raises
    ------
    UnreadableVideo
        TOO_LARGE for a `MemoryError`, NOT_DECODABLE for any other.

    Examples
    --------
    >>> with damage_as_reason():
    ...     raise MemoryError
    Traceback (most recent call last):
    echoprime.errors.UnreadableVideo: decoding takes more memory than there is
    """
    try:
        yield
    except VideoError:
        raise
    except MemoryError:
        raise UnreadableVideo(Reason.TOO_LARGE, "decoding takes more memory than there is") from None
    except Exception as error:  # damage shows in any library by any error; one file must not end a job
        # "from None": a traceback would show the library's message, which may quote a patient's header.
        raise UnreadableVideo(Reason.NOT_DECODABLE, f"damaged: {_where(error)}") from None


def _where(error: Exception) -> str:
    """Kind of an error and the line that raised it; its message may quote a patient's header."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).stem}, line {last.lineno}"
