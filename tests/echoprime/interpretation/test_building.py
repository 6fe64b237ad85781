"""Candidate sets of one's own, from drawn encodings, reports and labels."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.archive.sorting import connect
from echoprime.bundle import Bundle
from echoprime.errors import BundleError, SettingError, UserError
from echoprime.interpretation import decode_report, unrecognised
from echoprime.interpretation.building import CandidateSources, build_candidates
from echoprime.interpretation.study_tables import read_report_table
from echoprime.retrieval import CandidateFiles, CandidateSet
from echoprime.storage import Location
from echoprime.tables import StudyTable
from tests.encoded import write_encodings
from tests.tiny import write_tiny_bundle

STUDIES = 30
SOURCES = {
    "ejection_fraction": {"mode": "regression", "label_sources": ["Ejection fraction is <#>"]},
    "pericardial_effusion": {"mode": "binary", "label_sources": ["A rim of fluid"]},
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(
        tmp_path_factory.mktemp("building") / "bundle", weights=False, label_sources=SOURCES
    )


@pytest.fixture(scope="module")
def encodings(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> StudyTable:
    return write_encodings(
        tmp_path_factory.mktemp("building") / "encodings", bundle, STUDIES, rows_a_commit=7
    )


def text(number: int) -> str:
    return (
        f"Left Ventricle: Ejection fraction is {40 + number} %. Poor window on 3.4.20{number:02d}.\n"
        "PERICARDIUM: No fluid is drawn around the heart.\nSigned by somebody."
    )


def write_csv(place: Path, header: list[str], rows: list[list[object]]) -> Location:
    with place.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return Location.parse(place)


@pytest.fixture
def reports(tmp_path: Path) -> Location:
    """Of studies 0 to 19, the last ones first, and of one that is not encoded."""
    rows = [[f"s-{number:04d}", text(number)] for number in reversed(range(20))]
    return write_csv(tmp_path / "reports.csv", ["study_id", "report"], [*rows, ["nobody", text(1)]])


@pytest.fixture
def labels(tmp_path: Path) -> Location:
    """Of studies 10 to 24; the ejection fraction of every second alone."""
    header = ["study_id", "age", "ejection_fraction", "tavr"]
    rows = [[f"s-{n:04d}", 70, 10 + n if n % 2 else "", n % 2] for n in range(10, 25)]
    return write_csv(tmp_path / "labels.csv", header, rows)


def sources(encodings: StudyTable, bundle: Bundle, **more: object) -> CandidateSources:
    return CandidateSources(
        **{"encodings": encodings, "bundle": bundle, "reports": None, "labels": None, **more}
    )


def test_rows_are_the_studies_in_order(
    encodings: StudyTable, bundle: Bundle, reports: Location, labels: Location, tmp_path: Path
) -> None:
    asked = sources(encodings, bundle, reports=reports, labels=labels)
    files = build_candidates(asked, Location.parse(tmp_path / "set"))
    candidates = CandidateSet.open(CandidateFiles.open(files.location))
    assert (candidates.rows, candidates.embedding_space) == (25, bundle.embedding_space)
    assert candidates.labels == tuple(each.name for each in bundle.phenotypes)
    table = candidates.shard()._rows.parts[0].table
    assert table.column("study").to_pylist() == [f"s-{number:04d}" for number in range(25)]
    assert table.column("patient").to_pylist()[:6] == [
        "p-0000",
        "p-0000",
        "p-0002",
        "p-0002",
        "p-0004",
        "p-0004",
    ]
    # The table's own label, else the report's, else none.
    expected = [40 + n for n in range(10)] + [10 + n if n % 2 else 40 + n for n in range(10, 20)]
    expected += [10 + n if n % 2 else None for n in range(20, 25)]
    assert table.column("label_ejection_fraction").to_pylist() == expected
    assert table.column("label_pericardial_effusion").to_pylist() == [0.0] * 20 + [None] * 5
    assert table.column("label_tavr").to_pylist() == [None] * 10 + [float(n % 2) for n in range(10, 25)]
    left, pericardium = (bundle.lexicon().sections.index(name) for name in ("Left Ventricle", "Pericardium"))
    assert [
        (each["section"], each["phrase"], each["value"]) for each in table.column("report")[3].as_py()
    ] == [
        (left, 0, "43"),
        (pericardium, 0, None),
    ]
    assert table.column("report")[24].as_py() == []


def test_embeddings_are_unit_means_of_unit_embeddings(
    encodings: StudyTable, bundle: Bundle, labels: Location, tmp_path: Path
) -> None:
    files = build_candidates(sources(encodings, bundle, labels=labels), Location.parse(tmp_path / "set"))
    found = CandidateSet.open(files).shard()._rows.parts[0].embeddings
    rows = encodings.newest(["study_id", "embeddings"]).to_pylist()[10:25]
    for vector, row in zip(found, rows, strict=True):
        videos = np.array(row["embeddings"], np.float64)
        mean = (videos / np.linalg.norm(videos, axis=1, keepdims=True)).mean(axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)


def test_everything_is_counted(
    encodings: StudyTable, bundle: Bundle, reports: Location, labels: Location, tmp_path: Path
) -> None:
    summary = build_candidates(
        sources(encodings, bundle, reports=reports, labels=labels), Location.parse(tmp_path / "set")
    ).summary
    counts = summary["counts"]
    assert (
        counts["studies_encoded"] == 30 == summary["candidates"] + counts["left_out_without_report_or_label"]
    )
    assert counts["reports_of_studies_not_encoded"] == 1
    assert counts["phrases_recognised"] == 40
    assert counts["sentences_unrecognised"] == 40
    assert summary["labels"]["ejection_fraction"] == {"table": 7, "report": 15, "unknown": 3}
    assert summary["labels_ignored_columns"] == ["age"]
    with (tmp_path / "set" / "unrecognised.csv").open() as file:
        assert list(csv.reader(file)) == [
            ["section", "sentence", "times"],
            ["Left Ventricle", "Poor window on #.", "20"],
            ["Pericardium", "Signed by somebody.", "20"],
        ]


def test_same_studies_same_files(
    encodings: StudyTable, bundle: Bundle, reports: Location, labels: Location, tmp_path: Path
) -> None:
    """Whatever the order of the table's rows and of the CSV's."""
    other = write_encodings(tmp_path / "other", bundle, STUDIES, rows_a_commit=30)
    first = build_candidates(sources(encodings, bundle, reports=reports), Location.parse(tmp_path / "a"))
    lines = list(csv.reader((tmp_path / "reports.csv").open()))
    again = write_csv(tmp_path / "again.csv", lines[0], lines[:0:-1])
    second = build_candidates(sources(other, bundle, reports=again), Location.parse(tmp_path / "b"))
    assert first.hash == second.hash == first.summary["hash"]
    third = build_candidates(
        sources(encodings, bundle, reports=reports, read_labels=False), Location.parse(tmp_path / "c")
    )
    assert third.hash != first.hash
    assert third.summary["labels"]["ejection_fraction"] == {"table": 0, "report": 0, "unknown": 20}


def test_a_set_in_a_bucket_is_copied_once_and_verified(
    encodings: StudyTable, bundle: Bundle, labels: Location, place: Location, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("ECHOPRIME_CACHE", str(tmp_path / "cache"))
    built = build_candidates(sources(encodings, bundle, labels=labels), place / "set")
    here = build_candidates(sources(encodings, bundle, labels=labels), Location.parse(tmp_path / "here"))
    assert built.hash == here.hash
    query = np.eye(1, 512, dtype=np.float32)
    sets = [CandidateSet.open(CandidateFiles.open(each.location)) for each in (built, here)]
    found = [each.shard().search(query, np.array([0]), 5) for each in sets]
    assert found[0].equals(found[1])
    assert (tmp_path / "cache").exists() is not built.location.is_local
    (built.location / "embeddings-00000-of-00001.npy").write_bytes(b"damaged")
    if built.location.is_local:
        with pytest.raises(BundleError, match=r"summary\.json says"):
            CandidateFiles.open(built.location)
    else:
        monkeypatch.setenv("ECHOPRIME_CACHE", str(tmp_path / "empty"))
        with pytest.raises(BundleError, match=r"SHA-256 differs from summary\.json's"):
            CandidateSet.open(CandidateFiles.open(built.location)).shard()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("reports", "study,report\ns-0001,x\n", "no column study_id"),
        ("reports", "study_id,text\ns-0001,x\n", "no column report"),
        ("reports", "study_id,report\ns-0001,x\ns-0001,y\n", "1 studies stand in it more than once"),
        ("reports", "study_id,report\n,x\n", "1 rows without study_id"),
        ("reports", "study_id,report\nnobody,x\n", "none of its studies is among the 30 encoded ones"),
        ("labels", "study_id,age\ns-0001,70\n", "no column of a phenotype"),
        ("labels", "study_id,tavr\ns-0001,yes\n", "tavr of 1 rows is not 0 or 1"),
        ("labels", "study_id,tavr\ns-0001,0.5\n", "tavr of 1 rows is not 0 or 1"),
        (
            "labels",
            "study_id,ejection_fraction\ns-0001,about 50\n",
            "ejection_fraction of 1 rows is not a number",
        ),
        ("labels", "study_id,ejection_fraction\ns-0001,130\n", "1 rows is not a number from 0 to 100"),
        ("labels", "study_id,ejection_fraction\ns-0001,0.55\ns-0002,\n", "is in %, and no value is above 1"),
        ("reports", 'study_id,report\ns-0001,x\ns-0002,"EF 55.\ns-0003,y\n', "a double quote has no end"),
        ("labels", "study_id,tavr,TAVR\ns-0001,1,1\n", "stands in its header line twice"),
        ("labels", None, "nothing is there"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    encodings: StudyTable, bundle: Bundle, tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    place = tmp_path / f"{name}.csv"
    if content is not None:
        place.write_text(content)
    with pytest.raises(UserError, match=said) as refusal:
        build_candidates(
            sources(encodings, bundle, **{name: Location.parse(place)}), Location.parse(tmp_path / "set")
        )
    assert "\n" not in str(refusal.value)
    assert "about 50" not in str(refusal.value)
    assert {path.name for path in tmp_path.iterdir()} <= {f"{name}.csv"}


GOOD = "".join(f'x-{number},"text {number}, a."\n' for number in range(30_000))


def test_a_long_file_with_an_error_is_always_refused_in_time(tmp_path: Path) -> None:
    """DuckDB's parallel reader waited for ever at about one of fifty such files."""
    place = Location.parse(tmp_path / "reports.csv")
    place.write_bytes(f"study_id,report\n{GOOD}s-0001\nother,y\n".encode())
    for _ in range(100):
        with pytest.raises(SettingError, match="cannot be read"):
            read_report_table(connect(tmp_path), place, tmp_path)


@pytest.mark.parametrize("before", ["", GOOD], ids=["first", "behind what is sniffed"])
@pytest.mark.parametrize(
    "line",
    [
        "s-0001,EF 55 percent, normal LV, mild MR",
        's-0001,"EF 55.\ns-0002,"A rim."',
        's-0001,"He said "fine" today, and EF 55."',
        "s-0001",
    ],
    ids=["comma without quotes", "quote that does not end", "single quotes inside", "field missing"],
)
def test_a_report_is_read_whole_or_refused(tmp_path: Path, before: str, line: str) -> None:
    """A guess about the file's form cuts such a report short, or takes the next study into it."""
    place = Location.parse(tmp_path / "reports.csv")
    place.write_bytes(f"study_id,report\n{before}{line}\nother,y\n".encode())
    with pytest.raises(SettingError, match=r"reports\.csv: row .* cannot be read; as many fields") as refusal:
        read_report_table(connect(tmp_path), place, tmp_path)
    assert "EF" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("rows", [3, 30_000])
@pytest.mark.parametrize(
    "text", ['so-called "normal", fine', 'he said ""x""', '"start" of it', 'line, 1\n"a"\r\nb', "[SEP]"]
)
def test_reports_are_read_as_they_are_written(tmp_path: Path, rows: int, text: str) -> None:
    content = [[f"s{number}", f"text {number}, a."] for number in range(rows)]
    content[rows // 2] = ["asked", text]
    place = write_csv(tmp_path / "reports.csv", ["study_id", "report"], content)
    connection = connect(tmp_path)
    table = read_report_table(connection, place, tmp_path)
    assert table.rows == rows
    found = connection.execute(f"SELECT report FROM {table.table} WHERE study_id = 'asked'").fetchall()
    assert found == [(text,)]


def test_labels_of_reports_in_another_language(encodings: StudyTable, tmp_path: Path) -> None:
    """Label sources are English: they are looked for in the recognised phrases, said in English."""
    bundle = write_tiny_bundle(tmp_path / "bundle", weights=False, label_sources=SOURCES, languages=("de",))
    german = bundle.lexicon("de")
    left, pericardium = (bundle.lexicon().sections.index(name) for name in ("Left Ventricle", "Pericardium"))
    fluid = next(
        n
        for n, words in enumerate(bundle.lexicon().phrases[pericardium])
        if words.startswith("A rim of fluid")
    )
    texts = [
        decode_report(german, [(left, 0, "43"), (pericardium, fluid, "5")]),
        decode_report(german, [(left, 0, "51.5")]),
        "Nichts davon ist bekannt.",
    ]
    rows = [[f"s-{number:04d}", each] for number, each in enumerate(texts)]
    reports = write_csv(tmp_path / "reports.csv", ["study_id", "report"], rows)
    files = build_candidates(
        sources(encodings, bundle, reports=reports, language="de"), Location.parse(tmp_path / "set")
    )
    table = CandidateSet.open(files).shard()._rows.parts[0].table
    assert table.column("label_ejection_fraction").to_pylist() == [43.0, 51.5, None]
    assert table.column("label_pericardial_effusion").to_pylist() == [1.0, 0.0, None]


def test_candidates_of_unknown_patients_are_counted(
    encodings: StudyTable, bundle: Bundle, labels: Location, tmp_path: Path
) -> None:
    counts = build_candidates(
        sources(encodings, bundle, labels=labels), Location.parse(tmp_path / "known")
    ).summary["counts"]
    assert counts["candidates_of_unknown_patient"] == 0
    table = write_encodings(tmp_path / "encodings", bundle, STUDIES, patient_id=None)
    counts = build_candidates(
        sources(table, bundle, labels=labels), Location.parse(tmp_path / "unknown")
    ).summary["counts"]
    assert counts["candidates_of_unknown_patient"] == 15


def test_unrecognised_sentences_are_few_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unrecognised, "ROWS_PER_GROUP", 10)
    with unrecognised.UnrecognisedSentences(tmp_path) as taken:
        assert [taken.add([("Aorta", f"{number} of them")] * (number % 3)) for number in range(30)] == [
            0, 1, 2
        ] * 10  # fmt: skip
        taken.write_csv(connect(tmp_path), tmp_path / "counted.csv")
    assert (tmp_path / "counted.csv").read_text() == 'section,sentence,times\nAorta,"# of them",30\n'
    assert pq.read_metadata(tmp_path / "unrecognised.parquet").num_row_groups == 3


def test_what_is_there_is_not_written_over(
    encodings: StudyTable, bundle: Bundle, labels: Location, tmp_path
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "note.txt").write_text("mine")
    with pytest.raises(SettingError, match="something is there already"):
        build_candidates(sources(encodings, bundle, labels=labels), Location.parse(tmp_path / "set"))
    with pytest.raises(SettingError, match="--reports, --labels, or both"):
        build_candidates(sources(encodings, bundle), Location.parse(tmp_path / "other"))


def test_an_incomplete_study_is_encoded(bundle: Bundle, labels: Location, tmp_path: Path) -> None:
    """A label of it is no label of a study that is not encoded."""
    table = write_encodings(tmp_path / "encodings", bundle, STUDIES)
    row = {**table.newest().to_pylist()[12], "status": "incomplete"}
    table.append(pa.Table.from_pylist([row], table.schema))
    counts = build_candidates(
        sources(table, bundle, labels=labels), Location.parse(tmp_path / "set")
    ).summary["counts"]
    assert counts["left_out_incomplete"] == 1
    assert counts["labels_of_studies_not_encoded"] == 0


def test_incomplete_studies_are_no_candidates(bundle: Bundle, labels: Location, tmp_path: Path) -> None:
    table = write_encodings(tmp_path / "encodings", bundle, STUDIES, status="incomplete")
    with pytest.raises(SettingError, match="among the 0 encoded ones"):
        build_candidates(sources(table, bundle, labels=labels), Location.parse(tmp_path / "set"))


def test_another_lexicon_is_refused(
    encodings: StudyTable, bundle: Bundle, reports: Location, tmp_path: Path
) -> None:
    files = build_candidates(sources(encodings, bundle, reports=reports), Location.parse(tmp_path / "set"))
    files.require_lexicon(bundle)
    summary = json.loads((tmp_path / "set" / "summary.json").read_text())
    summary["lexicon"]["sha256"] = "0" * 64
    (tmp_path / "set" / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(BundleError, match="another 'en' lexicon"):
        CandidateFiles.open(files.location).require_lexicon(bundle)
