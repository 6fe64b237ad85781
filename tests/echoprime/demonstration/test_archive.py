"""The drawn archive: what is in it, that it is drawn once, and that what a user replaced stays."""

import csv
import shutil
from collections import Counter

import pytest

from echoprime.demonstration import draw_archive, drawn_studies, repair_damaged
from echoprime.demonstration.archive import DAMAGED, REAL_STUDY, STILL, TRUTH, damaged_file
from echoprime.errors import ArchiveError, UnreadableVideo, VideoError
from echoprime.reading import read_clip

FRAMES = 4  # a real one has 40; here only files count


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "archive"
    return folder, draw_archive(folder, frames=FRAMES)


@pytest.fixture
def archive(drawn, tmp_path):
    shutil.copytree(drawn[0].parent, tmp_path / "demo")
    return tmp_path / "demo" / "archive"


def times(archive):
    return {path: path.stat().st_mtime_ns for path in archive.rglob("*")}


def test_studies_and_their_loops():
    studies = {study.study_id: study for study in drawn_studies()}
    assert len(studies) == 10
    synthetic = [study for name, study in studies.items() if name != REAL_STUDY]
    still_study = STILL[0]
    for study in synthetic:
        assert 3 <= len(study.files) - (study.study_id == still_study) <= 5
    fractions = [study.ejection_fraction for study in synthetic]
    assert (min(fractions), max(fractions)) == (20, 70)
    assert len({view for study in synthetic for view in study.views}) >= 6
    assert "Apical_Doppler" in {view for study in synthetic for view in study.views}
    assert studies[REAL_STUDY].ejection_fraction is None


def test_files_are_there_and_every_outcome_shows(drawn):
    folder, studies = drawn
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == sorted(f"{study.study_id}/{name}" for study in studies for name in study.files)
    outcomes = Counter()
    for name in files:
        try:
            read_clip((folder / name).read_bytes())
            outcomes["encoded"] += 1
        except VideoError as error:
            outcomes[error.reason] += 1
    assert outcomes == {"encoded": len(files) - 2, "still": 1, "not_decodable": 1}


def test_truth_lies_beside_the_archive(drawn):
    folder, studies = drawn
    with (folder.parent / TRUTH).open(newline="") as source:
        rows = list(csv.DictReader(source))
    assert len(rows) == sum(len(study.files) for study in studies)
    assert rows[0]["ejection_fraction"] == "20"
    assert [row["kind"] for row in rows if row["kind"] != "loop"] == ["still", "damaged", "real"]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["archive", TRUTH]


def test_drawing_again_touches_nothing(archive):
    before, done = times(archive.parent), []
    draw_archive(archive, frames=FRAMES, progress=lambda *count: done.append(count))
    assert times(archive.parent) == before
    assert done == []


def test_only_what_is_missing_or_changed_is_drawn(archive):
    missing, changed = archive / "drawn-01" / "0001.dcm", archive / "drawn-02" / "0002.dcm"
    good = missing.read_bytes(), changed.read_bytes()
    missing.unlink()
    changed.write_bytes(b"something else")
    before, done = times(archive), []
    draw_archive(archive, frames=FRAMES, progress=lambda *count: done.append(count))
    assert (missing.read_bytes(), changed.read_bytes()) == good
    assert done == [(1, 2), (2, 2)]
    untouched = {path for path, time in times(archive).items() if path.is_file() and before.get(path) == time}
    assert untouched == {path for path in before if path.is_file() and path != changed}


def test_without_its_list_the_archive_is_compared_and_kept(archive):
    (archive.parent / TRUTH).unlink()
    before = times(archive)
    draw_archive(archive, frames=FRAMES)
    assert times(archive) == before
    assert (archive.parent / TRUTH).is_file()


def test_a_replaced_damaged_file_stays(archive):
    path = damaged_file(archive)
    assert (path.parent.name, path.name) == DAMAGED
    with pytest.raises(UnreadableVideo):
        read_clip(path.read_bytes())
    path.write_bytes(repair_damaged(archive, frames=FRAMES))
    assert read_clip(path.read_bytes()).used == FRAMES // 2
    before = times(archive)
    draw_archive(archive, frames=FRAMES)
    (archive.parent / TRUTH).unlink()
    draw_archive(archive, frames=FRAMES)
    assert times(archive) == before


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "archive").write_text("")
    with pytest.raises(ArchiveError, match="a file is in the way"):
        draw_archive(tmp_path / "archive")
    with pytest.raises(ArchiveError, match="no drawn archive"):
        repair_damaged(tmp_path)
