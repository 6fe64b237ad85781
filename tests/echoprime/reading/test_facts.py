"""Facts of a video: what the file says of itself, whatever it says."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.tag import Tag

from echoprime.reading import ClipReader, read_file
from tests.tiny import small_loop


def loop_with(**elements: object) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(small_loop(1)))
    for name, value in elements.items():
        setattr(dataset, name, value)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def test_a_real_loop_says_its_size_time_and_scanner() -> None:
    path = get_testdata_file("examples_ybr_color.dcm")
    truth = pydicom.dcmread(path, stop_before_pixels=True)
    facts = read_file(Path(path).read_bytes()).facts
    assert (facts.rows, facts.columns) == (truth.Rows, truth.Columns)
    assert facts.frame_time == pytest.approx(float(truth.FrameTime))
    assert facts.manufacturer == str(truth.get("Manufacturer") or "")
    assert facts.transfer_syntax == truth.file_meta.TransferSyntaxUID


def test_facts_come_through_the_child_process() -> None:
    data = loop_with(FrameTime="33.3", Manufacturer="Maker\tof  scanners", ManufacturerModelName="M9")
    with ClipReader() as reader:
        facts = reader.read(data).facts
    assert facts == read_file(data).facts
    assert (facts.frame_time, facts.manufacturer, facts.model) == (33.3, "Maker of scanners", "M9")


@pytest.mark.parametrize(
    ("elements", "frame_time"),
    [({"CineRate": 50}, 20.0), ({"RecommendedDisplayFrameRate": 25}, 40.0), ({"FrameTime": "0"}, None)],
)
def test_frame_time_from_rates(elements: dict[str, object], frame_time: float | None) -> None:
    dataset = pydicom.dcmread(io.BytesIO(small_loop(1)))
    for name in ("FrameTime", "CineRate", "RecommendedDisplayFrameRate"):
        if name in dataset:
            del dataset[name]
    for name, value in elements.items():
        setattr(dataset, name, value)
    out = io.BytesIO()
    dataset.save_as(out)
    assert read_file(out.getvalue()).facts.frame_time == frame_time


def test_a_value_that_is_no_number_loses_no_video() -> None:
    data = loop_with(FrameTime="33.3")
    assert data.count(b"33.3") == 1
    reading = read_file(data.replace(b"33.3", b"\xff?x "))
    assert reading.require_clip().used > 0
    assert reading.facts.frame_time == pytest.approx(1000 / 30)  # of RecommendedDisplayFrameRate, beside it


@pytest.mark.parametrize(
    ("pointer", "frame_time"), [("FrameTime", 33.3), ("FrameTimeVector", 50.0), (None, 33.3)]
)
def test_the_pointer_says_which_time_counts(pointer: str | None, frame_time: float) -> None:
    elements = {"FrameTime": "33.3", "FrameTimeVector": ["0", "40", "50", "60"]}
    if pointer:
        elements["FrameIncrementPointer"] = Tag(pointer)
    assert read_file(loop_with(**elements)).facts.frame_time == frame_time


def test_facts_of_a_damaged_loop_stand() -> None:
    data = loop_with(Manufacturer="Maker")
    reading = read_file(data[: len(data) // 2])
    assert (reading.outcome, reading.facts.manufacturer) == ("failed", "Maker")
    assert reading.facts.frames is not None
    assert reading.facts.instance is not None
    assert reading.facts.content is None


def test_content_is_the_clip_and_instance_the_object() -> None:
    one, other = read_file(loop_with(SOPInstanceUID="1.2.3")), read_file(loop_with(SOPInstanceUID="1.2.4"))
    assert one.facts.content == other.facts.content != read_file(small_loop(2)).facts.content
    assert one.facts.instance != other.facts.instance
