"""Drawn loops as DICOM: what a viewer needs is in the header, the pictures come back, no patient is named."""

from io import BytesIO

import numpy as np
import pydicom
import pytest

from echoprime.demonstration import draw_loop, loop_to_dicom
from echoprime.errors import SkippedVideo
from echoprime.reading import read_clip


@pytest.fixture(scope="module")
def loop():
    return draw_loop("A4C", 60, seed=1, frames=5)


def test_a_loop_is_a_valid_multiframe_object(loop):
    image = pydicom.dcmread(BytesIO(loop_to_dicom(loop)))
    assert image.SOPClassUID.name == "Ultrasound Multi-frame Image Storage"
    assert image.file_meta.TransferSyntaxUID.name == "JPEG Baseline (Process 1)"
    assert image.file_meta.MediaStorageSOPInstanceUID == image.SOPInstanceUID
    assert (image.NumberOfFrames, image.Rows, image.Columns) == (5, 300, 400)
    assert image.PhotometricInterpretation == "YBR_FULL_422"
    assert image[image.FrameIncrementPointer].value == pytest.approx(33.333)
    region = image.SequenceOfUltrasoundRegions[0]
    assert (region.RegionSpatialFormat, region.RegionDataType) == (1, 1)
    assert region.PhysicalDeltaX == pytest.approx(0.0596, abs=1e-3)
    assert all(str(uid).startswith("2.25.") and len(uid) <= 64 for uid in _uids(image))
    assert len({str(uid) for uid in _uids(image)}) == 3


def test_pictures_come_back(loop):
    image = pydicom.dcmread(BytesIO(loop_to_dicom(loop)))
    difference = np.abs(image.pixel_array.astype(int) - loop)
    assert image.pixel_array.shape == loop.shape
    assert difference.mean() < 2.5


def test_nobody_is_named(loop):
    image = pydicom.dcmread(BytesIO(loop_to_dicom(loop)))
    assert image.PatientID == "DRAWN-0001"
    assert str(image.PatientName) == "Drawn^Phantom"
    assert image.PatientBirthDate == ""
    assert image.BurnedInAnnotation == "NO"


def test_the_same_loop_gives_the_same_bytes(loop):
    assert loop_to_dicom(loop) == loop_to_dicom(loop)
    assert loop_to_dicom(loop) != loop_to_dicom(loop, number=2)


def test_loops_of_a_study_share_its_uid(loop):
    first, second, other = (
        pydicom.dcmread(BytesIO(loop_to_dicom(loop, study=study, number=number)))
        for study, number in (("a", 1), ("a", 2), ("b", 1))
    )
    assert first.StudyInstanceUID == second.StudyInstanceUID != other.StudyInstanceUID
    assert len({image.SOPInstanceUID for image in (first, second, other)}) == 3


def test_colour_is_announced(loop):
    image = pydicom.dcmread(BytesIO(loop_to_dicom(loop, colour_doppler=True)))
    assert image.UltrasoundColorDataPresent == 1
    assert image.SequenceOfUltrasoundRegions[0].RegionDataType == 2


def test_one_frame_is_a_still(loop):
    content = loop_to_dicom(loop[:1])
    assert pydicom.dcmread(BytesIO(content)).SOPClassUID.name == "Ultrasound Image Storage"
    with pytest.raises(SkippedVideo) as caught:
        read_clip(content)
    assert caught.value.reason == "still"


def test_a_loop_is_read_and_what_is_written_around_it_is_not():
    clip = read_clip(loop_to_dicom(draw_loop("A4C", 60, seed=1, frames=33)))
    assert (clip.used, clip.frames_in_file, clip.format) == (16, 33, "dicom")
    assert 15 < clip.frames.mean() < 90
    assert not clip.frames[:, :20, :20].any()  # the words in the corner
    assert (clip.frames[0] != clip.frames[8]).mean() > 0.2


def _uids(image):
    return image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID
