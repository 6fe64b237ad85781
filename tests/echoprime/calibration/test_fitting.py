"""What is fitted, against answers that are known; what is said of it never saw the study's patient."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.model_selection import GroupKFold

from echoprime.bundle import Calibration
from echoprime.bundle.calibrated import Isotonic, Platt
from echoprime.calibration import Fit, Wanted, calibrate, calibration_page
from echoprime.calibration.conformal import covered, half_width
from echoprime.calibration.finding import Finding, fit_finding
from echoprime.calibration.mapping import Method, fit_mapping
from echoprime.calibration.measures import measure
from echoprime.calibration.number import Number, fit_number
from echoprime.calibration.thresholds import choose_threshold, rates
from echoprime.errors import CohortError, SettingError
from echoprime.storage import Location
from tests.echoprime.calibration.cohorts import drawn_finding, drawn_number, drawn_reference

fiftieths = st.integers(0, 50).map(lambda number: number / 50)


@st.composite
def studies(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Values and truth, with both kinds."""
    rows = draw(st.lists(st.tuples(fiftieths, st.booleans()), min_size=2, max_size=60))
    rows += [(draw(fiftieths), True), (draw(fiftieths), False)]
    values, truth = zip(*rows, strict=True)
    return np.array(values), np.array(truth, np.float64)


@given(studies(), st.sampled_from([Wanted("sensitivity", 0.9), Wanted("specificity", 0.8), Wanted("youden")]))
def test_a_threshold_does_what_is_wanted_and_no_other_does_it_better(
    drawn: tuple[np.ndarray, np.ndarray], wanted: Wanted
) -> None:
    values, truth = drawn
    threshold = choose_threshold(values, truth, wanted)
    others = {each: rates(values >= each, truth) for each in np.unique(values)}
    if threshold is None:
        assert all(specificity < (wanted.least or 0) for _, specificity in others.values())
        return
    found = rates(values >= threshold, truth)
    if wanted.rate == "youden":
        assert sum(found) == pytest.approx(max(map(sum, others.values())))
        return
    mine, other = (0, 1) if wanted.rate == "sensitivity" else (1, 0)
    assert found[mine] >= (wanted.least or 0)
    assert found[other] == max(each[other] for each in others.values() if each[mine] >= (wanted.least or 0))


@given(studies())
def test_an_isotonic_mapping_rises_and_has_the_mean_of_the_truth(
    drawn: tuple[np.ndarray, np.ndarray],
) -> None:
    values, truth = drawn
    mapping = fit_mapping("isotonic", values, truth)
    assert isinstance(mapping, Isotonic)
    said = mapping(np.linspace(-0.1, 1.1, 200))
    assert (np.diff(said) >= 0).all()
    assert 0 <= said[0] <= said[-1] <= 1
    assert mapping(values).mean() == pytest.approx(truth.mean())


def test_platts_curve_is_found_again() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(200_000)
    truth = (rng.random(len(values)) < expit(6 * values - 4)).astype(np.float64)
    mapping = fit_mapping("platt", values, truth)
    assert isinstance(mapping, Platt)
    assert (mapping.slope, mapping.intercept) == (pytest.approx(6, abs=0.1), pytest.approx(-4, abs=0.1))


def test_platts_curve_is_finite_where_the_value_parts_the_two_kinds() -> None:
    mapping = fit_mapping("platt", np.array([0.0, 0.1, 0.8, 0.9]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert isinstance(mapping, Platt)
    assert 0 < mapping.slope < 100
    # Platt's targets: (2 + 1) / (2 + 2) of those that have it
    assert mapping(np.array([0.85]))[0] == pytest.approx(0.75, abs=0.05)


def test_figures_of_a_right_and_of_a_bold_probability() -> None:
    rng = np.random.default_rng(1)
    line = rng.normal(0, 1.5, 100_000)
    truth = (rng.random(len(line)) < expit(line)).astype(np.float64)
    right, bold = measure(expit(line), truth), measure(expit(2 * line + 1), truth)
    assert right.slope == pytest.approx(1, abs=0.05)
    assert right.intercept == pytest.approx(0, abs=0.05)
    assert right.calibration_error < 0.01
    assert bold.slope == pytest.approx(0.5, abs=0.05)
    assert bold.intercept < -0.5
    assert bold.brier > right.brier
    assert bold.auroc == pytest.approx(right.auroc)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_bold_value_becomes_a_probability(method: str) -> None:
    values, truth, patients = drawn_finding(2000)
    found = fit_finding(values, truth, patients, Fit(method=method))  # type: ignore[arg-type]
    assert isinstance(found, Finding)
    before, after = found.entry["before"], found.entry["cross_fitted"]
    assert after["brier"] < before["brier"]
    assert after["calibration_error"] < 0.5 * before["calibration_error"]
    assert abs(after["intercept"]) < 0.1 < abs(before["intercept"])
    assert after["auroc"] == pytest.approx(before["auroc"], abs=0.02)  # steps tie what was apart


def by_fold(patients: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Masks of each fold's studies that are fitted to, and that are held out, written out."""
    for fitted, held in GroupKFold(5).split(patients, groups=patients):
        assert not set(patients[fitted]) & set(patients[held])
        yield np.isin(np.arange(len(patients)), fitted), np.isin(np.arange(len(patients)), held)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
@pytest.mark.parametrize("wanted", ["youden", "sensitivity=0.9", "specificity=0.9"])
def test_no_figure_has_seen_the_patient(method: Method, wanted: str) -> None:
    """A small cohort, of which every figure is another where the study's patient was fitted to."""
    values, truth, patients = drawn_finding(160, seed=4, per_patient=4)
    found = fit_finding(values, truth, patients, Fit(method=method, wanted=Wanted.parse(wanted)))
    assert isinstance(found, Finding)
    after, called = np.full(160, np.nan), np.zeros(160, bool)
    for fitted, held in by_fold(patients):
        after[held] = fit_mapping(method, values[fitted], truth[fitted])(values[held])
        threshold = choose_threshold(values[fitted], truth[fitted], Wanted.parse(wanted))
        called[held] = values[held] >= threshold
    np.testing.assert_array_equal(found.after, after)
    seen = measure(fit_mapping(method, values, truth)(values), truth)
    for name, figure in asdict(measure(after, truth)).items():
        assert found.entry["cross_fitted"][name] == round(figure, 6) != round(getattr(seen, name), 6)
    held_out = dict(zip(("sensitivity", "specificity"), rates(called, truth), strict=True))
    assert found.entry["threshold"]["cross_fitted"] == pytest.approx(held_out, abs=1e-6)
    assert found.entry["threshold"]["chosen_on"] != found.entry["threshold"]["cross_fitted"]


def test_a_wanted_sensitivity_holds_for_patients_that_it_was_not_chosen_on() -> None:
    values, truth, patients = drawn_finding(3000)
    found = fit_finding(values, truth, patients, Fit(wanted=Wanted("sensitivity", 0.9)))
    assert isinstance(found, Finding)
    threshold = found.entry["threshold"]
    assert threshold["asked"] == "sensitivity=0.9"
    assert threshold["chosen_on"]["sensitivity"] >= 0.9
    assert threshold["cross_fitted"]["sensitivity"] == pytest.approx(0.9, abs=0.03)
    assert threshold["chosen_on"]["specificity"] == pytest.approx(
        rates(values >= threshold["value"], truth)[1], abs=1e-6
    )
    new_values, new_truth, _ = drawn_finding(3000, seed=1)
    assert rates(new_values >= threshold["value"], new_truth)[0] == pytest.approx(0.9, abs=0.04)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from([0.8, 0.9]))
def test_one_study_a_patient_is_split_conformal(seed: int, times: int, coverage: float) -> None:
    """The error of rank ceil((n + 1) coverage), however often each patient came with the same error."""
    errors = np.random.default_rng(seed).random(37)
    rank = int(np.ceil(round(38 * coverage, 9)))
    found = half_width(np.repeat(errors, times), np.repeat(np.arange(37), times), coverage)
    assert found == np.sort(errors)[rank - 1]


def test_a_new_patients_number_lies_in_the_interval_as_often_as_was_wanted() -> None:
    """Over drawn cohorts the mean coverage is what theory says: between 0.9 and 0.9 + 1 / (patients + 1)."""
    found = []
    for seed in range(400):
        estimated, known, patients = drawn_number(180, seed)
        errors, new = np.abs(estimated - known), patients >= 50
        width = half_width(errors[~new], patients[~new], 0.9)
        found.append(covered(errors[new], width, patients[new]).mean())
    error = np.std(found) / np.sqrt(len(found))
    assert 0.9 - 3 * error <= np.mean(found) <= 0.9 + 1 / 51 + 3 * error


def test_the_cross_fitted_coverage_is_that_of_other_patients() -> None:
    estimated, known, patients = drawn_number(120, seed=2)
    found = fit_number(estimated, known, patients, "%", Fit())
    assert isinstance(found, Number)
    errors = np.abs(estimated - known)
    inside = np.zeros(120)
    for fitted, held in by_fold(patients):
        inside[held] = errors[held] <= half_width(errors[fitted], patients[fitted], 0.9)
    # three studies a patient each: the mean over patients is that over studies
    assert found.entry["coverage_cross_fitted"] == round(inside.mean(), 6)
    assert found.entry["half_width"] == half_width(errors, patients, 0.9)
    assert found.entry["coverage_cross_fitted"] != round((errors <= found.entry["half_width"]).mean(), 6)


@pytest.mark.parametrize(
    ("values", "truth", "why"),
    [
        (
            np.linspace(0, 1, 60),
            np.r_[np.ones(19), np.zeros(41)],
            "19 studies with the finding, 20 are needed",
        ),
        (np.linspace(0, 1, 60), np.r_[np.ones(41), np.zeros(19)], "19 studies without the finding"),
        (np.full(60, 0.02), np.tile([0.0, 1.0], 30), "every study has the value 0.02"),
        (np.linspace(1, 0, 60), np.repeat([0.0, 1.0], 30), "do not rise"),
    ],
)
@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_why_a_finding_is_left_as_it_is(values: np.ndarray, truth: np.ndarray, why: str, method: str) -> None:
    found = fit_finding(values, truth, np.arange(60), Fit(method=method))  # type: ignore[arg-type]
    assert isinstance(found, str)
    assert why in found


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_finding_that_falls_with_its_value_is_left_as_it_is(method: str) -> None:
    """However its noise falls: the last of an isotonic curve's steps lies above the first by chance."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        values = np.round(rng.random(300) * 50) / 50
        truth = (rng.random(300) < 0.6 - 0.6 * values).astype(np.float64)
        found = fit_finding(values, truth, np.arange(300), Fit(method=method))  # type: ignore[arg-type]
        assert found == "its values do not rise with the finding", seed


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_finding_whose_value_says_nothing_is_left_as_it_is(method: str) -> None:
    """Above chance on the studies that were fitted to, not on others."""
    rng = np.random.default_rng(0)
    values = np.round(rng.random(300) * 50) / 50
    truth = (rng.random(300) < 0.3).astype(np.float64)
    found = fit_finding(values, truth, np.arange(300), Fit(method=method))  # type: ignore[arg-type]
    assert found == "its values do not rise with the finding"


def test_patients_that_hold_all_of_a_kind_are_no_ground_to_fit_on() -> None:
    truth = np.repeat([1.0, 0.0], [30, 60])
    patients = np.r_[np.zeros(30, int), np.arange(1, 61)]
    found = fit_finding(np.linspace(1, 0, 90), truth, patients, Fit())
    assert found == "all of one kind are of a few patients: nothing is left to fit to without them"
    assert (
        fit_finding(np.linspace(1, 0, 90), truth, np.arange(90) % 3, Fit())
        == "3 patients, 5 are needed (--folds)"
    )


def test_numbers_of_few_patients_have_no_interval() -> None:
    estimated, known, _ = drawn_number(60)
    found = fit_number(estimated, known, np.arange(60) % 10, "%", Fit())
    assert isinstance(found, str)
    assert "10 patients: each fold's others must be at least 9" in found
    assert fit_number(estimated[:19], known[:19], np.arange(19), "%", Fit()) == (
        "19 studies, 20 are needed (--minimum)"
    )


def test_what_is_written_is_read_again_and_holds_no_study(tmp_path: Path) -> None:
    fitted = calibrate(drawn_reference(), Fit())
    file = Location.parse(tmp_path / "calibration.json")
    fitted.calibration.write(file)
    text = file.read_bytes().decode()
    assert Calibration.read(file) == fitted.calibration
    content = json.loads(text)
    assert content["sha256"] == fitted.calibration.sha256
    assert set(content["phenotypes"]) == {"ejection_fraction", "tavr"}
    assert content["phenotypes"]["tavr"]["known_but_not_assessable"] == 8
    assert content["phenotypes"]["tavr"]["studies"] == 392
    assert content["left_as_they_are"] == {
        "pulmonary_artery_pressure_continuous": "the reference has no column of it",
        "impella": "3 studies with the finding, 20 are needed (--minimum)",
    }
    first, *_ = content["phenotypes"]["tavr"]["knots"]
    assert f"[{first[0]!r}, {first[1]!r}]" in text  # a knot a line


def test_another_value_is_another_hash() -> None:
    reference = drawn_reference()
    known = {**reference.known, "tavr": reference.known["tavr"].copy()}
    known["tavr"][0] = 1 - known["tavr"][0]
    hashes = {
        calibrate(each, fit).calibration.sha256
        for each, fit in (
            (reference, Fit()),
            (drawn_reference(), Fit()),
            (reference, Fit(method="platt")),
            (replace(reference, known=known), Fit()),
        )
    }
    assert len(hashes) == 3


def test_nothing_to_calibrate_is_refused_with_its_reason() -> None:
    with pytest.raises(CohortError, match=r"ejection_fraction: 400 studies, 1000 are needed"):
        calibrate(drawn_reference(), Fit(minimum=1000))


@pytest.mark.parametrize(
    "text", ["best", "sensitivity", "sensitivity=90", "specificity=0", "youden=1", "sensitivity=nan"]
)
def test_a_threshold_that_cannot_be_asked_for(text: str) -> None:
    with pytest.raises(SettingError, match=f"--threshold {text}: write youden, sensitivity=0.9"):
        Wanted.parse(text)


def test_the_page_shows_figures_drawings_and_what_was_left() -> None:
    fitted = calibrate(drawn_reference(), Fit())
    page = calibration_page(fitted)
    entry = fitted.calibration.phenotypes["tavr"]
    for words in (
        "drawn: for tests", f"{entry['cross_fitted']['brier']:.3f}", f"{entry['threshold']['value']:.3f}",
        "3 studies with the finding", "pulmonary artery pressure continuous", fitted.calibration.sha256,
    ):  # fmt: skip
        assert words in page, words
    assert page.count("<svg") == 2
    assert page == calibration_page(calibrate(drawn_reference(), Fit()))


def test_a_specificity_that_no_threshold_reaches_is_said(tmp_path: Path) -> None:
    """The highest value is one of a study without the finding: only calling nobody spares all of these."""
    reference = drawn_reference()
    values = {**reference.values, "tavr": reference.values["tavr"].copy()}
    values["tavr"][int(np.flatnonzero(reference.known["tavr"] == 0)[0])] = 1.0
    fitted = calibrate(replace(reference, values=values), Fit(wanted=Wanted("specificity", 1.0)))
    nothing = {"sensitivity": None, "specificity": None}
    assert fitted.calibration.phenotypes["tavr"]["threshold"] == {
        "asked": "specificity=1", "value": None, "probability": None, "chosen_on": nothing,
        "cross_fitted": nothing, "why_not": "no threshold reaches it: calls go by the bundle's",
    }  # fmt: skip
    assert "no threshold reaches it: calls go by the bundle&#39;s" in calibration_page(fitted)
    file = Location.parse(tmp_path / "calibration.json")
    fitted.calibration.write(file)
    assert Calibration.read(file) == fitted.calibration


def test_probabilities_of_new_studies_come_true() -> None:
    values, truth, _ = drawn_finding(6000)
    mapping = fit_mapping("isotonic", values, truth)
    new_values, new_truth, _ = drawn_finding(6000, seed=5)
    assert measure(new_values, new_truth).calibration_error > 0.1
    assert measure(mapping(new_values), new_truth).calibration_error < 0.02
