"""One file's bytes to its facts and its clips, in this process."""

from __future__ import annotations

from echoprime.errors import VideoError
from echoprime.reading.clip import Clip, Mode, require_mode
from echoprime.reading.damage import damage_as_reason
from echoprime.reading.dicom import read_dicom
from echoprime.reading.formats import Format, tell_format
from echoprime.reading.library_state import reading_state
from echoprime.reading.limits import Limits
from echoprime.reading.reading import Reading
from echoprime.reading.starts import require_clips_per_video
from echoprime.reading.video import read_video


def read_file(
    data: bytes, *, limits: Limits | None = None, mode: Mode = "exact", clips_per_video: int = 1
) -> Reading:
    """Read a DICOM object or a video file: what it says of itself, and its clips or why it has none.

    Decoding runs in this process: a file that crashes a codec takes the process with it. `ClipReader` does
    the same in a child process. Meanwhile OpenCV has one thread and pydicom is silent, see `reading_state`.

    Parameters
    ----------
    data
        The whole file. What it is, is told by its content.
    limits
        Bounds of bytes, pixels and frames; the defaults of `Limits`.
    mode
        `exact`, or `fast`: of a DICOM loop only the frames that its clips use, and the last, are decoded. Its
        sector mask may then differ at the edge, and damage within the others is not seen.
    clips_per_video
        1: the published way, its first 32 frames. More, up to 8: clips that begin at so many frames spread
        evenly over a video of more than 32; the first one, and its mask, are those of the published way. Of
        streams (MP4, and video in DICOM) all frames are decoded then, so that later damage is seen.

    Returns
    -------
    A reading, whatever the file is. Its error is skipped (STILL, STATIC, SPECTRAL, M_MODE, VOLUME,
    SECONDARY_CAPTURE, OTHER_MODALITY) or failed (EMPTY, UNKNOWN_FORMAT, NO_PIXELS, UNSUPPORTED,
    NOT_DECODABLE, TOO_LARGE): whatever a damaged file makes a library raise ends as one of these.

    Raises
    ------
    SettingError
        There is no such mode, or no such number of clips.

    Examples
    --------
    >>> read_file(b"").error
    UnreadableVideo('the file has no bytes')
    """
    require_mode(mode)
    require_clips_per_video(clips_per_video)
    limits = limits or Limits()
    try:
        with reading_state(), damage_as_reason():
            kind = tell_format(data)
            limits.check_bytes(len(data))
            if kind is Format.DICOM:
                return read_dicom(data, limits, mode, clips_per_video)
            return read_video(data, kind, limits, clips_per_video)
    except VideoError as error:
        return Reading(error=error)


def read_clip(data: bytes, *, name: str = "", limits: Limits | None = None, mode: Mode = "exact") -> Clip:
    """Turn a DICOM object or a video file into what the networks see of it.

    Parameters
    ----------
    data
        The whole file.
    name
        Its name, for the caller's bookkeeping alone: messages name no file.
    limits
        Bounds of bytes, pixels and frames; the defaults of `Limits`.
    mode
        `exact` or `fast`.

    Raises
    ------
    SkippedVideo, UnreadableVideo
        The error of `read_file`.
    """
    return read_file(data, limits=limits, mode=mode).require_clip()


def read_clips(
    data: bytes, *, clips_per_video: int, limits: Limits | None = None, mode: Mode = "exact"
) -> tuple[Clip, ...]:
    """Several clips of one video, in the order of their starts; the first is that of `read_clip`.

    Parameters
    ----------
    data
        The whole file.
    clips_per_video, limits, mode
        See `read_file`.

    Raises
    ------
    SkippedVideo, UnreadableVideo
        The error of `read_file`.
    """
    reading = read_file(data, limits=limits, mode=mode, clips_per_video=clips_per_video)
    reading.require_clip()
    return reading.clips
