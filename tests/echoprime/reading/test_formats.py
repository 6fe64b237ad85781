"""Every transfer syntax and photometric interpretation comes back as what was drawn."""

from __future__ import annotations

import pytest

from echoprime.reading import read_file
from tests.drawn_formats import BEGIN, CASES, END, formats_table, levels
from tests.file_tree import ROOT

NEAR = 2  # grey levels


@pytest.mark.parametrize("name", CASES)
def test_levels(name):
    case, found = CASES[name], levels(name)
    assert found.beyond_codec <= NEAR, "more is lost than by the codec alone"
    if case.decode is None:
        assert found.worst <= NEAR
    else:  # a wrong range or matrix would move everything by more than the codec loses
        assert found.mean <= found.codec_mean + 0.5
        assert found.codec_mean < 12


@pytest.mark.parametrize("name", CASES)
def test_clips(name):
    reading = read_file(CASES[name].file())
    assert (reading.outcome, reading.facts.frames, reading.facts.frames_decoded) == ("encoded", 6, 6)
    assert reading.require_clip().frames.max() > 100


def test_the_table_of_the_readme():
    _, _, rest = (ROOT / "README.md").read_text().partition(BEGIN)
    assert rest.partition(END)[0] == formats_table(), (
        "write it again: .venv/bin/python -m tests.drawn_formats"
    )
