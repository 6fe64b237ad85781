"""`echoprime demo` whole: full-size untrained networks over the drawn archive, as a person runs it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from echoprime.demonstration import NOTICE, drawn_studies, repair_damaged
from echoprime.demonstration.archive import damaged_file
from tests.rows import rows

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def demo(place: Path) -> str:
    command = [str(Path(sys.executable).parent / "echoprime"), "demo", "--directory", str(place)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_demonstration(tmp_path: Path) -> None:
    started = time.monotonic()
    said = demo(tmp_path)
    assert time.monotonic() - started < 360
    assert said.count(NOTICE) >= 4
    for words in (
        "report of drawn-01",
        "phenotypes of drawn-01",
        "ejection fraction, %",
        "montage.png",
        "study.html",
        "encoded",
    ):
        assert words in said

    studies = {row["study_id"]: row for row in rows(tmp_path / "out" / "interpretations" / "default")}
    drawn = [study for study in drawn_studies() if study.ejection_fraction is not None]
    errors = [abs(studies[each.study_id]["ejection_fraction"] - each.ejection_fraction) for each in drawn]
    mean = sum(each.ejection_fraction for each in drawn) / len(drawn)
    guessed = [abs(mean - each.ejection_fraction) for each in drawn]
    assert sum(errors) < sum(guessed) / 3

    encodings = {row["study_id"]: row for row in rows(tmp_path / "out" / "encodings")}
    right = [
        video["view"] == view
        for study in drawn
        for video, view in zip(encodings[study.study_id]["videos"], study.views, strict=True)
        if video["outcome"] == "encoded"
    ]
    assert sum(right) >= 0.9 * len(right)
    reasons = {video["reason"] for study in encodings.values() for video in study["videos"]}
    assert reasons == {"", "still", "not_decodable"}
    with Image.open(tmp_path / "montage.png") as picture:
        assert picture.width > 400
    page = (tmp_path / "study.html").read_text()
    assert page.count("<video ") == 4
    assert NOTICE in page

    started = time.monotonic()
    assert "Nothing was to do" in demo(tmp_path)
    assert time.monotonic() - started < 5

    damaged_file(tmp_path / "archive").write_bytes(repair_damaged(tmp_path / "archive"))
    assert "Encoded 1 studies" in demo(tmp_path)
    again = {row["study_id"]: row for row in rows(tmp_path / "out" / "encodings")}
    assert {name for name in again if again[name] != encodings[name]} == {"drawn-06"}
    assert len(rows(tmp_path / "out" / "interpretations" / "default")) == len(drawn_studies())
