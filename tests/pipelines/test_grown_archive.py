"""An archive that grew, changed, lost studies and got them back; and a copy of it elsewhere."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from echoprime.storage import Location
from echoprime.tables import StudyTable
from pipelines import encode as encode_module
from pipelines.encode import encode
from pipelines.interpret import interpret
from pipelines.manifest import list_archive
from pipelines.ray_session import ClusterSize
from pipelines.results import JobResult
from pipelines.settings import EncodeSettings, InterpretSettings, ManifestSettings, OutputSettings
from pipelines.status import show_status
from pipelines.summary import planned_counts
from tests.tiny import small_loop

pytestmark = pytest.mark.ray


class Place:
    """A copy of the archive, and an output with its encodings."""

    def __init__(self, folder: Path, archive: Path, encoded: Path, bundle: Bundle) -> None:
        self.archive, self.output, self.bundle = folder / "archive", folder / "out", bundle
        shutil.copytree(archive, self.archive)
        # the table alone: no run of another archive
        shutil.copytree(encoded / "encodings", self.output / "encodings")

    def encode(self, archive: Path | None = None, **more: object) -> JobResult:
        """List and encode, as `echoprime run` does."""
        manifest = self.output / "manifest.parquet"
        list_archive(ManifestSettings(archive=str(archive or self.archive), manifest=str(manifest)))
        return encode(
            EncodeSettings(
                manifest=str(manifest),
                bundle=str(self.bundle.location),
                output=str(self.output),
                progress=False,
                encoders=1,  # an actor more costs two seconds of importing torch
                **more,
            )
        )

    def interpret(self, **more: object) -> JobResult:
        """Interpret what is encoded."""
        return interpret(
            InterpretSettings(
                bundle=str(self.bundle.location), output=str(self.output), progress=False, shards=2, **more
            )
        )

    def rows(self, table: str) -> dict[str, dict]:
        """Study -> its newest row."""
        found = StudyTable.existing(Location.parse(self.output / table)).newest()
        return {row["study_id"]: row for row in found.to_pylist()}

    @property
    def status(self) -> dict[str, str]:
        """Study -> status of its encodings row."""
        return {study: row["status"] for study, row in self.rows("encodings").items()}


@pytest.fixture
def place(cluster: ClusterSize, archive: Path, encoded: Path, bundle: Bundle, tmp_path: Path) -> Place:
    return Place(tmp_path, archive, encoded, bundle)


def test_grown_changed_vanished_and_back(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.interpret().studies == 6
    before, interpreted = place.rows("encodings"), place.rows("interpretations/default")
    (place.archive / "new").mkdir()
    (place.archive / "new" / "1.dcm").write_bytes(small_loop(77))
    (place.archive / "study-1" / "damaged.dcm").write_bytes(small_loop(6))
    shutil.move(place.archive / "study-3", tmp_path / "study-3")

    result = place.encode()
    assert planned_counts(result) == {
        "new": 1,
        "changed": 1,
        "done already": 4,
        "no longer in the archive, marked and kept": 1,
    }
    after = place.rows("encodings")
    assert Counter(place.status.values()) == {"complete": 6, "vanished": 1}
    assert after["study-3"] == {**before["study-3"], "status": "vanished"}
    assert {study for study in after if after[study] != before.get(study)} == {"new", "study-1", "study-3"}

    # Its interpretation stays as it is, and another one takes it too: videos are not needed.
    assert place.interpret().studies == 2
    assert place.rows("interpretations/default")["study-3"] == interpreted["study-3"]
    assert place.interpret(name="again").studies == 7
    capsys.readouterr()
    show_status(OutputSettings(output=str(place.output)))
    said = capsys.readouterr().out
    assert "encodings: 7 studies, 0 of them incomplete" in said
    assert "1 of them are no longer in the archive" in said
    assert "another encode: 0 studies" in said
    assert "another interpret --name default: 0 studies" in said

    # Again: nothing to do, and no Ray for it; back: only its mark is taken away.
    monkeypatch.delattr(encode_module, "ray_session")
    assert place.encode().nothing_to_do
    assert place.status["study-3"] == "vanished"
    shutil.move(tmp_path / "study-3", place.archive / "study-3")
    result = place.encode()
    assert (result.nothing_to_do, result.studies) == (True, 7)
    assert planned_counts(result) == {"done already": 6, "in the archive again, not encoded again": 1}
    assert place.rows("encodings")["study-3"] == before["study-3"]
    assert place.interpret().nothing_to_do


def test_a_part_of_an_archive_marks_nothing(place: Place, tmp_path: Path) -> None:
    shutil.move(place.archive / "study-5", tmp_path / "study-5")
    assert place.encode(limit=3).planned["vanished"] is None
    (tmp_path / "list.csv").write_text("study_id\nstudy-0\n")
    place.encode(studies=str(tmp_path / "list.csv"))
    assert set(place.status.values()) == {"complete"}
    assert place.encode().planned["vanished"] == 1
    assert place.status["study-5"] == "vanished"
    # A part that has the study takes its mark away.
    shutil.move(tmp_path / "study-5", place.archive / "study-5")
    place.encode(limit=5)
    assert place.status["study-5"] == "vanished"
    place.encode(limit=6)
    assert place.status["study-5"] == "complete"


@pytest.mark.slow
def test_an_incomplete_study_that_vanishes_is_taken_up_when_it_is_back(place: Place, tmp_path: Path) -> None:
    hidden = place.archive / "study-2" / "0.dcm"
    data = hidden.read_bytes()
    manifest = place.output / "manifest.parquet"
    hidden.write_bytes(data)  # a new time: the study has changed
    list_archive(ManifestSettings(archive=str(place.archive), manifest=str(manifest)))
    hidden.unlink()
    settings = EncodeSettings(
        manifest=str(manifest), bundle=str(place.bundle.location), output=str(place.output), progress=False
    )
    assert encode(settings).incomplete == 1
    hidden.write_bytes(data)
    shutil.move(place.archive / "study-2", tmp_path / "study-2")
    place.encode()
    assert place.status["study-2"] == "vanished_incomplete"
    assert place.interpret().studies == 5
    assert place.interpret().exit_code == 0
    shutil.move(tmp_path / "study-2", place.archive / "study-2")
    assert place.encode().studies == 1
    assert place.status["study-2"] == "complete"


def test_a_copy_elsewhere_is_not_encoded_again_when_asked(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(place.archive, copy)
    for path in copy.rglob("*.dcm"):
        os.utime(path, ns=(1, 1))
    before = place.rows("encodings")
    with monkeypatch.context() as patch:
        patch.delattr(encode_module, "ray_session")
        result = place.encode(copy, same_files=True)
        assert (result.nothing_to_do, result.studies) == (True, 6)
        with pytest.raises(NameError, match="ray_session"):  # without it all six would be encoded
            place.encode(copy)
    assert place.rows("encodings") == before

    other = copy / "study-1" / "damaged.dcm"
    other.write_bytes(small_loop(6))
    shutil.rmtree(copy / "study-0")
    result = place.encode(copy, same_files=True)
    assert planned_counts(result) == {
        "changed": 1,
        "done already": 4,
        "no longer in the archive, marked and kept": 1,
    }
    assert {study for study, status in place.status.items() if status == "vanished"} == {"study-0"}


@pytest.mark.slow
def test_another_archive_in_the_same_output_makes_nobody_vanish(place: Place, tmp_path: Path) -> None:
    (place.archive / "new").mkdir()
    (place.archive / "new" / "1.dcm").write_bytes(small_loop(77))
    place.encode()  # a run of the first archive
    other = tmp_path / "other" / "elsewhere"
    other.mkdir(parents=True)
    (other / "1.dcm").write_bytes(small_loop(78))
    result = place.encode(tmp_path / "other")
    assert result.studies == 1
    assert result.planned["vanished"] is None
    assert result.planned["not_judged"] == 7
    assert set(place.status.values()) == {"complete"}
