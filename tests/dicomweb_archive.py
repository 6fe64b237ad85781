"""An archive for DICOMweb tests: the demonstration's drawn loops, laid out as a service's paths are."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
from pydicom.uid import generate_uid

from echoprime.demonstration import draw_loop, loop_to_dicom
from tests.tiny import small_loop

PATIENTS = (
    "SECRET-PATIENT-1",
    "SECRET-PATIENT-2",
    "SECRET-PATIENT-3",
    "SECRET-PATIENT-4",
    "SECRET-PATIENT-5",
)
STUDIES, VIDEOS = 5, 9


def write_dicomweb_archive(directory: Path) -> Path:
    """Five studies of nine videos: seven drawn loops, a still, and a loop whose first picture is damaged.

    A file's path is StudyInstanceUID/SeriesInstanceUID/SOPInstanceUID.
    """
    for number, views in enumerate((("A4C", "Parasternal_Long"), ("A2C", "Apical_Doppler"))):
        for place, view in enumerate(views):
            drawn = draw_loop(view, 40 + 20 * number, seed=number + 1, frames=20, rows=150, columns=200)
            _keep(directory, _dicom(drawn, number, place))
            if view == "A4C":
                _keep(directory, _dicom(drawn[:1], number, 8))
            if view == "A2C":
                _keep(directory, _damaged(_dicom(drawn, number, 9)))
    for number in (2, 3, 4):
        loop = pydicom.dcmread(io.BytesIO(small_loop(number)))
        loop.PatientID, loop.StudyDate = PATIENTS[number], f"2001010{number}"
        _keep(directory, _written(loop))
    return directory


def other_modality(data: bytes, modality: str, *, new_study: bool) -> bytes:
    """The same object as one of another modality's series."""
    image = pydicom.dcmread(io.BytesIO(data))
    image.Modality = modality
    image.SeriesInstanceUID, image.SOPInstanceUID = generate_uid(), generate_uid()
    if new_study:
        image.StudyInstanceUID = generate_uid()
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    return _written(image)


def with_frames(data: bytes, number: int) -> bytes:
    """The same object, UIDs too, that says another number of frames."""
    image = pydicom.dcmread(io.BytesIO(data))
    image.NumberOfFrames = number
    return _written(image)


def _dicom(frames, study: int, number: int) -> bytes:
    return loop_to_dicom(frames, study=f"dicomweb-{study}", patient_id=PATIENTS[study], number=number)


def _damaged(data: bytes) -> bytes:
    """A whole DICOM object whose first picture no longer tells its size."""
    place = data.index(b"\xff\xc0")
    return data[:place] + b"\xff\xfe" + data[place + 2 :]


def _keep(directory: Path, data: bytes) -> None:
    image = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
    folder = directory / image.StudyInstanceUID / image.SeriesInstanceUID
    folder.mkdir(parents=True, exist_ok=True)
    (folder / image.SOPInstanceUID).write_bytes(data)


def _written(image: pydicom.Dataset) -> bytes:
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
