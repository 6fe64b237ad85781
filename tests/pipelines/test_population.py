"""`echoprime population` as a person meets it: one page and its tables, or one line and nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from echoprime.demonstration import drawn_studies, write_cohort
from echoprime.demonstration.cohort import NOT_IN_ARCHIVE
from pipelines.cli import main
from tests.echoprime.population.drawn import study, write_output


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn archive's studies, estimated two per cent too high, and its drawn cohort."""
    folder = tmp_path_factory.mktemp("population")
    studies = [
        study(each.study_id, ejection_fraction=2 + (each.ejection_fraction or 50.0))
        for each in drawn_studies()
    ]
    write_output(folder / "out", studies)
    write_cohort(folder, drawn_studies())
    (folder / "twice.csv").write_text("study_id,age\ndrawn-01,50\ndrawn-01,51\n")
    (folder / "dates.csv").write_text(
        "study_id,date\ndrawn-01,2024-01-02\ndrawn-02,2.1.2024\ndrawn-03,2 Jan 24\n"
    )
    (folder / "empty.csv").write_text("study_id,site\ndrawn-01,\ndrawn-02,\n")
    (folder / "keyless.csv").write_text("name,age\nSmith,50\n")
    return folder


def run(place: Path, words: str) -> int:
    return main(words.replace("{}", str(place)).split())


def test_the_drawn_cohort(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "population --output {}/out --cohort {}/cohort.csv --by sex,site,device "
        "--known ejection_fraction=drawn_ejection_fraction --draws 100"
    )
    assert run(place, words) == 0
    said = capsys.readouterr().out
    assert "mean absolute error 2.00 %" in said
    assert "9 studies of 7 patients" in said
    assert "not in the cohort: 1 studies" in said
    folder = place / "out" / "populations" / "default"
    assert f"page: {folder / 'population.html'}" in said
    facts = json.loads((folder / "population.json").read_text())
    assert (facts["studies"], facts["patients"], facts["by"]) == (9, 7, ["sex", "site", "device"])
    page = (folder / "population.html").read_text()
    assert "Bland-Altman" in page
    assert not any(name in page + said for name in ("drawn-01", "DRAWN-A", NOT_IN_ARCHIVE))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--cohort {}/gone.csv", "nothing is there"),
        ("--cohort {}/keyless.csv", "no column study_id or patient_id; found name, age"),
        ("--cohort {}/twice.csv", "1 values of study_id stand in more than one row"),
        ("--cohort {}/dates.csv", "write every date like 2024-02-29"),
        ("--cohort {}/empty.csv", "column 'site' is empty in all 2 rows"),
        ("--cohort {}/cohort.csv --name gone", "interpretations/gone; there are default"),
        ("--cohort {}/cohort.csv --name a/b", "--name"),
        ("--cohort {}/cohort.csv --population ../x", "--population"),
        ("--cohort {}/cohort.csv --by ward", "--by ward: cohort.csv has no such column; it has age, sex"),
        ("--cohort {}/cohort.csv --known ef", "write PHENOTYPE=COLUMN"),
        ("--cohort {}/cohort.csv --least-count 0", "--least-count 0"),
        ("--cohort {}/cohort.csv --draws 1000000", "--draws 1000000"),
        ("--cohort {}/cohort.csv --period week", "--period"),
        ("--cohort {}/cohort.csv --seed -1", "--seed -1"),
        ("--cohort {}/cohort.csv --key name", "--key"),
        ("--cohort {}/cohort.csv --date-format %Q", "--date-format"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    place: Path, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    assert run(place, f"population --output {{}}/out --population broken {words}") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "Smith" not in line
    assert not (place / "out" / "populations" / "broken").exists()


def test_settings_from_a_file(place: Path, tmp_path: Path) -> None:
    settings = tmp_path / "echoprime.toml"
    settings.write_text(
        f'output = "{place}/out"\ncohort = "{place}/cohort.csv"\npopulation = "from-a-file"\ndraws = 50\n'
        'known = ["ejection_fraction=drawn_ejection_fraction"]\n'
    )
    assert main(["population", "--config", str(settings)]) == 0
    facts = json.loads((place / "out" / "populations" / "from-a-file" / "population.json").read_text())
    assert facts["known"] == {"ejection_fraction": "drawn_ejection_fraction"}
    assert facts["draws"] == 50
