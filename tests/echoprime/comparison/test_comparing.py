"""Old against new candidate set on drawn studies, each number counted again in plain Python."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoprime.bundle import Bundle, with_thresholds
from echoprime.comparison import Comparison, compare_tables, comparison_page, open_side
from echoprime.comparison.comparing import FILES
from echoprime.comparison.sentences import report_changes
from echoprime.errors import TableError
from echoprime.interpretation.building import CandidateSources, build_candidates
from echoprime.retrieval import CandidateSet
from echoprime.storage import Location
from echoprime.tables import StudyTable
from tests.encoded import write_encodings
from tests.interpreted import write_interpretations
from tests.tiny import NOTICE, write_tiny_bundle

STUDIES = 40


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("comparing") / "bundle", weights=False)


@pytest.fixture(scope="module")
def place(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables `old` (the bundle's candidates), `new` (a set of 20 of the studies), `part` (old, of 30)."""
    folder = tmp_path_factory.mktemp("comparing")
    encodings = write_encodings(folder / "encodings", bundle, STUDIES)
    rows = encodings.newest(["study_id", "videos", "embeddings"]).to_pylist()
    studies = [
        (
            row["study_id"],
            np.array(row["embeddings"], np.float32),
            np.array([bundle.views.index(video["view"]) for video in row["videos"]]),
        )
        for row in rows
    ]
    with (folder / "reports.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["study_id", "report"])
        for number in range(20):
            ejection = f"Ejection fraction is {30 + number} %."
            text = f"Left Ventricle: {ejection} Its systolic function is normal. [SEP]"
            writer.writerow([f"s-{number:04d}", text])
    sources = CandidateSources(
        encodings=encodings, bundle=bundle, reports=Location.parse(folder / "reports.csv"), labels=None
    )
    own = CandidateSet.open(build_candidates(sources, Location.parse(folder / "set")))
    write_interpretations(folder / "old", bundle, studies)
    write_interpretations(folder / "new", bundle, studies, candidates=own, k=10)
    write_interpretations(folder / "part", bundle, studies[:30])
    return folder


def tables(place: Path, *names: str) -> list[list[dict[str, object]]]:
    return [StudyTable.existing(Location.parse(place / name)).newest().to_pylist() for name in names]


@pytest.fixture(scope="module")
def compared(place: Path) -> Comparison:
    sides = [open_side(Location.parse(place / name)) for name in ("old", "new")]
    return compare_tables(*sides, place / "out")


def test_a_study_is_not_its_own_candidate(place: Path) -> None:
    (rows,) = tables(place, "new")
    assert [row["candidates_left_out"] for row in rows] == [1] * 20 + [0] * 20
    for row in rows:
        near = [each["candidate"] for section in row["sections"] for each in section["neighbours"]]
        assert near
        assert row["study_id"] not in near


def test_values(place: Path, compared: Comparison, bundle: Bundle) -> None:
    old, new = tables(place, "old", "new")
    for each in compared.values:
        pairs = [(one[each.name], two[each.name]) for one, two in zip(old, new, strict=True)]
        known = np.array([pair for pair in pairs if None not in pair], float).reshape(-1, 2)
        assert each.studies == STUDIES
        assert each.first_known == sum(one is not None for one, _ in pairs)
        assert each.second_known == sum(two is not None for _, two in pairs)
        assert each.both_known == len(known)
        assert each.only_first == sum(one is not None and two is None for one, two in pairs)
        if len(known):
            difference = known[:, 1] - known[:, 0]
            assert each.changed == np.count_nonzero(difference)
            assert each.mean_difference == pytest.approx(difference.mean())
            assert each.low == pytest.approx(difference.mean() - 1.96 * difference.std(ddof=1))
            assert each.mean_absolute == pytest.approx(np.abs(difference).mean())
    by_name = {each.name: each for each in compared.values}
    assert by_name["ejection_fraction"].both_known > 20
    assert by_name["tavr"].both_known == 0


def test_calls(place: Path, compared: Comparison) -> None:
    old, new = tables(place, "old", "new")
    for each in compared.calls:
        name = f"{each.name}_call"
        assert each.counts == Counter((one[name], two[name]) for one, two in zip(old, new, strict=True))
    assert any(each.moved for each in compared.calls)


def test_sentences(place: Path, compared: Comparison) -> None:
    old, new = tables(place, "old", "new")
    expected = [
        (one["study_id"], each.section, each.change, each.first, each.second)
        for one, two in zip(old, new, strict=True)
        for each in report_changes(str(one["report"]), str(two["report"]))
    ]
    rows = pq.read_table(place / "out" / "sentences.parquet").to_pylist()
    assert [
        tuple(row[n] for n in ("study_id", "section", "change", "first", "second")) for row in rows
    ] == expected
    counts = Counter((section, change) for _, section, change, _, _ in expected)
    for each in compared.sections:
        for change in ("removed", "added", "number"):
            assert each[change] == counts[each["section"], change]
    assert counts["Left Ventricle", "number"]
    assert sum(each["removed"] + each["added"] + each["number"] for each in compared.sentences) <= len(rows)


def test_studies_with_the_largest_changes(place: Path, compared: Comparison) -> None:
    rows = pq.read_table(place / "out" / "studies.parquet").to_pylist()
    assert len(rows) == compared.both == STUDIES
    scales = {each.name: each.scale for each in compared.values}
    changes = pq.read_table(place / "out" / "sentences.parquet").to_pylist()
    sections = {
        study: {c["section"] for c in changes if c["study_id"] == study}
        for study in {c["study_id"] for c in changes}
    }
    assert not any(name.endswith("_1") for name in rows[0])
    for row in rows:
        assert row["sections_changed"] == len(sections.get(row["study_id"], ()))
        steps = {n: abs(row[f"{n}_difference"] or 0) / scale for n, scale in scales.items()}
        assert row["largest_change"] == pytest.approx(max(steps.values()))
        assert steps[row["largest_change_of"]] == pytest.approx(max(steps.values()))
    ordered = sorted(rows, key=lambda row: (-row["largest_change"], row["study_id"]))
    assert [each["study_id"] for each in compared.largest] == [row["study_id"] for row in ordered[:25]]
    with (place / "out" / "studies.csv").open() as file:
        assert [row["study_id"] for row in csv.DictReader(file)] == [row["study_id"] for row in rows]


def test_files_and_page(place: Path, compared: Comparison) -> None:
    assert sorted(path.name for path in (place / "out").iterdir()) == sorted(FILES)
    page = comparison_page(compared)
    assert f'<p class="notice" role="note">{NOTICE}</p>' in page
    assert "old against new" in page
    assert page.count("<svg") == 3
    assert page == comparison_page(compared)
    assert "<td>s-00" not in page
    largest = compared.largest[0]
    assert f"<td>{largest['study_key'][:12]}</td>" in page
    assert f"<td>{largest['study_id']}</td>" in comparison_page(compared, identifiers=True)
    assert "http" not in page.replace("http://www.w3.org", "").replace("http-equiv", "")


def test_sentences_in_another_order_are_a_change(place: Path, tmp_path: Path) -> None:
    table = StudyTable.existing(Location.parse(place / "new"))
    reports = [row["report"] for row in table.newest(["report"]).to_pylist()]
    turned = [_last_first(report) for report in reports]
    moved = [one != two for one, two in zip(reports, turned, strict=True)]
    assert sum(moved) > 0
    rows = table.newest().drop_columns(["report", "written_at"]).append_column("report", pa.array(turned))
    other = StudyTable.open(Location.parse(tmp_path / "turned"), table.schema, identity=table.identity)
    other.append(rows)
    found = compare_tables(*(open_side(each.location) for each in (table, other)), tmp_path / "out")
    assert found.changed == {"value": 0, "call": 0, "report": sum(moved)}
    assert found.sentences_in_all == 0
    assert [each["removed"] + each["added"] + each["number"] for each in found.sections] == [0] * len(
        found.sections
    )
    assert sum(each["reordered"] for each in found.sections) >= sum(moved)
    assert "Every report says the same" not in comparison_page(found)


def _last_first(report: str) -> str:
    """Every section's last sentence before its others."""
    sections = []
    for part in report.split(" [SEP]"):
        head, colon, text = part.partition(": ")
        sentences = re.split(r"(?<=[.!?])\s+", text)
        sections.append(head + colon + " ".join([sentences[-1], *sentences[:-1]]))
    return " [SEP]".join(sections)


def test_one_study_has_no_deviation(place: Path, tmp_path: Path) -> None:
    """Differences of % and of shares are then not one scale, so that none is the largest."""
    sides = []
    for name in ("old", "new"):
        table = StudyTable.existing(Location.parse(place / name))
        one = StudyTable.open(Location.parse(tmp_path / name), table.schema, identity=table.identity)
        one.append(table.newest().slice(3, 1).drop_columns(["written_at"]))
        sides.append(open_side(one.location))
    found = compare_tables(*sides, tmp_path / "out")
    assert found.changed["value"] == 1
    assert {each.scale for each in found.values} == {None}
    assert found.largest == []
    page = comparison_page(found)
    assert "No value changed" not in page
    assert "do not vary" in page


def test_the_same_tables_give_the_same_bytes(place: Path, tmp_path: Path) -> None:
    """Values that two threads would add up in another order each time."""
    table = StudyTable.existing(Location.parse(place / "old"))
    studies, rng = 20_000, np.random.default_rng(0)
    row = pa.Table.from_pylist([{**table.newest().slice(0, 1).to_pylist()[0], "sections": []}], table.schema)
    for name in ("one", "two"):
        rows = row.take(pa.array([0] * studies)).drop_columns(["study_id", "ejection_fraction"])
        rows = rows.append_column("study_id", pa.array([f"{number:06d}" for number in range(studies)]))
        rows = rows.append_column("ejection_fraction", pa.array(rng.normal(55, 10, studies)))
        StudyTable.open(Location.parse(tmp_path / name), table.schema, identity={}).append(rows)
    found = set()
    for number in range(4):
        sides = [open_side(Location.parse(tmp_path / name)) for name in ("one", "two")]
        compare_tables(*sides, tmp_path / f"out-{number}")
        found.add((tmp_path / f"out-{number}" / "values.csv").read_bytes())
    assert len(found) == 1


def test_other_studies_are_counted(place: Path, tmp_path: Path) -> None:
    sides = [open_side(Location.parse(place / name)) for name in ("old", "part")]
    found = compare_tables(*sides, tmp_path / "out")
    assert (found.both, found.only_first, found.only_second) == (30, 10, 0)
    assert found.changed == {"value": 0, "call": 0, "report": 0}
    assert not found.settings
    page = comparison_page(found)
    assert "10 are in the first alone" in page
    assert "Every report says the same" in page
    assert "No value changed" in page


def test_other_thresholds_move_calls_alone(place: Path, bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "thresholds.csv").write_text(
        "phenotype,threshold\naortic_stenosis,0.5\ntricuspid_stenosis,0.4\n"
    )
    other = with_thresholds(bundle, Location.parse(tmp_path / "thresholds.csv"))
    rows = StudyTable.existing(Location.parse(place / "encodings")).newest(
        ["study_id", "videos", "embeddings"]
    )
    studies = [
        (
            row["study_id"],
            np.array(row["embeddings"], np.float32),
            np.array([bundle.views.index(video["view"]) for video in row["videos"]]),
        )
        for row in rows.to_pylist()
    ]
    write_interpretations(tmp_path / "table", other, studies)
    sides = [open_side(Location.parse(each)) for each in (place / "old", tmp_path / "table")]
    found = compare_tables(*sides, tmp_path / "out")
    assert found.changed["value"] == found.changed["report"] == 0
    calls = {each.name: each for each in found.calls}
    assert calls["tavr"].counts.keys() <= {(True, None), (False, None), (None, None)}
    assert {first for first, _ in calls["tricuspid_stenosis"].counts} == {None}
    assert calls["aortic_stenosis"].both > 20
    comparison_page(found)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("old", "old", "both are the table"),
        ("old", "gone", "there is no table"),
        ("encodings", "old", "is not of interpretations"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    place: Path, tmp_path: Path, first: str, second: str, said: str
) -> None:
    with pytest.raises(TableError, match=said):
        compare_tables(
            *(open_side(Location.parse(place / name)) for name in (first, second)), tmp_path / "out"
        )


def test_other_phenotypes_and_no_study_in_common(place: Path, bundle: Bundle, tmp_path: Path) -> None:
    from dataclasses import replace

    fewer = replace(bundle, phenotypes=bundle.phenotypes[:5])
    study = [("x", np.ones((1, 512), np.float32), np.array([0]))]
    write_interpretations(tmp_path / "fewer", fewer, study)
    write_interpretations(tmp_path / "others", bundle, study)
    old = open_side(Location.parse(place / "old"))
    with pytest.raises(TableError, match=r"have other phenotypes: .* in one of them alone"):
        compare_tables(old, open_side(Location.parse(tmp_path / "fewer")), tmp_path / "out")
    with pytest.raises(TableError, match="have no study in common"):
        compare_tables(old, open_side(Location.parse(tmp_path / "others")), tmp_path / "out2")
