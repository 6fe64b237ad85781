"""What must not be encoded, and what a picture is made of."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from echoprime.errors import Reason
from echoprime.reading import read_file
from echoprime.reading.regions import REGION_NAMES
from echoprime.tables import REGIONS

STORAGE = "1.2.840.10008.5.1.4.1.1."


def region(space, content, width, height):
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = space, content, 0
    item.RegionLocationMinX0 = item.RegionLocationMinY0 = 0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = width - 1, height - 1
    return item


def read_with(make, **elements):
    return read_file(make.dicom(make.loop(), "RGB", **elements))


def test_names_of_regions_are_those_of_the_tables():
    assert REGION_NAMES == REGIONS


@pytest.mark.parametrize(
    ("sop_class", "modality", "reason"),
    [
        (STORAGE + "3.1", "US", None),
        (STORAGE + "3", "US", None),
        (STORAGE + "6.1", "US", None),
        (STORAGE + "6", "US", None),
        (None, "US", None),
        (None, None, None),
        ("1.3.46.670589.2.5.1.1", "US", None),  # private
        (STORAGE + "7", "US", Reason.SECONDARY_CAPTURE),
        (STORAGE + "7.4", "OT", Reason.SECONDARY_CAPTURE),
        (STORAGE + "6.2", "US", Reason.VOLUME),
        (STORAGE + "12.1", "XA", Reason.OTHER_MODALITY),
        (STORAGE + "77.1.1", "US", Reason.OTHER_MODALITY),
        (STORAGE + "3.1", "IVUS", Reason.OTHER_MODALITY),
        (None, "CT", Reason.OTHER_MODALITY),
        ("1.3.46.670589.2.5.1.1", "XA", Reason.OTHER_MODALITY),
    ],
)
def test_classes_and_modalities(make, sop_class, modality, reason):
    reading = read_with(make, SOPClassUID=sop_class, **{"Modality": modality} if modality else {})
    assert (reading.error.reason if reading.error else None) is reason
    if reason:
        assert (reading.outcome, reading.facts.frames, reading.facts.frames_decoded) == ("skipped", 8, 0)


@pytest.mark.parametrize(
    ("items", "names", "reason"),
    [
        ([region(1, 1, 100, 90)], ("2d",), None),
        ([region(1, 1, 100, 90), region(1, 2, 40, 40)], ("2d", "colour"), None),
        ([region(1, 1, 100, 30), region(3, 3, 100, 60)], ("2d", "spectral"), Reason.SPECTRAL),
        ([region(3, 4, 100, 60)], ("spectral",), Reason.SPECTRAL),
        ([region(1, 1, 100, 60), region(3, 3, 100, 30)], ("2d", "spectral"), None),
        ([region(1, 1, 100, 30), region(2, 1, 100, 60)], ("2d", "m_mode"), Reason.M_MODE),
        ([region(2, 2, 100, 60)], ("colour", "m_mode"), Reason.M_MODE),
        ([region(4, 0xA, 100, 10), region(1, 1, 100, 80)], ("2d", "waveform"), None),
        ([region(5, 0xE, 10, 80), region(1, 1, 90, 80)], ("2d", "graphics"), None),
        ([region(0, 0, 10, 10)], (), None),
    ],
)
def test_regions(make, items, names, reason):
    reading = read_with(make, SequenceOfUltrasoundRegions=items)
    assert reading.facts.regions == tuple(sorted(names, key=REGIONS.index))
    assert (reading.error.reason if reading.error else None) is reason


@pytest.mark.parametrize(
    ("elements", "names", "reason"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "TTE", "0011"]}, ("2d", "colour"), None),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "TTE", "0009"]}, ("2d", "spectral"), None),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "TTE", "0008"]}, ("spectral",), Reason.SPECTRAL),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "TTE", "0002"]}, ("m_mode",), Reason.M_MODE),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "TTE", "CARDIAC"]}, (), None),
        ({"UltrasoundColorDataPresent": 1}, ("colour",), None),
        ({"UltrasoundColorDataPresent": 0}, (), None),
    ],
)
def test_hints_where_there_are_no_regions(make, elements, names, reason):
    reading = read_with(make, **elements)
    assert reading.facts.regions == names
    assert (reading.error.reason if reading.error else None) is reason


def test_damaged_regions_lose_no_video(make):
    item = region(1, 1, 100, 90)
    del item.RegionLocationMaxX1
    item.RegionSpatialFormat = None
    reading = read_with(make, SequenceOfUltrasoundRegions=[item])
    assert (reading.outcome, reading.facts.regions) == ("encoded", ())
