"""One file's bytes to its clip, in this process."""

from __future__ import annotations

import traceback
from pathlib import Path

from echoprime.errors import Reason, UnreadableVideo, VideoError
from echoprime.reading.clip import Clip
from echoprime.reading.dicom import read_dicom
from echoprime.reading.formats import Format, tell_format
from echoprime.reading.library_state import reading_state
from echoprime.reading.limits import Limits
from echoprime.reading.video import read_video


def read_clip(data: bytes, *, name: str = "", limits: Limits | None = None) -> Clip:
    """Turn a DICOM object or a video file into what the networks see of it.

    Decoding runs in this process: a file that crashes a codec takes the process with it. `ClipReader` does
    the same in a child process. Meanwhile OpenCV has one thread and pydicom is silent, see `reading_state`.

    Parameters
    ----------
    data
        The whole file.
    name
        Its name, for the caller's bookkeeping alone: what the file is, is told by its content, and messages
        name no file.
    limits
        Bounds of bytes, pixels and frames; the defaults of `Limits`.

    Raises
    ------
    SkippedVideo
        STILL, STATIC.
    UnreadableVideo
        EMPTY, UNKNOWN_FORMAT, NO_PIXELS, UNSUPPORTED, NOT_DECODABLE, TOO_LARGE. Whatever a damaged
        file makes a library raise ends as one of these.
    """
    limits = limits or Limits()
    try:
        with reading_state():
            kind = tell_format(data)
            limits.check_bytes(len(data))
            return read_dicom(data, limits) if kind is Format.DICOM else read_video(data, kind, limits)
    except VideoError:
        raise
    except MemoryError as error:
        raise UnreadableVideo(Reason.TOO_LARGE, "decoding takes more memory than there is") from error
    except Exception as error:  # damage shows in any library by any error; one file must not end a job
        raise UnreadableVideo(Reason.NOT_DECODABLE, f"damaged: {_where(error)}") from error


def _where(error: Exception) -> str:
    """Kind of an error and the line that raised it; its message may quote a patient's header."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).stem}, line {last.lineno}"
