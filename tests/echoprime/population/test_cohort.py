"""Cohorts as hospitals have them: read, or refused in one line that names the cure and no patient."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.errors import CohortError
from echoprime.population.cohort import Cohort, read_cohort
from echoprime.population.workspace import ask, workspace
from echoprime.storage import Location


def read(file: Path, text: str | bytes, **choices: object) -> tuple[Cohort, list[tuple[object, ...]]]:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with workspace() as connection:
        cohort = read_cohort(connection, Location.parse(file), **choices)  # type: ignore[arg-type]
        return cohort, sorted(ask(connection, "SELECT * FROM cohort"), key=str)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cohort.csv"


def test_kinds_of_columns(file: Path) -> None:
    notes = [f"a text of its own {number}" for number in range(31)]
    lines = [
        f"s{n},p{n % 5},{50 + n},{'FM'[n % 2]},{n % 2},{note},2024-01-{n % 28 + 1:02}"
        for n, note in enumerate(notes)
    ]
    cohort, rows = read(file, "study_id,patient_id,age,sex,diabetes,note,date\n" + "\n".join(lines))
    kinds = {column.name: column.kind for column in cohort.columns}
    assert kinds == {"age": "number", "sex": "category", "diabetes": "category", "note": "text"}
    assert (cohort.key, cohort.rows, cohort.date, cohort.has_patient) == ("study_id", 31, "date", True)
    assert len(rows) == 31
    assert not any("a text of its own" in str(row) for row in rows)


def test_spelling_is_forgiven(file: Path) -> None:
    """A byte-order mark, semicolons, decimal commas, capitals, spaces, missing values as people write."""
    text = '\ufeffStudy_ID;Age;Sex;Date\n"s1";61,5;F;20240229\n s2 ;NA;"F";20240301\ns3;n/a;;\n'
    cohort, rows = read(file, text)
    assert cohort.key == "study_id"
    assert [row[3] for row in rows] == [61.5, None, None]
    assert [row[0] for row in rows] == ["s1", "s2", "s3"]
    assert {column.name: column.missing for column in cohort.columns} == {"Age": 2, "Sex": 1}


def test_lines_end_as_windows_ends_them(file: Path) -> None:
    """A name of no column, as spreadsheets leave one behind, holds nothing and is passed over."""
    cohort, rows = read(file, "study_id,remark,\r\n" + "".join(f's{n},"a ""b"", c",\r\n' for n in range(2)))
    assert [row[3] for row in rows] == ['a "b", c'] * 2
    assert [column.name for column in cohort.columns] == ["remark"]


@pytest.mark.parametrize("name", ["cohort[1].csv", "cohort?.csv", "c*1.csv", "age=3/sex=F/cohort.csv"])
def test_a_cohort_is_the_file_of_its_name_and_no_other(tmp_path: Path, name: str) -> None:
    """DuckDB takes such names for patterns, and such folders for columns."""
    read(tmp_path / "cohort1.csv", "study_id,age\nother,1\n")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    _, rows = read(tmp_path / name, "study_id,age\nmeant,2\n")
    assert [row[0] for row in rows] == ["meant"]
    place = tmp_path / name.replace(".csv", ".parquet")
    pq.write_table(pa.table({"study_id": ["meant"], "age": [2]}), place)
    _, rows = read(place, place.read_bytes())
    assert [row[0] for row in rows] == ["meant"]


def test_parquet(tmp_path: Path) -> None:
    file = tmp_path / "cohort.parquet"
    pq.write_table(pa.table({"study_id": [1, 2], "age": [61.5, None], "new": [True, True]}), file)
    with workspace() as connection:
        cohort = read_cohort(connection, Location.parse(file))
        assert sorted(ask(connection, 'SELECT cohort_key, "cohort: age" FROM cohort')) == [
            ("1", 61.5),
            ("2", None),
        ]
    assert [column.kind for column in cohort.columns] == ["number", "category"]


def test_a_name_is_no_category(file: Path) -> None:
    """Texts that hardly repeat are left out, however few there are; 0 and 1 are no names."""
    people = [f"s{n},Doe{n},19{50 + n}-01-02,{'FM'[n % 2]},{n % 2}" for n in range(12)]
    cohort, rows = read(file, "study_id,name,born,sex,has\n" + "\n".join(people))
    kinds = {column.name: column.kind for column in cohort.columns}
    assert kinds == {"name": "text", "born": "text", "sex": "category", "has": "category"}
    assert "Doe" not in str(rows)
    with pytest.raises(CohortError, match=r"--by name: cohort.csv has too many different texts there"):
        cohort.column("name", "--by")


def test_none_is_a_grade(file: Path) -> None:
    cohort, _ = read(
        file, "study_id,grade\n" + "".join(f"s{n},{['None', 'mild'][n % 2]}\n" for n in range(4))
    )
    (grade,) = cohort.columns
    assert (grade.levels, grade.missing) == (("None", "mild"), 0)


def test_keyed_by_patient(file: Path) -> None:
    assert read(file, "patient_id,age\np1,60\np2,61\n")[0].key == "patient_id"
    assert (
        read(file, "study_id,patient_id,age\ns1,p1,60\ns2,p2,61\n", key="patient_id")[0].key == "patient_id"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,age\ns1,60\n", "no column study_id or patient_id; found id, age"),
        ("Smith^John,1950-01-01\nDoe^Jane,1960-02-02\n", "does not look like names"),
        ("study_id,age\ns1,60\ns1,61\ns2,62\n", "1 values of study_id stand in more than one row"),
        ("study_id,age\ns1,60\n,61\n", "1 rows without study_id"),
        ("study_id,age,note\ns1,60,\ns2,61,NA\n", "column 'note' is empty in all 2 rows"),
        (
            "study_id,date\ns1,2024-01-31\ns2,31/01/2024\ns3,Jan 3 2024\n",
            "00/00/0000 in 1 rows, 0000-00-00 in 1 rows",
        ),
        ("study_id,date\ns1,2024-02-30\n", "write every date like 2024-02-29"),
        ("study_id,date\ns1,\n", "column 'date' is empty"),
        ("study_id,age\ns1,60\ns2,about 60\n", "age of 1 rows is no number (it looks like 'aaaaa 00')"),
        ("study_id,age,AGE\ns1,60,61\n", "stand in its header twice"),
        ("study_id\n", "no rows"),
        ("", "no header line"),
        (b"study_id,sex\ns1,m\xe4nnlich\n", "UTF-8"),
        ("study_id,age\ns1,60,extra,Smith\n", "line 2 cannot be read"),
        ("study_id,age\rSmith,1950\rDoe,1951\r", "its first line cannot be read as columns' names"),
        ("study_id,age\ns0,61\ns1\n", "line 3 cannot be read"),
    ],
)
def test_what_cannot_be_used_is_one_line(file: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(CohortError) as caught:
        read(file, text)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    for secret in ("Smith", "Doe", "1950", "31/01", "about", str(file.parent)):
        assert secret not in message


def test_one_named_format_and_columns_left_out(file: Path) -> None:
    text = "study_id,age,note,date\ns1,60,,31.01.2024\ns2,61,,01.02.2024\n"
    _, rows = read(file, text, date_format="%d.%m.%Y", ignore=("note",))
    assert [str(row[2])[:10] for row in rows] == ["2024-01-31", "2024-02-01"]
    with pytest.raises(CohortError, match=r"is not '%Y' in every row"):
        read(file, text, date_format="%Y", ignore=("note",))
    with pytest.raises(CohortError, match=r"--ignore gone: cohort.csv has no such column"):
        read(file, text, ignore=("gone",))


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with workspace() as connection:
        with pytest.raises(CohortError, match="nothing is there"):
            read_cohort(connection, Location.parse(tmp_path / "gone.csv"))
        with pytest.raises(CohortError, match="a folder"):
            read_cohort(connection, Location.parse(tmp_path))
