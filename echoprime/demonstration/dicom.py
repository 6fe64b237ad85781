"""A drawn loop as a scanner would store it: a DICOM Ultrasound Multi-frame Image, JPEG baseline.

The same loop gives the same bytes each time: identifiers are hashes of the pictures, dates are fixed.
"""

from __future__ import annotations

import hashlib
from io import BytesIO

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEGBaseline8Bit, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

from echoprime.demonstration.phantom import FRAME_TIME
from echoprime.demonstration.speckle import DEPTH, screen

PATIENT = "DRAWN-0001"
IMPLEMENTATION = UID("2.25.145871364187652043187621")
"""Class UID of this writer, under the root for UUIDs."""
QUALITY = 88


def loop_to_dicom(
    frames: NDArray[np.uint8],
    *,
    study: str = "drawn",
    patient_id: str = PATIENT,
    number: int = 1,
    colour_doppler: bool = False,
    frame_time: float = FRAME_TIME,
) -> bytes:
    """Write a loop, or a still where there is one frame.

    Parameters
    ----------
    frames
        uint8 (frames, rows, columns, 3), RGB.
    study
        Loops of one study share its StudyInstanceUID, a hash of this.
    patient_id
        Obviously invented: nobody was examined.
    number
        InstanceNumber in the study.
    colour_doppler
        Whether the header says that there is colour flow in it.
    frame_time
        Milliseconds from frame to frame.

    Returns
    -------
    The whole file: YBR_FULL_422, one JPEG baseline stream a frame, one fragment each.

    Examples
    --------
    >>> loop = np.zeros((2, 64, 64, 3), np.uint8)
    >>> loop_to_dicom(loop) == loop_to_dicom(loop)
    True
    """
    count, rows, columns, _ = frames.shape
    still = count == 1
    streams = [_jpeg(frame) for frame in frames]
    instance = _uid("instance", study, str(number), *(hashlib.sha256(s).hexdigest() for s in streams))
    storage = UltrasoundImageStorage if still else UltrasoundMultiFrameImageStorage
    image = FileDataset("", {}, file_meta=_file_meta(storage, instance), preamble=b"\0" * 128)
    image.SpecificCharacterSet = "ISO_IR 192"
    image.ImageType = ["DERIVED", "PRIMARY"]
    image.SOPClassUID, image.SOPInstanceUID = storage, instance
    _add_study(image, study, patient_id, number)
    image.SequenceOfUltrasoundRegions = [_region(rows, columns, colour_doppler)]
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "YBR_FULL_422", 0
    if not still:
        image.NumberOfFrames = count
        image.FrameIncrementPointer = 0x00181063
        image.FrameTime = f"{frame_time:.3f}"
        image.StartTrim, image.StopTrim = 1, count
        image.RecommendedDisplayFrameRate = round(1000 / frame_time)
        image.CineRate = round(1000 / frame_time)
    image.UltrasoundColorDataPresent = int(colour_doppler)
    image.Rows, image.Columns = rows, columns
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
    image.BurnedInAnnotation = "NO"
    image.LossyImageCompression = "01"
    image.LossyImageCompressionMethod = "ISO_10918_1"
    image.LossyImageCompressionRatio = f"{frames.nbytes / sum(map(len, streams)):.2f}"
    image.PixelData = encapsulate(streams)
    image["PixelData"].is_undefined_length = True
    buffer = BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _jpeg(frame: NDArray[np.uint8]) -> bytes:
    """One frame, colours at half width as scanners store them."""
    stream = imagecodecs.jpeg8_encode(
        np.ascontiguousarray(frame), level=QUALITY, colorspace="RGB", outcolorspace="YCBCR", subsampling="422"
    )
    return bytes(stream)


def _uid(*parts: str) -> UID:
    """A UID under 2.25 (UUIDs as numbers) out of a hash."""
    digest = hashlib.blake2b("/".join(parts).encode(), digest_size=16).digest()
    return UID(f"2.25.{int.from_bytes(digest, 'big')}")


def _file_meta(storage: UID, instance: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = storage, instance
    meta.TransferSyntaxUID = JPEGBaseline8Bit
    meta.ImplementationClassUID = IMPLEMENTATION
    meta.ImplementationVersionName = "ECHOPRIME_DRAWN"
    return meta


def _add_study(image: Dataset, study: str, patient_id: str, number: int) -> None:
    """Whom, when, with what: all invented."""
    image.StudyInstanceUID, image.SeriesInstanceUID = _uid("study", study), _uid("series", study)
    image.PatientName, image.PatientID = "Drawn^Phantom", patient_id
    image.PatientBirthDate, image.PatientSex = "", ""
    image.StudyDate = image.SeriesDate = image.ContentDate = "20000101"
    image.StudyTime = image.SeriesTime = image.ContentTime = "120000"
    image.StudyID, image.AccessionNumber, image.ReferringPhysicianName = study[:16], "", ""
    image.StudyDescription = "Drawn phantom, no examination"
    image.Modality, image.Manufacturer = "US", "Drawn"
    image.SeriesNumber, image.InstanceNumber = 1, number
    image.PatientOrientation = ""


def _region(rows: int, columns: int, colour_doppler: bool) -> Dataset:
    """The fan: where it lies, and how many cm a pixel is."""
    shown, region = screen(rows, columns), Dataset()
    _, bottom = shown.pixel(0.0, DEPTH)
    region.RegionSpatialFormat, region.RegionFlags = 1, 2
    region.RegionDataType = 2 if colour_doppler else 1
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = columns - 1, min(bottom, rows - 1)
    region.ReferencePixelX0, region.ReferencePixelY0 = shown.pixel(0.0, 0.0)
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.ReferencePixelPhysicalValueX, region.ReferencePixelPhysicalValueY = 0.0, 0.0
    region.PhysicalDeltaX = region.PhysicalDeltaY = float(f"{1 / shown.scale:.10g}")
    return region
