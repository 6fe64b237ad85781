"""`echoprime calibrate` as a person meets it, and what `interpret --calibration` makes of its file."""

from __future__ import annotations

import json
import random
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.bundle import Bundle
from echoprime.errors import TableError
from echoprime.storage import Location
from echoprime.tables import StudyTable
from pipelines.cli import main
from pipelines.interpret import interpret
from pipelines.settings import InterpretSettings
from tests.echoprime.calibration.cohorts import PRESSURE, drawn_finding, drawn_number
from tests.echoprime.population.drawn import study, write_cohort, write_output
from tests.encoded import write_encodings
from tests.rows import rows

STUDIES = 240
NOT_HIS = frozenset({"run_id", "written_at", "interpretation_id", "phenotypes", "calls_calibrated"})

LONG = "x" * 250
"""A name that a file can have, but not the unfinished one that is renamed to it."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output of drawn studies, and what is known of them; two are of no study, twelve not assessable."""
    folder = tmp_path_factory.mktemp("calibrate")
    values, truth, patients = drawn_finding(STUDIES)
    estimated, known, _ = drawn_number(STUDIES)
    studies = [
        study(
            f"Smith-{number:03d}",
            patient_id=f"Smith^{patients[number]}",
            ejection_fraction=float(estimated[number]),
            tavr=None if number % 20 == 0 else float(values[number]),
            pacemaker=0.02,
        )
        for number in range(STUDIES)
    ]
    write_output(folder / "out", studies)
    lines: list[dict[str, Any]] = [
        {
            "study_id": f"Smith-{number:03d}",
            "age": 40 + number % 30,
            "ejection_fraction": round(float(known[number]), 2),
            "tavr": int(truth[number]),
            "pacemaker": int(truth[number]),
            "ef_by_hand": round(float(known[number]), 2),
        }
        for number in range(STUDIES)
    ]
    lines += [{**lines[0], "study_id": f"gone-{number}"} for number in range(2)]
    write_cohort(folder / "reference.csv", lines)
    random.Random(0).shuffle(lines)
    write_cohort(folder / "shuffled.csv", lines)
    pq.write_table(pa.Table.from_pylist(lines), folder / "reference.parquet")
    write_cohort(folder / "shares.csv", [{**line, "ejection_fraction": 0.5} for line in lines])
    write_cohort(folder / "yes.csv", [{**line, "tavr": "yes"} for line in lines])
    write_cohort(folder / "few.csv", lines[:8])
    write_cohort(folder / "ages.csv", [{"study_id": line["study_id"], "age": line["age"]} for line in lines])
    for name, cell in (("text", "> 60"), ("999", 999), ("below", -1)):
        write_cohort(folder / f"{name}.csv", [{**lines[0], "ejection_fraction": cell}, *lines[1:]])
    pressures = [{**line, PRESSURE: -1 if number < 2 else 30} for number, line in enumerate(lines)]
    write_cohort(folder / "pressures.csv", pressures)
    write_cohort(folder / "twice.csv", [{**line, "patient_id": "Smith"} for line in lines * 2])
    write_cohort(folder / "elsewhere.csv", [{"study_id": f"x{n}", "tavr": n % 2} for n in range(9)])
    return folder


def run(place: Path, words: str) -> int:
    return main(words.replace("{}", str(place)).split())


def test_file_table_and_page(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "calibrate {}/out {}/reference.csv {}/c.json --page {}/c.html --threshold sensitivity=0.9"
    assert run(place, words) == 0
    said = " ".join(capsys.readouterr().out.split())
    content = json.loads((place / "c.json").read_bytes())
    for part in (
        "242 rows of the cohort, 2 no study of it in the archive or the tables, 240 with an analysed study",
        "240 studies of 120 patients",
        "tavr: 12 studies with a known value are not assessable",
        "left as it is: pacemaker: every study has the value 0.02",
        "left as they are: 1 phenotypes that the reference has no column of",
        f"c.json, SHA-256 {content['sha256']}",
    ):
        assert part in said, part
    tavr = content["phenotypes"]["tavr"]
    assert (tavr["studies"], tavr["patients"], tavr["known_but_not_assessable"]) == (228, 120, 12)
    assert tavr["threshold"]["chosen_on"]["sensitivity"] >= 0.9
    assert f"{tavr['threshold']['value']:.3f}" in said
    assert content["made_from"]["rows"]["no study of it in the archive or the tables"] == 2
    page = (place / "c.html").read_text()
    assert "<svg" in page
    for text in (said, page, json.dumps(content)):
        assert "Smith" not in text
        assert "gone-" not in text


def test_a_threshold_that_is_not_reached_is_said(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The studies of the highest values lack the finding."""
    values, _, _ = drawn_finding(STUDIES)
    lines = pq.read_table(place / "reference.parquet").to_pylist()
    for line in lines:
        number = line["study_id"].removeprefix("Smith-")
        if number.isdigit() and values[int(number)] > 0.75:
            line["tavr"] = 0
    write_cohort(tmp_path / "reference.csv", lines)
    words = f"calibrate {{}}/out {tmp_path}/reference.csv {tmp_path}/c.json --threshold specificity=1"
    assert run(place, words) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "tavr: specificity=1: no threshold reaches it: calls go by the bundle's" in said
    assert json.loads((tmp_path / "c.json").read_bytes())["phenotypes"]["tavr"]["threshold"]["value"] is None


def test_the_same_file_whatever_the_order_and_the_format(place: Path) -> None:
    for name in ("reference.csv", "shuffled.csv", "reference.parquet"):
        assert run(place, f"calibrate {{}}/out {{}}/{name} {{}}/from-{name}.json --method platt") == 0
    first, *others = [path.read_bytes() for path in sorted(place.glob("from-*.json"))]
    assert others == [first, first]


def test_a_column_of_another_name_and_settings_of_a_file(place: Path, tmp_path: Path) -> None:
    settings = tmp_path / "echoprime.toml"
    settings.write_text(
        'known = ["ejection_fraction=ef_by_hand"]\nignore = "tavr,pacemaker,ejection_fraction"\n'
        "coverage = 0.8\n"
    )
    assert run(place, f"calibrate {{}}/out {{}}/reference.csv {tmp_path}/c.json --config {settings}") == 0
    content = json.loads((tmp_path / "c.json").read_bytes())
    assert list(content["phenotypes"]) == ["ejection_fraction"]
    assert content["phenotypes"]["ejection_fraction"]["coverage"] == 0.8


def test_dates_are_not_read(place: Path, tmp_path: Path) -> None:
    """However they are written: nothing is fitted to them."""
    lines = pq.read_table(place / "reference.parquet").to_pylist()
    write_cohort(tmp_path / "dated.csv", [{**line, "Study Date": "3/4/24", "date": "soon"} for line in lines])
    for name in ("reference", "dated"):
        source = tmp_path if name == "dated" else place
        assert run(place, f"calibrate {{}}/out {source}/{name}.csv {tmp_path}/{name}.json") == 0
    assert (tmp_path / "dated.json").read_bytes() == (tmp_path / "reference.json").read_bytes()


def test_a_column_of_texts_is_left_out_where_it_is_ignored_or_another_is_named(
    place: Path, tmp_path: Path
) -> None:
    for words in ("--ignore ejection_fraction", "--known ejection_fraction=ef_by_hand"):
        assert run(place, f"calibrate {{}}/out {{}}/text.csv {tmp_path}/c.json {words}") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{}/out {}/gone.csv", "nothing is there"),
        ("{}/gone {}/reference.csv", "no table"),
        ("{}/out {}/reference.csv --name other", "interpretations/other; there are default"),
        ("{}/out {}/reference.csv --name a/b", "--name"),
        ("{}/out {}/ages.csv", "no column of a phenotype; name them like the interpretation's"),
        ("{}/out {}/elsewhere.csv", "none of its 9 rows is of one of the 240 studies"),
        ("{}/out {}/shares.csv", "multiply it by 100"),
        ("{}/out {}/yes.csv", "is 0 or 1; write 0 and 1"),
        ("{}/out {}/text.csv", "ejection_fraction of 1 rows is no number (it looks like '> 00'); correct it"),
        ("{}/out {}/999.csv", "ejection_fraction of 1 rows is not a number from 0 to 100; leave unknown"),
        ("{}/out {}/below.csv", "ejection_fraction of 1 rows is not a number from 0 to 100"),
        ("{}/out {}/pressures.csv", f"{PRESSURE} of 2 rows is not a number from 0"),
        (
            "{}/out {}/twice.csv",
            "242 values of study_id stand in more than one row; one row for each is needed: keep one\n",
        ),
        ("{}/out {}/few.csv", "no phenotype can be calibrated (ejection_fraction: 8 studies, 20 are needed"),
        ("{}/out {}/reference.csv --known ef", "write PHENOTYPE=COLUMN"),
        ("{}/out {}/reference.csv --method spline", "--method"),
        ("{}/out {}/reference.csv --folds 1", "--folds 1: must be at least 2"),
        ("{}/out {}/reference.csv --threshold best", "--threshold best: write youden"),
        ("{}/out {}/reference.csv --coverage 90", "--coverage 90: must lie between 0 and 1"),
        ("{}/out {}/reference.csv --coverage nan", "--coverage nan"),
        ("{}/out {}/reference.csv --minimum 0", "--minimum 0"),
        ("{}/out {}/reference.csv --page {}/out", "is a folder; name a file"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    place: Path, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    first, second, *flags = words.split()
    assert run(place, " ".join(["calibrate", first, second, "{}/broken.json", *flags])) == 2
    (line,) = capsys.readouterr().err.splitlines(keepends=True)
    assert said in line
    assert "Smith" not in line
    assert not (place / "broken.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{}/mine.csv {}/mine.csv", "CALIBRATION {}/mine.csv: is the reference itself; name another file"),
        ("{}/mine.csv {}/link.csv", "CALIBRATION {}/link.csv: is the reference itself"),
        ("{}/mine.csv {}/c.json --page {}/mine.csv", "--page {}/mine.csv: is the reference itself"),
        ("{}/mine.csv {}/c.json --page {}/./c.json", "--page {}/c.json: is CALIBRATION too; name another"),
        ("{}/mine.csv {}/notes.json", "CALIBRATION {}/notes.json: is there, and is no calibration; name"),
        (f"{{}}/mine.csv {{}}/c.json --page {{}}/{LONG}", f"{{}}/{LONG}: cannot be written (OSError); give"),
        (f"{{}}/mine.csv {{}}/{LONG}", f"{{}}/{LONG}: cannot be written (OSError); give another place"),
    ],
)
def test_files_of_the_users_stay(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    (tmp_path / "mine.csv").write_bytes((place / "reference.csv").read_bytes())
    (tmp_path / "link.csv").symlink_to(tmp_path / "mine.csv")
    (tmp_path / "notes.json").write_text('{"format": 1}')
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert run(tmp_path, f"calibrate {place}/out {words}") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said.replace("{}", str(tmp_path)) in line
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_a_calibration_is_written_over_an_earlier_one(place: Path, tmp_path: Path) -> None:
    for method in ("platt", "isotonic"):
        assert run(place, f"calibrate {{}}/out {{}}/reference.csv {tmp_path}/c.json --method {method}") == 0
    assert json.loads((tmp_path / "c.json").read_bytes())["made_from"]["method"] == "isotonic"


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
def test_interpret_takes_it_and_compare_export_and_view_show_it(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another interpretation_id, other calls, the same values; made elsewhere is said, not refused."""
    out = tmp_path / "out"
    write_encodings(out / "encodings", bundle, 120)

    def interpreted(**more: Any) -> InterpretSettings:
        place = {"bundle": str(bundle.location), "output": str(out), "progress": False, "shards": 2}
        return InterpretSettings(**place, **more)

    interpret(interpreted())
    before = rows(out / "interpretations" / "default")
    half = median(row["tavr"] for row in before if row["tavr"] is not None)
    lines = [
        {"study_id": row["study_id"], "tavr": int((row["tavr"] or 0) + 0.02 * (number % 3) > half),
         "ejection_fraction": 50 + number % 9}
        for number, row in enumerate(before)
    ]  # fmt: skip
    write_cohort(tmp_path / "reference.csv", lines)
    # the labels of the drawn candidates are 0 and 1, of the ejection fraction too
    assert run(tmp_path, "calibrate {}/out {}/reference.csv {}/c.json") == 0
    sha256 = json.loads((tmp_path / "c.json").read_bytes())["sha256"]

    with pytest.raises(TableError, match="other settings: calibration"):
        interpret(interpreted(calibration=str(tmp_path / "c.json")))
    result = interpret(interpreted(calibration=str(tmp_path / "c.json"), name="own"))
    assert (result.studies, result.calibrated_elsewhere) == (120, [])
    table = StudyTable.existing(Location.parse(out / "interpretations" / "own"))
    assert table.identity["calibration"] == sha256
    after = rows(out / "interpretations" / "own")
    assert before[0]["interpretation_id"] != after[0]["interpretation_id"]
    turned = 0
    for old, new in zip(before, after, strict=True):
        turned += old["tavr_call"] != new["tavr_call"]
        kept = [name for name in old if name not in NOT_HIS and name != "tavr_call"]
        assert {name: old[name] for name in kept} == {name: new[name] for name in kept}
    assert turned > 0

    # a calibration made with other neighbours
    result = interpret(interpreted(calibration=str(tmp_path / "c.json"), name="nearer", k=20))
    assert result.calibrated_elsewhere == ["k is 50 there and 20 here"]
    capsys.readouterr()
    words = f"--bundle {bundle.location} --output {out} --name nearer --k 20 --calibration {tmp_path}/c.json"
    assert main(["interpret", *words.split()]) == 0
    assert "may not hold for these: k is 50 there and 20 here" in " ".join(capsys.readouterr().out.split())

    assert run(tmp_path, "compare {}/out/interpretations/default {}/out/interpretations/own") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "0 studies with another value" in said
    assert f"{turned} studies with another call" in said
    assert run(tmp_path, "export {}/out {}/plain") == 0
    evidence = tmp_path / "plain" / "interpretations" / "own-evidence" / "phenotypes.csv"
    header = evidence.read_text().splitlines()[0]
    assert {"calibrated", "conformal_low", "conformal_high", "threshold_from"} < set(
        header.replace('"', "").split(",")
    )
    assert run(tmp_path, "view {}/out --study s-0003 --name own --page {}/page.html") == 0
    page = (tmp_path / "page.html").read_text()
    assert sha256 in page
    assert "(published)" in page
