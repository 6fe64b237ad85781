"""Any bytes end as a clip or as a reason, and say nothing of a patient."""

import logging
import threading
import warnings

import cv2
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echoprime.errors import Reason, UnreadableVideo, VideoError
from echoprime.reading import Clip, read_clip
from echoprime.reading.formats import Format, tell_format

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="session")
def sound(make):
    """One small file of each kind."""
    small = {"count": 4, "rows": 40, "columns": 48}
    return [
        make.dicom(make.loop(**small), "RGB"),
        make.dicom(make.grey_loop(**small), "MONOCHROME2", syntax="1.2.840.10008.1.2.1.99"),
        make.jpeg_dicom(make.loop(**small)),
        make.video(make.loop(**small), "mpeg4", "avi"),
        make.video(make.loop(**small), "libx264", "mp4"),
        make.video(make.loop(**small), "ffv1", "matroska"),
    ]


def outcome(data):
    """A clip or a `VideoError`; anything else is raised."""
    try:
        return read_clip(data)
    except VideoError as error:
        return error


def test_sound_files_are_read(sound):
    assert [outcome(data).used for data in sound] == [2] * 6


@quick
@given(data=st.binary(max_size=300))
def test_random_bytes(data):
    assert isinstance(outcome(data), VideoError)


@quick
@given(which=st.integers(0, 5), part=st.floats(0, 1, exclude_max=True))
def test_cut_files(sound, which, part):
    data = sound[which]
    assert isinstance(outcome(data[: int(len(data) * part)]), Clip | VideoError)


@quick
@given(
    which=st.integers(0, 5),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=30
    ),
    near=st.sampled_from([1.0, 0.05]),
)
def test_changed_bytes(make, sound, which, changes, near):
    data = bytearray(sound[which])
    for place, value in changes:
        data[int(place * near * len(data))] = value
    result = outcome(bytes(data))
    assert isinstance(result, Clip | VideoError)
    assert "HEARTLEY" not in str(result)
    assert "424242" not in str(result)


def nested(make, depth):
    """A JPEG object with private sequences, one within the other, before its pixels."""
    data = make.jpeg_dicom()
    at = 132 + 12 + int.from_bytes(data[140:144], "little")
    opened = b"\x09\x00\x10\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closed = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    return data[:at] + opened * depth + closed * depth + data[at:]


def test_deep_nesting(make):
    assert isinstance(outcome(nested(make, 50)), Clip)
    error = outcome(nested(make, 3000))
    assert error.reason is Reason.NOT_DECODABLE
    assert "nested too deeply" in error.message


@pytest.mark.parametrize(
    "elements",
    [
        {"Rows": None},
        {"BitsAllocated": 99},
        {"PhotometricInterpretation": "HEARTLEY^JANE"},
        {"WindowWidth": "0"},
        {"SpecificCharacterSet": "HEARTLEY^JANE"},
    ],
)
def test_values_of_the_header_are_nowhere(make, caplog, elements):
    """Neither in messages, nor in warnings, nor in logs of the libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = make.dicom(make.grey_loop(), "MONOCHROME2", WindowCenter="100", **elements)
    data = data.replace(b"\x28\x00\x02\x00US\x02\x00\x01\x00", b"\x28\x00\x02\x00IS\x02\x00JA")
    caplog.set_level(logging.DEBUG)
    caplog.clear()  # of what writing has said
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        error = outcome(data)
    assert isinstance(error, Clip | UnreadableVideo)
    for text in (str(error), caplog.text, *(str(warning.message) for warning in warned)):
        assert "HEARTLEY" not in text
        assert "JA" not in text


def test_pydicom_may_speak_again_afterwards(make):
    outcome(make.jpeg_dicom())
    assert not logging.getLogger("pydicom").disabled
    with pytest.warns(UserWarning, match="Invalid value"):
        pydicom.DataElement("Modality", "CS", "not a code")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"\0", Reason.UNKNOWN_FORMAT),
        (bytes(1 << 16), Reason.UNKNOWN_FORMAT),
        (b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>", Reason.UNKNOWN_FORMAT),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), Reason.UNKNOWN_FORMAT),
        (bytes(128) + b"DICM", Reason.NO_PIXELS),
    ],
)
def test_what_is_no_video(data, reason):
    assert outcome(data).reason is reason


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        (bytes(128) + b"DICM", Format.DICOM),
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", Format.DICOM),
        (b"\x08\x00\x08\x00\x1a\x00\x00\x00DERIVED", Format.DICOM),
        (b"\x02\x00\x00\x00UL\x04\x00\x00\x00", Format.DICOM),
        (b"\x00\x08\x00\x05CS\x00\x0aISO_IR 100", Format.DICOM),
        (b"\0\0\0\x18ftypisom", Format.MP4),
        (b"\0\0\0\x14ftypqt  ", Format.MOV),
        (b"\0\0\0\x08wide\0\0", Format.MOV),
        (b"RIFF\0\0\0\0AVI LIST", Format.AVI),
        (b"\x1a\x45\xdf\xa3\x01\0", Format.MKV),
    ],
)
def test_formats(beginning, kind):
    assert tell_format(beginning) is kind


def test_opencv_has_as_many_threads_as_before(make):
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        readers = [threading.Thread(target=outcome, args=(make.jpeg_dicom(),)) for _ in range(4)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_reading_twice_gives_the_same(make):
    data = make.jpeg_dicom()
    assert np.array_equal(read_clip(data).frames, read_clip(data).frames)
