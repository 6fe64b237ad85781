"""No word of a header comes out of reading, but for the scanner's make and model."""

from __future__ import annotations

import logging
import traceback
import warnings
from dataclasses import asdict

import pydicom
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.sequence import Sequence

from echoprime.errors import Reason
from echoprime.reading import ClipReader, read_file
from tests.tiny import small_loop

MARKER = "ZEBRAFISH"
TEXTS = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
NEEDED = {"PixelData", "Manufacturer", "ManufacturerModelName"}


def marked(make, keep: set[str], **elements: object) -> bytes:
    """A loop of which every text element of the data dictionary but `keep` holds the marker."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(make(1))
        for tag, (kind, _, _, retired, keyword) in DicomDictionary.items():
            if kind in TEXTS and keyword and not retired and tag >> 16 > 2 and keyword not in keep | NEEDED:
                dataset.add_new(tag, "LO" if kind not in ("PN", "UT", "ST", "LT") else kind, MARKER)
        dataset.Manufacturer, dataset.ManufacturerModelName = "Maker", "M9"
        block = dataset.private_block(0x0011, MARKER, create=True)
        block.add_new(0x01, "LO", MARKER)
        item = pydicom.Dataset()
        item.PatientName = item.StudyDescription = MARKER
        dataset.RequestAttributesSequence = Sequence([item])
        for name, value in elements.items():
            setattr(dataset, name, value)
        file = pydicom.filebase.DicomBytesIO()
        dataset.save_as(file)
    return file.getvalue()


PIXELS = {"NumberOfFrames", "PhotometricInterpretation", "SOPClassUID", "Modality"}


@pytest.fixture
def loop():
    def make(number: int) -> pydicom.filebase.DicomBytesIO:
        return pydicom.filebase.DicomBytesIO(small_loop(number))

    return make


@pytest.mark.parametrize(
    ("keep", "elements", "reason"),
    [
        (PIXELS, {}, None),
        (PIXELS, {"NumberOfFrames": "1"}, Reason.STILL),
        (PIXELS - {"Modality", "SOPClassUID"}, {}, Reason.OTHER_MODALITY),
        (PIXELS - {"NumberOfFrames"}, {}, "any"),
        (PIXELS - {"PhotometricInterpretation"}, {}, "any"),
        (PIXELS, {"Rows": 60_000}, "any"),
        (PIXELS, {"BitsAllocated": 32}, "any"),
    ],
)
def test_headers_stay_where_they_are(loop, caplog, keep, elements, reason):
    data = marked(loop, keep, **elements)
    assert data.count(MARKER.encode()) > 1000
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        reading = read_file(data)
    if reason != "any":
        assert (reading.error.reason if reading.error else None) is reason
    shown = [str(asdict(reading.facts)), repr(reading), caplog.text, *(str(each.message) for each in warned)]
    if reading.error is not None:
        shown += ["".join(traceback.format_exception(reading.error)), reading.error.message]
    assert not [text for text in shown if MARKER in text.upper()]
    assert (reading.facts.manufacturer, reading.facts.model) == ("Maker", "M9")


def test_nothing_comes_through_the_child(loop, capfd):
    with ClipReader() as reader:
        reading = reader.read(marked(loop, PIXELS))
    assert MARKER not in repr(reading) + "".join(capfd.readouterr())
    assert reading.clip is not None
