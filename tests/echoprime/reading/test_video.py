"""MP4, MOV, AVI and MKV."""

import io

import av
import cv2
import numpy as np
import pytest

from echoprime.errors import Reason, SkippedVideo, UnreadableVideo
from echoprime.reading import Limits, crop_box, read_clip, read_file
from echoprime.reading.formats import Format
from echoprime.reading.truncation import is_cut

LOSSLESS = {"codec": "ffv1", "pixels": "bgr0"}


def reason_of(data, **options):
    with pytest.raises((SkippedVideo, UnreadableVideo)) as raised:
        read_clip(data, **options)
    return raised.value.reason


@pytest.mark.parametrize("count", [2, 9, 31, 32, 40])
def test_frames_are_red_green_blue_cropped_scaled_and_not_masked(make, count):
    frames = make.loop(count=count)
    clip = read_clip(make.video(frames, container="avi", **LOSSLESS))
    assert (clip.used, clip.frames_in_file, clip.format) == (min((count + 1) // 2, 16), count, "avi")
    for index, picture in enumerate(clip.frames[: clip.used]):
        crop = frames[2 * index][crop_box(*frames.shape[1:3])]
        assert np.array_equal(picture, cv2.resize(crop, (224, 224), interpolation=cv2.INTER_CUBIC))
    assert (clip.frames[clip.used :] == 0).all()


@pytest.mark.parametrize(
    ("container", "codec", "name"),
    [
        ("mp4", "libx264", "mp4"),
        ("mov", "libx264", "mov"),
        ("avi", "mpeg4", "avi"),
        ("matroska", "libx264", "mkv"),
        ("webm", "libvpx", "mkv"),
    ],
)
def test_containers_are_told_by_content(make, container, codec, name):
    clip = read_clip(make.video(make.loop(count=40), codec, container), name="anything.dcm")
    assert (clip.format, clip.used, clip.frames_in_file) == (name, 16, 40)


def test_frames_after_the_last_one_used_are_not_decoded(make):
    """Damage there does not matter, nor does it keep the clip from being exact."""
    frames = make.loop(count=48)
    data = make.video(frames, "mjpeg", "avi", "yuvj420p")
    starts = [at for at in range(len(data)) if data.startswith(b"00dc", at)][:48]
    damaged = bytearray(data)
    damaged[starts[40] + 8 : starts[41]] = bytes(starts[41] - starts[40] - 8)
    with av.open(io.BytesIO(bytes(damaged))) as container, pytest.raises(av.FFmpegError):
        list(container.decode(video=0))
    clip, whole = read_clip(bytes(damaged)), read_clip(data)
    assert clip.frames_in_file == whole.frames_in_file == 48
    assert make.furthest(clip, whole) == 0


def test_still(make):
    assert reason_of(make.video(make.loop(count=1), "libx264", "mp4")) is Reason.STILL


@pytest.mark.parametrize(("container", "codec"), [("avi", "mpeg4"), ("mp4", "libx264"), ("matroska", "ffv1")])
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_file_that_is_cut_before_the_clip_ends(make, container, codec, part):
    data = make.video(make.loop(count=30), codec, container)
    assert reason_of(data[: int(len(data) * part)]) is Reason.NOT_DECODABLE


@pytest.mark.parametrize(
    ("container", "kind"), [("avi", Format.AVI), ("mp4", Format.MP4), ("matroska", Format.MKV)]
)
def test_whole_files_are_not_taken_for_cut(make, container, kind):
    data = make.video(make.loop(), "mpeg4", container)
    assert not is_cut(data, kind)
    assert is_cut(data[:-1], kind)


def test_later_parts_of_a_large_avi_count():
    first = b"RIFF" + (36).to_bytes(4, "little") + b"AVI " + bytes(32)
    second = b"RIFF" + (104).to_bytes(4, "little") + b"AVIX" + bytes(100)
    assert not is_cut(first + second, Format.AVI)
    assert is_cut(first + second[:-1], Format.AVI)
    assert is_cut(first[:-1], Format.AVI)


def test_no_video_stream():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    assert reason_of(file.getvalue()) is Reason.NO_PIXELS


def test_limits(make):
    data = make.video(make.loop(count=40), "libx264", "mp4")
    assert reason_of(data, limits=Limits(frames=39)) is Reason.TOO_LARGE
    assert reason_of(data, limits=Limits(pixels=96 * 128 - 1)) is Reason.TOO_LARGE
    assert reason_of(data, limits=Limits(bytes=len(data) - 1)) is Reason.TOO_LARGE


def test_two_billion_frames_that_a_container_tells_are_unknown(make):
    """A number that no column can hold would end the job, and not the video."""
    data = make.video(make.loop(), "libx264", "mp4")
    where = data.index(b"stsz") + 12
    reading = read_file(data[:where] + (1 << 31).to_bytes(4, "big") + data[where + 4 :])
    assert reading.facts.frames is None
    assert reading.error is not None
    assert reading.error.reason is Reason.NOT_DECODABLE


def test_unknown_codec(make):
    """FFmpeg finds a video stream and no decoder for it."""
    data = make.video(make.loop(), "mpeg4", "avi").replace(b"FMP4", b"ZZZZ")
    assert reason_of(data) is Reason.UNSUPPORTED


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mpeg2video"])
def test_damage_that_ffmpeg_conceals_is_found(make, codec):
    """Twenty bytes of noise in each of five places: FFmpeg fills what it cannot decode from other frames."""
    data = bytearray(make.video(make.loop(count=12), codec, "avi"))
    for tenth in range(3, 8):
        place = len(data) * tenth // 10
        data[place : place + 20] = bytes(range(100, 120))
    assert reason_of(bytes(data)) is Reason.NOT_DECODABLE


def test_a_stream_that_names_other_files_opens_none(make, tmp_path, monkeypatch):
    """FFmpeg also knows lists of files to be joined: inside an object, such a list is no video."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.mp4").write_bytes(make.video(make.loop(), "libx264", "mp4"))
    names_it = b"ffconcat version 1.0\nfile other.mp4\n"
    data = make.dicom(
        make.loop(), "YBR_PARTIAL_420", syntax="1.2.840.10008.1.2.4.102", pixels=[names_it + b"\n" * 99]
    )
    assert reason_of(data) is Reason.NOT_DECODABLE
