"""Real files of three packages: each ends in a clip or in its documented reason, as it did before."""

from __future__ import annotations

import pytest

from tests.file_tree import ROOT
from tests.real_files import ends

LOOPS = {
    "pydicom/test_files/examples_ybr_color.dcm",
    "pydicom-data/color3d_jpeg_baseline.dcm",
    "pydicom-data/OBXXXX1A_2frame.dcm",
    "pydicom-data/OBXXXX1A_expb_2frame.dcm",
    "pydicom-data/OBXXXX1A_rle_2frame.dcm",
    "deid-data/ultrasounds/GREYSCALE_CINE.zip/GREYSCALE_CINE.dcm",
    "deid-data/ultrasounds/RGB_CINE.zip/RGB_CINE.dcm",
    "deid-data/ultrasounds/ultrasound-multiframe.dcm",
}


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    return ends()


def test_every_file_ends_as_it_did(found):
    lines = (ROOT / "tests" / "data" / "real_files.tsv").read_text().splitlines()
    expected = dict(line.split("\t", 1) for line in lines)
    assert {name: end for name, end in found.items() if expected.get(name) != end} == {}
    assert found.keys() == expected.keys()


def test_ultrasound_loops_are_read_and_nothing_else(found):
    assert {name for name, end in found.items() if end.startswith("clip\t")} == LOOPS
