"""The committed assets fit each other, and reports say what the drawing is."""

import numpy as np
import pytest

from echoprime.assets import asset, read_asset
from echoprime.bundle import VIEWS
from echoprime.demonstration import assets
from echoprime.demonstration.bundle import LABEL_SOURCES, read_embeddings
from echoprime.demonstration.heart import draw_heart
from echoprime.demonstration.make_assets import candidate_fractions, candidate_loops, frame_loops
from echoprime.demonstration.phantom import REVISION
from echoprime.demonstration.reports import write_report
from echoprime.errors import BundleError


def test_sections_phenotypes_and_thresholds():
    weights, phenotypes = assets.read_section_weights(), assets.read_phenotypes()
    assert weights.weights.shape == (15, 11)
    assert len(phenotypes) == 21
    assert [phenotype.name for phenotype in phenotypes if phenotype.kind == "continuous"] == [
        "ejection_fraction",
        "pulmonary_artery_pressure_continuous",
    ]
    assert sum(phenotype.threshold is not None for phenotype in phenotypes) == 13
    # the i-th section named here is paired with the i-th row of the weights by `by_position`
    assert list(dict.fromkeys(phenotype.section for phenotype in phenotypes)) == [
        *("Left Ventricle", "Right Ventricle", "Left Atrium", "Right Atrium", "Mitral Valve", "Aortic Valve"),
        *("Tricuspid Valve", "Pericardium", "Aorta", "IVC", "Pulmonary Artery"),
    ]


def test_the_lexicon_has_the_sixteen_sections():
    lexicon = assets.read_lexicon()
    assert lexicon.sections == (*assets.read_section_weights().names, "Postoperative Findings")
    assert "Ejection fraction is <numerical> %." in lexicon.phrases[0]
    for name, source in LABEL_SOURCES.items():
        words = [text.partition("<#>")[0].strip() for text in source["label_sources"]]
        phrases = lexicon.phrases[lexicon.sections.index(source["section"])]
        assert any(word in phrase for word in words for phrase in phrases), name


def test_candidates_fit_their_embeddings_and_hearts():
    rows, embeddings = assets.read_candidates(), read_embeddings()
    assert embeddings.shape == (len(rows), 512)
    assert embeddings.dtype == np.float32
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1, abs=1e-5)
    assert set(rows[0]) == set(assets.CANDIDATE_COLUMNS)
    assert [float(row["ejection_fraction"]) for row in rows] == candidate_fractions()
    for row in rows:
        heart = draw_heart(float(row["ejection_fraction"]), int(row["seed"]))
        assert all(row[name] == f"{value:g}" for name, value in heart.labels.items() if name in row)


def test_seeds_of_candidates_frames_and_archive_are_disjoint():
    from echoprime.demonstration.archive import drawn_loops

    seeds = [{loop.seed for loop in loops} for loops in (candidate_loops(), frame_loops(), drawn_loops())]
    assert not seeds[0] & seeds[1]
    assert not seeds[2] & (seeds[0] | seeds[1])
    assert {loop.view for loop in frame_loops()} == set(VIEWS)


def test_assets_belong_to_this_drawing_and_are_small():
    assert assets.read_seeds()["drawing_revision"] == REVISION
    folder = asset("demonstration")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000


def test_what_was_measured_is_a_retrieval_that_works():
    measured = assets.read_seeds()["measured"]
    assert measured["archive_correlation"] > 0.9
    assert (
        2 * measured["archive_mean_absolute_error"]
        < (measured["archive_mean_absolute_error_of_guessing_the_mean"])
    )
    assert measured["view_frames_right"] > 0.95 * measured["view_frames_held_out"]


def test_reports_are_short_and_say_what_is_drawn():
    lexicon = assets.read_lexicon()
    for row in assets.read_candidates():
        report = write_report(row, lexicon)
        sections = [section for section, _, _ in report]
        assert 2 <= len(set(sections)) <= 6
        assert sections == sorted(sections)
        assert report[0] == (0, 0, float(row["ejection_fraction"]))
        words = " ".join(lexicon.phrases[section][phrase] for section, phrase, _ in report)
        assert ("rim of fluid" in words) == (row["pericardial_effusion"] == "1")
        assert ("function is reduced" in words) == (row["rv_systolic_function_depressed"] == "1")


def test_a_missing_asset_names_the_cure():
    with pytest.raises(BundleError, match="make_assets"):
        read_asset("demonstration/nothing.npy")
