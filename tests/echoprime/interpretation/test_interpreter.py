"""Values, calls, text and evidence of studies, against the same computed one by one in plain Python."""

import json
import math

import numpy as np
import pytest

from echoprime.errors import BundleError, EchoPrimeError, SettingError
from echoprime.interpretation import PAIRINGS, Interpreter
from echoprime.release import import_release
from echoprime.retrieval import CandidateSet, merge
from tests.echoprime.release.small import NOBODY_HAS, ONLY_ROW, ROWS, UNLABELLED, write_small_release

A5C, SUBCOSTAL = 3, 10
K = 7


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return write_small_release(tmp_path_factory.mktemp("interpretation") / "release")


@pytest.fixture(scope="module")
def bundle(release, tmp_path_factory):
    words = json.loads((release / "assets" / "all_phr.json").read_text())
    italian = {
        f"IT {name}": {g: [f"IT {p}" for p in each] for g, each in groups.items()}
        for name, groups in words.items()
    }
    path = tmp_path_factory.mktemp("words") / "it.json"
    path.write_text(json.dumps(italian))
    return import_release(
        release,
        tmp_path_factory.mktemp("bundles") / "b",
        shard_files=3,
        lexicons={"it": path},
        notice="drawn",
    )


@pytest.fixture(scope="module")
def studies():
    rng = np.random.default_rng(1)
    views = [
        np.array([A5C]),
        rng.integers(0, 11, 6),
        np.zeros(0, int),
        np.array([SUBCOSTAL]),
        rng.integers(0, 11, 30),
    ]
    return [rng.standard_normal((len(each), 512)).astype(np.float32) for each in views], views


def run(bundle, studies, shards=2, **settings):
    interpreter = Interpreter(bundle, **{"k": K, **settings})
    queries = interpreter.queries(*studies)
    candidates = CandidateSet.open(bundle)
    arguments = interpreter.search_arguments(queries)
    hits = [candidates.shard(*rows).search(**arguments) for rows in candidates.ranges(shards)]
    return interpreter.interpret(queries, merge(hits))


def test_table_has_the_documented_columns_and_is_valid(bundle, studies):
    table = run(bundle, studies)
    table.validate(full=True)
    assert len(table) == 5
    assert table.column_names[:3] == ["impella", "ejection_fraction", "pacemaker"]
    assert table.column_names[-7:-3] == ["calls_calibrated", "report", "phenotypes", "sections"]
    assert table.column_names[-3:] == ["severity", "contradictions", "notice"]
    assert len(table.column_names) == 21 + 13 + 7
    assert table["notice"].to_pylist() == ["drawn"] * 5
    assert table["calls_calibrated"].to_pylist() == [False] * 5


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_values_are_means_of_the_neighbours_that_have_the_label(bundle, studies, pairing):
    rows = run(bundle, studies, pairing=pairing).to_pylist()
    names = list(bundle.sections.names)
    order = list(dict.fromkeys(each.section for each in bundle.phenotypes))
    for row in rows:
        for each in bundle.phenotypes:
            at = names.index(each.section) if pairing == "section" else order.index(each.section)
            section = row["sections"][at]
            place = section["phenotypes"].index(each.name)
            known = [near["labels"][place] for near in section["neighbours"]]
            known = [value for value in known if value is not None]
            if not section["assessable"] or not known:
                assert row[each.name] is None
            else:
                assert row[each.name] == pytest.approx(sum(known) / len(known), rel=1e-12)


def test_phenotypes_belong_to_their_section_by_name(bundle, studies):
    """Published: the i-th section of the phenotype map uses the i-th row of the weights."""
    by_name, by_position = (run(bundle, studies, pairing=pairing).to_pylist()[1] for pairing in PAIRINGS)
    weights = {each["section"]: each["phenotypes"] for each in by_name["sections"]}
    assert weights["Mitral Valve"][0] == "mitraclip"
    assert weights["Resting Segmental Wall Motion Analysis"] == []
    paired = {each["section"]: each["phenotypes"] for each in by_position["sections"]}
    assert "mitraclip" in paired["Right Atrium"]
    assert by_name["impella"] == by_position["impella"]  # Left Ventricle is first in both
    assert by_name["mitraclip"] != by_position["mitraclip"]


def test_section_without_views_is_null_and_says_so(bundle, studies):
    """Published: an A5C-only study gets arbitrary neighbours for its left ventricle."""
    row = run(bundle, studies).to_pylist()[0]
    assert row["ejection_fraction"] is None
    assert row["impella"] is None
    assert row["impella_call"] is None
    left = row["sections"][0]
    assert left["section"] == "Left Ventricle"
    assert not left["assessable"]
    assert left["neighbours"] == []
    assert left["shares"] == []
    assert left["report_row"] is None
    assert left["report_similarity"] is None
    assert left["report"] == "Left Ventricle: Not assessable from the views in this study."
    assert row["report"].startswith(
        "Left Ventricle: Not assessable from the views in this study. [SEP]Resting"
    )


def test_study_without_videos_has_a_row_of_nulls(bundle, studies):
    row = run(bundle, studies).to_pylist()[2]
    assert all(row[each.name] is None for each in bundle.phenotypes)
    assert row["report"].count("Not assessable") == 15


def test_section_that_no_candidate_has_says_so(bundle, studies):
    """Published: it looks for one for ever."""
    row = run(bundle, studies).to_pylist()[1]
    name = bundle.sections.names[NOBODY_HAS]
    section = row["sections"][NOBODY_HAS]
    assert section["report"] == f"{name}: No candidate report describes this section."
    assert section["report_row"] is None
    assert len(section["neighbours"]) == K


def test_section_that_one_distant_candidate_has_is_found(bundle, studies):
    for row in run(bundle, studies).to_pylist()[1:2]:
        section = row["sections"][ONLY_ROW[0]]
        assert section["report_row"] == ONLY_ROW[1]
        assert section["report"].startswith("IVC: ")
        assert ONLY_ROW[1] not in [near["row"] for near in section["neighbours"]]


def test_header_in_another_sections_text_is_not_taken_for_the_section(tmp_path, studies):
    """Published: a section is found by searching its header anywhere in the report."""
    release = write_small_release(tmp_path / "release")
    path = release / "assets" / "all_phr.json"
    words = json.loads(path.read_text())
    first = next(iter(words["Left Ventricle"]))
    words["Left Ventricle"][first][0] = "See IVC: as before."
    path.write_text(json.dumps(words))
    row = run(import_release(release, tmp_path / "b"), studies).to_pylist()[1]
    assert row["sections"][ONLY_ROW[0]]["report_row"] == ONLY_ROW[1]
    assert "as before" not in row["sections"][ONLY_ROW[0]]["report"]


def test_label_that_no_neighbour_has_is_null(bundle, studies):
    row = run(bundle, studies).to_pylist()[1]
    assert row["sections"][7]["assessable"]
    assert row[UNLABELLED] is None
    assert row[f"{UNLABELLED}_call"] is None


def test_calls_are_value_at_or_above_threshold(bundle, studies):
    for row in run(bundle, studies).to_pylist():
        for each in bundle.phenotypes:
            if each.threshold is not None and row[each.name] is not None:
                assert row[f"{each.name}_call"] == (row[each.name] >= each.threshold)


def test_call_at_exactly_the_threshold(tmp_path, studies):
    release = write_small_release(tmp_path / "release")
    value = run(import_release(release, tmp_path / "b"), studies)["pacemaker"][1].as_py()
    path = release / "assets" / "roc_thresholds.csv"
    path.write_text(f",feature,threshold\n0,pacemaker,{value!r}\n1,unknown,0.5\n")
    table = run(import_release(release, tmp_path / "c"), studies)
    assert table["pacemaker_call"][1].as_py() is True
    assert [name for name in table.column_names if name.endswith("_call")] == ["pacemaker_call"]


def test_evidence(bundle, studies):
    candidates = CandidateSet.open(bundle).shard()
    for study, row in enumerate(run(bundle, studies).to_pylist()):
        assert [each["section"] for each in row["sections"]] == list(bundle.sections.names)
        for number, section in enumerate(row["sections"]):
            if not section["assessable"]:
                continue
            weights = bundle.sections.weights[number, studies[1][study]].astype(float)
            assert section["shares"] == pytest.approx((weights / weights.sum()).tolist())
            near = section["neighbours"]
            assert len(near) == K
            assert [(-each["similarity"], each["row"]) for each in near] == sorted(
                (-each["similarity"], each["row"]) for each in near
            )
            assert all(len(each["labels"]) == len(section["phenotypes"]) for each in near)
            query = Interpreter(bundle).queries([studies[0][study]], [studies[1][study]])
            line = np.flatnonzero(query.section == number)
            hits = candidates.search(query.vectors[line], np.array([-1]), K)
            assert [each["row"] for each in near] == hits.rows[0].tolist()
            assert [each["candidate"] for each in near] == hits.names.take(
                hits.name_places(hits.rows[0]).tolist()
            ).to_pylist()
            for each in near:
                for name, label in zip(section["phenotypes"], each["labels"], strict=True):
                    place = hits.rows[0].tolist().index(each["row"])
                    expected = hits.labels[0, place, candidates.labels.index(name)]
                    assert label == (None if math.isnan(expected) else expected)


@pytest.mark.parametrize("shards", [1, 3, 5])
def test_same_rows_whatever_the_shards_batches_and_order(bundle, studies, shards):
    whole = run(bundle, studies, shards=2)
    assert run(bundle, studies, shards=shards).equals(whole)
    for number in range(5):
        alone = run(bundle, ([studies[0][number]], [studies[1][number]]), shards=shards)
        assert alone.equals(whole.slice(number, 1))
    backwards = run(bundle, (studies[0][::-1], studies[1][::-1]), shards=shards)
    assert backwards.equals(whole.take([4, 3, 2, 1, 0]))


def test_more_neighbours_than_candidates(bundle, studies):
    row = run(bundle, studies, k=ROWS + 20).to_pylist()[1]
    assert len(row["sections"][0]["neighbours"]) == ROWS


def test_exclusions_are_per_study(bundle, studies):
    first = run(bundle, studies).to_pylist()
    left_out = ["", first[1]["sections"][0]["neighbours"][0]["candidate"], "", "", ""]
    interpreter = Interpreter(bundle, k=K)
    queries = interpreter.queries(*studies)
    shard = CandidateSet.open(bundle).shard()
    arguments = interpreter.search_arguments(queries, exclude_study=left_out)
    rows = interpreter.interpret(queries, shard.search(**arguments)).to_pylist()
    for section in rows[1]["sections"]:
        assert left_out[1] not in [near["candidate"] for near in section["neighbours"]]
        assert len(section["neighbours"]) == K
    assert [rows[number] for number in (0, 2, 3, 4)] == [first[number] for number in (0, 2, 3, 4)]


def test_other_language_same_evidence(bundle, studies):
    english, italian = run(bundle, studies).to_pylist()[1], run(bundle, studies, language="it").to_pylist()[1]
    assert italian["report"].startswith("IT Left Ventricle: IT ")
    assert italian["ejection_fraction"] == english["ejection_fraction"]
    for one, other in zip(english["sections"], italian["sections"], strict=True):
        assert one["section"] == other["section"]
        assert one["report_row"] == other["report_row"]


def test_no_studies_no_rows(bundle):
    assert len(run(bundle, ([], []))) == 0


def test_wrong_settings_are_refused(bundle, studies):
    with pytest.raises(SettingError, match="pairing 'name' is not one of section, position"):
        Interpreter(bundle, pairing="name")
    with pytest.raises(SettingError, match="k is 0"):
        Interpreter(bundle, k=0)
    with pytest.raises(BundleError, match="language 'fr'"):
        Interpreter(bundle, language="fr")


def test_answers_to_other_questions_are_refused(bundle, studies):
    interpreter = Interpreter(bundle, k=K)
    queries = interpreter.queries(*studies)
    hits = CandidateSet.open(bundle).shard().search(queries.vectors, queries.section, K)
    with pytest.raises(EchoPrimeError, match="search with this interpreter's arguments"):
        interpreter.interpret(queries, hits)
