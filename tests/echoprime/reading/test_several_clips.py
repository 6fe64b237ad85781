"""Several clips of a video: where they begin, and that each is what reading it plainly gives."""

import io

import av
import cv2
import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import MPEG4HP41, JPEG2000Lossless

from echoprime.errors import Reason, SettingError
from echoprime.reading import ClipReader, Limits, read_clip, read_clips, read_file
from echoprime.reading.clip import FRAMES_TAKEN, SIDE, crop_box, is_used, used_frames
from echoprime.reading.dicom import frames_of
from echoprime.reading.header import read_header
from echoprime.reading.sector import sector_mask
from echoprime.reading.starts import MOST_CLIPS, clip_starts, frames_of_clips

COUNT = 75
STARTS = [0, 21, 43]
"""Of three clips: 43 frames are spare, and 21.5 is rounded down."""
SHAPE = {"count": COUNT, "rows": 64, "columns": 80}


@given(st.integers(1, 3000), st.integers(1, MOST_CLIPS))
def test_starts_are_spread_over_what_the_video_allows(count, clips):
    starts = clip_starts(count, clips)
    spare = max(count - FRAMES_TAKEN, 0)
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert len(starts) == (1 if clips == 1 else min(clips, spare + 1))
    assert starts[-1] == (0 if clips == 1 else spare)
    gaps = np.diff(starts)
    assert gaps.size == 0 or gaps.max() - gaps.min() <= 1
    for start in starts[1:]:
        assert len(used_frames(count, start)) == 16
    assert used_frames(count, starts[0]) == used_frames(count)
    assert frames_of_clips(count, clips) <= set(range(count))


def native(make):
    return make.dicom(make.loop(**SHAPE), "RGB")


def grey(make):
    return make.dicom(make.grey_loop(**SHAPE), "MONOCHROME2")


def jpeg(make):
    return make.jpeg_dicom(make.loop(**SHAPE))


def jpeg2000(make):
    streams = [imagecodecs.jpeg2k_encode(frame, level=0) for frame in make.loop(**SHAPE)]
    return make.dicom(make.loop(**SHAPE), "RGB", syntax=JPEG2000Lossless, pixels=streams)


def stream(make, video=None, promised=COUNT):
    video = video or make.video(make.loop(**SHAPE), "libx264", "h264")
    return make.dicom(
        make.loop(**SHAPE), "YBR_PARTIAL_420", syntax=MPEG4HP41, pixels=[video], NumberOfFrames=promised
    )


OBJECTS = {each.__name__: each for each in (native, grey, jpeg, jpeg2000, stream)}


def plain_clips(data, starts, mode):
    """Frame by frame: the mask of the loop, then each clip's pictures on their own."""
    decoded = {
        frame.number: (frame.pixels.copy(), frame.colour)
        for frame in frames_of(read_header(data, Limits()), Limits(), "exact")
    }
    last = max(decoded)
    looked_at = [n for n in decoded if mode == "exact" or is_used(n) or n == last]
    greys = {number: decoded[number][1].grey(decoded[number][0]).copy() for number in looked_at}
    lit = np.any([each > 0 for each in greys.values()], axis=0).astype(np.uint8)
    mask = sector_mask(lit, greys[0], greys[last])
    found = []
    for start in starts:
        clip = np.zeros((16, SIDE, SIDE, 3), np.uint8)
        for out, number in zip(clip, range(start, min(start + 32, last + 1), 2), strict=False):
            pixels, colour = decoded[number]
            picture = colour.bgr(pixels).copy()
            picture[mask == 0] = 0
            picture = np.ascontiguousarray(picture[crop_box(*mask.shape)])
            out[:] = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        found.append(clip)
    return found


@pytest.mark.parametrize("mode", ["exact", "fast"])
@pytest.mark.parametrize("name", OBJECTS)
def test_clips_of_a_loop_are_those_read_plainly(make, name, mode):
    data = OBJECTS[name](make)
    clips = read_clips(data, clips_per_video=3, mode=mode)
    assert [clip.start for clip in clips] == STARTS
    assert [(clip.used, clip.frames_in_file, clip.format) for clip in clips] == [(16, COUNT, "dicom")] * 3
    for clip, expected in zip(clips, plain_clips(data, STARTS, mode), strict=True):
        assert np.array_equal(clip.frames, expected)
    assert not np.array_equal(clips[0].frames, clips[1].frames)


@pytest.mark.parametrize("mode", ["exact", "fast"])
@pytest.mark.parametrize("name", OBJECTS)
def test_the_first_clip_and_its_hash_are_the_published_ones(make, name, mode):
    data = OBJECTS[name](make)
    one = read_file(data, mode=mode)
    assert one.later == ()
    for number in (2, MOST_CLIPS):
        several = read_file(data, mode=mode, clips_per_video=number)
        assert np.array_equal(several.clip.frames, one.clip.frames)
        assert several.facts.content == one.facts.content
        assert len(several.clips) == number


def test_fast_decodes_what_the_clips_use_and_the_last(make):
    reading = read_file(jpeg(make), mode="fast", clips_per_video=3)
    assert reading.facts.frames_decoded == len(frames_of_clips(COUNT, 3) | {COUNT - 1})


@pytest.mark.parametrize("mode", ["exact", "fast"])
@pytest.mark.parametrize("promised", [40, COUNT - 1, COUNT, None])
def test_a_stream_of_more_frames_than_its_header_tells(make, promised, mode):
    """Starts are spread over the frames that are there, whatever is said before."""
    video = make.video(make.loop(**SHAPE), "libx264", "h264")
    expected = plain_clips(stream(make, video), STARTS, mode)
    clips = read_clips(stream(make, video, promised or 0), clips_per_video=3, mode=mode)
    assert [clip.start for clip in clips] == STARTS
    for clip, frames in zip(clips, expected, strict=True):
        assert np.array_equal(clip.frames, frames)


@pytest.mark.parametrize("container", [("mpeg4", "avi"), ("libx264", "mp4"), ("libx264", "matroska")])
def test_clips_of_a_video_are_those_read_plainly(make, container):
    data = make.video(make.loop(**SHAPE), *container)
    with av.open(io.BytesIO(data)) as opened:
        frames = [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]
    assert len(frames) == COUNT
    reading, one = read_file(data, clips_per_video=3), read_file(data)
    assert [clip.start for clip in reading.clips] == STARTS
    assert reading.facts.frames == one.facts.frames == COUNT
    assert reading.facts.frames_decoded == COUNT
    assert reading.facts.content == one.facts.content
    for clip in reading.clips:
        assert clip.used == 16
        for number, found in zip(used_frames(COUNT, clip.start), clip.frames, strict=True):
            picture = np.ascontiguousarray(frames[number][crop_box(*frames[number].shape[:2])])
            assert np.array_equal(found, cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize("told", [0, 40, COUNT + 20])
def test_a_video_that_tells_another_number_of_frames(make, monkeypatch, told):
    """Frames that decode count; only a short video that tells more is cut, as with one clip."""
    data = make.video(make.loop(**SHAPE))
    expected = read_clips(data, clips_per_video=3)
    place = data.index(b"vids") + 28 + 4  # dwLength of the stream's header
    changed = data[:place] + told.to_bytes(4, "little") + data[place + 4 :]
    clips = read_clips(changed, clips_per_video=3)
    assert [clip.start for clip in clips] == STARTS
    for clip, other in zip(clips, expected, strict=True):
        assert np.array_equal(clip.frames, other.frames)


@pytest.mark.parametrize(("count", "starts"), [(2, [0]), (31, [0]), (32, [0]), (33, [0, 1]), (34, [0, 1, 2])])
def test_a_short_video_has_no_clip_twice(make, count, starts):
    shape = {"count": count, "rows": 64, "columns": 80}
    for data in (make.dicom(make.loop(**shape), "RGB"), make.video(make.loop(**shape))):
        clips = read_clips(data, clips_per_video=3)
        assert [clip.start for clip in clips] == starts
        assert np.array_equal(clips[0].frames, read_clip(data).frames)
        assert clips[0].used == read_clip(data).used


@pytest.mark.parametrize("clips", [1, 3])
def test_they_come_out_of_the_child_as_they_are(make, clips):
    short = make.dicom(make.loop(count=5), "RGB")
    with ClipReader(mode="fast", clips_per_video=clips) as reader:
        for data in (jpeg(make), short, b"", native(make)):
            read, own = reader.read(data), read_file(data, mode="fast", clips_per_video=clips)
            assert read.facts == own.facts
            assert len(read.clips) == len(own.clips)
            for one, other in zip(read.clips, own.clips, strict=True):
                assert np.array_equal(one.frames, other.frames)
                assert (one.start, one.used, one.frames_in_file) == (
                    other.start,
                    other.used,
                    other.frames_in_file,
                )


def test_later_damage_of_a_video_is_seen(make):
    data = bytearray(make.video(make.loop(**SHAPE)))
    chunks = [place for place in range(len(data)) if data[place : place + 4] == b"00dc"]
    place = chunks[60] + 8
    data[place : place + 40] = bytes(40)
    assert read_file(bytes(data)).clip is not None
    assert read_file(bytes(data), clips_per_video=2).error.reason is Reason.NOT_DECODABLE


@pytest.mark.parametrize("clips", [0, -1, MOST_CLIPS + 1])
def test_no_such_number(clips):
    for wrong in (
        lambda: read_file(b"", clips_per_video=clips),
        lambda: read_clips(b"", clips_per_video=clips),
        lambda: ClipReader(clips_per_video=clips),
    ):
        with pytest.raises(SettingError, match=f"clips per video: {clips} is not between 1 and 8"):
            wrong()
