"""`echoprime view`: pages from an output's tables and its archive, and what it refuses."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from echoprime.errors import SettingError, TableError, UserError
from echoprime.storage import Location
from echoprime.tables import StudyTable, list_runs
from pipelines.interpret import interpret
from pipelines.settings import InterpretSettings, ViewSettings
from pipelines.view import write_pages

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def output(encoded: Path, bundle: Bundle) -> Path:
    """Encoded, and interpreted as `viewed`."""
    interpret(InterpretSettings(bundle=str(bundle.location), output=str(encoded), name="viewed"))
    return encoded


def view(output: Path, page: Path, **settings: object) -> str:
    fields = {"output": str(output), "page": str(page), "name": "viewed", **settings}
    write_pages(ViewSettings(**fields))  # type: ignore[arg-type]
    return page.read_text() if page.is_file() else ""


def test_a_study_s_page_has_its_clips_and_its_evidence(output: Path, tmp_path: Path) -> None:
    text = view(output, tmp_path / "page.html", study="study-3", deidentified=True)
    assert text.count('src="data:video/webm;base64,') == 4
    assert text.count('poster="data:image/webp;base64,') == 4
    for words in ("<h2>Report</h2>", "<h2>Phenotypes</h2>", "What counted how much", "untrained: for tests"):
        assert words in text
    assert not re.search(r"study-3\b", text)
    assert "study-3/" in view(output, tmp_path / "asked.html", study="study-3", identifiers=True)


def test_pictures_are_held_back_by_default(output: Path, tmp_path: Path) -> None:
    """The small archive's loops stand still almost everywhere: names could hide in that."""
    text = view(output, tmp_path / "page.html", study="study-3")
    assert text.count("Not shown: ") + text.count("<video ") == 4
    assert "Not shown: too little of it moves" in text


def test_the_file_is_named_by_the_study_s_key(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pages(ViewSettings(output=str(output), study="study-3", name="viewed"))
    write_pages(ViewSettings(output=str(output), run="latest"))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert re.fullmatch(r"run-\d{8}-\d{6}-[0-9a-f]{6}\.html", names[0])
    assert re.fullmatch(r"study-[0-9a-f]{16}-viewed\.html", names[1])


def test_videos_that_are_gone_or_changed_are_said(output: Path, archive: Path, tmp_path: Path) -> None:
    copy = tmp_path / "archive"
    shutil.copytree(archive, copy)
    (copy / "study-3" / "0.dcm").unlink()
    (copy / "study-3" / "1.dcm").write_bytes(b"other")
    text = view(output, tmp_path / "page.html", study="study-3", archive=str(copy), deidentified=True)
    assert "Not shown: not found in the archive that was looked at" in text
    assert "Not shown: changed in the archive since it was encoded" in text
    assert text.count("<video ") == 2


def test_an_archive_that_is_not_known_any_more_costs_the_pictures_alone(output: Path, tmp_path: Path) -> None:
    alone = tmp_path / "out"
    shutil.copytree(output / "encodings", alone / "encodings")
    text = view(alone, tmp_path / "page.html", study="study-3", name="default")
    assert text.count("Not shown: the archive is not known any more; name it with --archive") == 4
    assert "Not interpreted under the name" in text


def test_views_alone_come_with_the_notice_too(output: Path, tmp_path: Path) -> None:
    views = tmp_path / "out"
    for name in ("encodings", "runs"):
        shutil.copytree(output / name, views / name)
    text = view(views, tmp_path / "page.html", study="study-3", name="default")
    assert "Not interpreted under the name" in text
    assert '<p class="notice" role="note">untrained: for tests</p>' in text


def test_several_studies_have_an_index(output: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("study_id\nstudy-3\nstudy-0\nunknown\n")
    view(output, tmp_path / "pages", studies=str(tmp_path / "list.csv"), deidentified=True)
    index = (tmp_path / "pages" / "index.html").read_text()
    links = re.findall(r'href="(study-[^"]+)"', index)
    assert len(links) == 2
    assert all((tmp_path / "pages" / link).is_file() for link in links)
    assert not re.search(r"study-3\b", index)  # "study-3..." may begin a page's name


def test_a_run_s_page_says_what_its_record_says(output: Path, tmp_path: Path) -> None:
    run = next(run for run in list_runs(Location.parse(output)) if run.command == "encode")
    assert set(run.wall) == {"start", "work", "finish"}
    assert set(run.pools) == {"readers", "encoders", "view_classifiers", "driver"}
    assert run.clips_per_second
    text = view(output, tmp_path / "run.html", run=run.run_id)
    assert "What bounded it" in text
    assert f"{run.clips_per_second:,.2f}" in text
    assert "view classifiers" in text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "give one of --study, --studies and --run"),
        ({"study": "study-3", "run": "latest"}, "give one of"),
        ({"study": "Smith^John"}, "no study of this study_id"),
        ({"run": "20200101-000000-aaaaaa"}, "or say latest"),
        ({"study": "study-3", "name": "gone"}, "there are "),
        ({"study": "study-3", "archive": "{}/gone"}, "--archive"),
        ({"study": "study-3", "page": "{}"}, "is a folder"),
        ({"study": "study-3", "page": "/proc/x/page.html"}, "cannot be written"),
        ({"studies": "{}/gone.csv"}, "gone.csv"),
        ({"studies": "{}/none.csv"}, "none of its 1 studies is encoded"),
        ({"studies": "{}/none.csv", "page": "{}/none.csv"}, "with --studies give a folder"),
    ],
)
def test_mistakes_are_one_line(output: Path, tmp_path: Path, settings: dict[str, str], said: str) -> None:
    (tmp_path / "none.csv").write_text("study_id\nSmith^John\n")
    before = sorted(tmp_path.iterdir())
    filled = {name: value.replace("{}", str(tmp_path)) for name, value in settings.items()}
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        view(output, Path(filled.pop("page", str(tmp_path / "page.html"))), **filled)
    assert "Smith" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_an_output_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="there is no table"):
        view(tmp_path, tmp_path / "page.html", study="x")
    with pytest.raises(SettingError, match="has no run"):
        view(tmp_path, tmp_path / "page.html", run="latest")


def test_a_study_encoded_again_is_called_out_of_date(output: Path, tmp_path: Path) -> None:
    copy = tmp_path / "out"
    shutil.copytree(output, copy)
    table = StudyTable.existing(Location.parse(copy / "encodings"))
    rows = table.newest()
    table.append(rows.filter([study == "study-3" for study in rows["study_id"].to_pylist()]))
    text = view(copy, tmp_path / "page.html", study="study-3")
    assert "Out of date: the study was encoded again" in text
