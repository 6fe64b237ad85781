"""DICOM objects to clips: a loop's frames are decoded one after the other and streamed into its clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from echoprime.errors import Reason, UnreadableVideo, VideoError
from echoprime.reading.clip import Mode
from echoprime.reading.compressed import compressed_frames
from echoprime.reading.damage import damage_as_reason
from echoprime.reading.encapsulated_video import VIDEO, encapsulated_video_frames
from echoprime.reading.facts import facts_of_header
from echoprime.reading.header import NATIVE, Header, read_header
from echoprime.reading.left_out import require_loop
from echoprime.reading.limits import Limits
from echoprime.reading.loop import Frame, Loop
from echoprime.reading.native import native_frames
from echoprime.reading.reading import Reading, content_of


def read_dicom(data: bytes, limits: Limits, mode: Mode = "exact", clips: int = 1) -> Reading:
    """Read one DICOM object.

    Parameters
    ----------
    data
        The whole file, with or without preamble.
    limits
        Checked before memory is taken.
    mode
        Of which frames the sector mask is made.
    clips
        Clips that are asked for, see `echoprime.reading.starts.clip_starts`.

    Returns
    -------
    Facts, and clips or the reason why there is none.

    Raises
    ------
    UnreadableVideo
        The header cannot be read, so that there are no facts: UNSUPPORTED, NOT_DECODABLE, TOO_LARGE.
    """
    header = read_header(data, limits)
    facts = facts_of_header(header)
    loop = Loop(mode=mode, clips=clips)
    try:
        with damage_as_reason():
            if header.length == 0:
                raise UnreadableVideo(Reason.NO_PIXELS, "the object has no pixel data")
            require_loop(header)
            if clips > 1:
                loop.expect(header.frames)
            for frame in frames_of(header, limits, mode, clips):
                loop.add(frame)
            if not loop.complete:  # a stream has more frames than its header tells: now they are counted
                count, loop = loop.frames, Loop(mode=mode, clips=clips)
                loop.expect(count)
                for frame in frames_of(header, limits, mode, clips):
                    loop.add(frame)
            clip, *later = loop.clips()
    except VideoError as error:
        return Reading(replace(facts, frames_decoded=loop.frames), error=error)
    facts = replace(facts, frames=facts.frames or clip.frames_in_file, frames_decoded=loop.frames)
    return Reading(replace(facts, content=content_of(clip)), clip, later=tuple(later))


def frames_of(header: Header, limits: Limits, mode: Mode, clips: int = 1) -> Iterator[Frame]:
    """Frames of a DICOM object in the order in which clips are made of them, see `decoding_order`.

    Raises
    ------
    SkippedVideo
        STILL.
    UnreadableVideo
        UNSUPPORTED, NOT_DECODABLE, TOO_LARGE.
    """
    if header.length is not None and header.transfer_syntax in NATIVE:
        return native_frames(header, limits, mode, clips)
    if header.transfer_syntax in VIDEO:
        return encapsulated_video_frames(header, limits, mode, clips)
    if header.length is None:
        # The frames tell their codec, whatever the syntax is called.
        return compressed_frames(header, limits, mode, clips)
    raise UnreadableVideo(Reason.UNSUPPORTED, "the transfer syntax is not read")
