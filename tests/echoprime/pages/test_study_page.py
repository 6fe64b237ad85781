"""The study's page: every warning that it owes its reader, evidence, and no identifier unless asked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from echoprime.bundle import VIEWS
from echoprime.pages import Shown, not_shown, study_page
from echoprime.pages.studies import studies_page

WRITTEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
MOVING = Shown(np.random.default_rng(0).integers(0, 255, (4, 224, 224, 3)).astype(np.uint8))


def video(number: int, outcome: str = "encoded", reason: str = "", **more: Any) -> dict[str, Any]:
    encoded = outcome == "encoded"
    return {
        "path": f"Smith^John/{number}.dcm", "outcome": outcome, "reason": reason, "message": "",
        "embedding": number if encoded else None, "view": "A4C" if encoded else None, "frames": 40,
        "frame_time": 25.0, "rows": 600, "columns": 800, **more,
    }  # fmt: skip


def encoding(*videos: dict[str, Any], **more: Any) -> dict[str, Any]:
    encoded = [each for each in videos if each["outcome"] == "encoded"]
    probabilities = [0.02] * len(VIEWS)
    probabilities[VIEWS.index("A4C")] = 0.8
    return {
        "study_id": "Smith^John", "study_key": "0123456789abcdef" * 2, "patient_id": "P-77",
        "acquired_at": WRITTEN, "study_kind": "unknown", "status": "complete", "videos": list(videos),
        "view_probabilities": [probabilities] * len(encoded), "encoding_id": "e", "run_id": "r",
        "written_at": WRITTEN, **more,
    }  # fmt: skip


def section(
    name: str, phenotypes: list[str], labels: list[list[float | None]], **more: Any
) -> dict[str, Any]:
    neighbours = [{"similarity": 0.9 - 0.1 * n, "labels": row} for n, row in enumerate(labels)]
    return {
        "section": name, "assessable": True, "report": f"{name}: It beats.",
        "report_set": "bundle", "report_row": 7, "report_similarity": 0.9, "shares": [0.75, 0.25],
        "phenotypes": phenotypes,
        "neighbours": neighbours, **more,
    }  # fmt: skip


def phenotype(name: str, section: str, value: float | None, **more: Any) -> dict[str, Any]:
    quantiles = dict.fromkeys(("p10", "p25", "p50", "p75", "p90"), 50.0)
    return {
        "phenotype": name, "section": section, "value": value, "assessable": value is not None,
        "reason": "" if value is not None else "no_video_counts", "neighbours": 3, "labelled": 2,
        "positive": None, **quantiles, "low": None, "high": None, "calibrated": None,
        "conformal_low": None, "conformal_high": None, "nearest": 0.9, "nearest_percentile": 37.4,
        "threshold": None, "threshold_from": None, "call": None, "stable": None,
        "videos": [part(0.75), part(0.25)], "views": [part(1.0, view="A4C")],
        "clips": None, "sets": [{"set": "bundle", "neighbours": 3, "labelled": 2}], "left_out": 0,
        "value_with_left_out": value, **more,
    }  # fmt: skip


def part(share: float, without: float | None = None, **view: str) -> dict[str, Any]:
    return {**view, "share": share, "value_without": without}


def interpretation(**more: Any) -> dict[str, Any]:
    return {
        "study_key": "0123456789abcdef" * 2, "encoded_at": WRITTEN, "written_at": WRITTEN, "run_id": "r2",
        "interpretation_id": "i", "notice": "untrained: for tests", "calls_calibrated": False,
        "views": ["A4C", "A4C"], "views_given": 0, "ejection_fraction": 55.0, "tavr": 0.5, "tavr_call": False,
        "phenotypes": [
            phenotype(
                "ejection_fraction", "Left Ventricle", 55.0, low=48.0, high=62.0, p10=50.0, p25=50.0,
                p50=50.0, p75=60.0, p90=60.0,
            ),
            phenotype(
                "tavr", "Aortic Valve", 0.5, neighbours=2, positive=1, low=0.09, high=0.91, threshold=0.76,
                threshold_from="published",
                call=False,
            ),
        ],
        "sections": [
            section("Left Ventricle", ["ejection_fraction"], [[50.0], [60.0], [None]]),
            section("Aortic Valve", ["tavr"], [[1.0], [0.0]]),
            section(
                "IVC", [], [], assessable=False, report="IVC: Not assessable.", shares=[], report_row=None,
                report_similarity=None,
            ),
        ],
        **more,
    }  # fmt: skip


IDENTITY = {"thresholds": {"tavr": 0.76}, "k": 50, "pairing": "section", "language": "en"}


def page(study: dict[str, Any], found: dict[str, Any] | None, pictures: list[Shown], **more: Any) -> str:
    text = study_page(study, found, pictures, identity=IDENTITY, **more)
    return re.sub(r"data:[^\"]+", "data:", text)


def warnings(text: str) -> list[str]:
    return re.findall(r'<p class="warning" role="note">(.*?)</p>', text)


def test_evidence_stands_beside_every_number() -> None:
    text = page(encoding(video(0), video(1)), interpretation(), [MOVING, not_shown("too little of it moves")])
    assert '<p class="notice" role="note">untrained: for tests</p>' in text
    for words in (
        "50 (50 to 60; 50 to 60)", "2 of 3", "55.0 %", "48.0 to 62.0", "1 of 2 have it", "0.09 to 0.91",
        "0.76", "uncalibrated", "75 %", "25 %", "0.900", "37 %", "A4C 100 %",
        "candidate 7, similarity 0.900", "Not shown: too little of it moves", "It beats.", "40 a second",
    ):  # fmt: skip
        assert words in text, words
    assert text.count("<video ") == 1
    assert "<svg" in text
    assert [each.split(":")[0].split(",")[0] for each in warnings(text)] == [
        "Not assessable",
        "Calls are uncalibrated",
    ]


def test_what_is_calibrated_is_shown_and_what_is_not_is_named() -> None:
    fraction = phenotype("ejection_fraction", "Left Ventricle", 55.0, conformal_low=46.2, conformal_high=64.0)
    valve = phenotype(
        "tavr", "Aortic Valve", 0.5, positive=1, calibrated=0.231, threshold=0.3, call=True,
        threshold_from="calibration",
    )  # fmt: skip
    found = interpretation(phenotypes=[fraction, valve], calls_calibrated=True)
    text = page(encoding(video(0), video(1)), found, [MOVING, MOVING])
    for said in ("46.2 to 64.0 %", "0.23", "how probable the finding is"):
        assert said in text, said
    assert "uncalibrated" not in text
    published = phenotype(
        "dilated_ivc", "IVC", 0.5, positive=1, threshold=0.32, call=True, threshold_from="published"
    )
    text = page(
        encoding(video(0), video(1)),
        interpretation(phenotypes=[fraction, valve, published]),
        [MOVING, MOVING],
    )
    assert "0.32 (published)" in text
    assert warnings(text)[-1] == (
        "Calls of dilated ivc are uncalibrated: published thresholds on values of another data set."
    )


def test_own_thresholds_are_not_called_published() -> None:
    pictures = [MOVING, MOVING]
    own = phenotype("tavr", "Aortic Valve", 0.5, positive=1, threshold=0.3, call=True, threshold_from="own")
    published = phenotype(
        "dilated_ivc", "IVC", 0.5, positive=1, threshold=0.32, call=True, threshold_from="published"
    )
    text = page(encoding(video(0), video(1)), interpretation(phenotypes=[own]), pictures)
    assert warnings(text)[-1] == "Calls are uncalibrated: thresholds of your own table (--thresholds)."
    text = page(encoding(video(0), video(1)), interpretation(phenotypes=[own, published]), pictures)
    assert warnings(text)[-2:] == [
        "Calls of tavr are uncalibrated: thresholds of your own table (--thresholds).",
        "Calls of dilated ivc are uncalibrated: published thresholds on values of another data set.",
    ]


def test_calls_are_as_calibrated_as_the_interpretation_where_this_study_has_no_value() -> None:
    """Its value is not assessable, so nothing of it is calibrated; its threshold is all the same."""
    valve = phenotype(
        "tavr", "Aortic Valve", None, positive=0, threshold=0.3, call=None, threshold_from="calibration"
    )
    found = interpretation(phenotypes=[valve], calls_calibrated=True)
    assert "uncalibrated" not in page(encoding(video(0), video(1)), found, [MOVING, MOVING])


def test_sentences_grades_and_contradictions() -> None:
    said = {"phrase": 3, "text": "Mild leak.", "value": None, "said_by": 12, "same_value": None, "of": 49}
    valued = {**said, "text": "Gradient 4 mmHg.", "value": "4", "said_by": 9, "same_value": 2}
    leak = {
        "structure": "mitral_regurgitation", "grade": "mild", "expected": 0.75, "neighbours": 8,
        "ungraded": 3, "probabilities": [0.25, 0.0, 0.75, 0.0, 0.0, 0.0, 0.0],
    }  # fmt: skip
    silent = {**leak, "structure": "mitral_stenosis", "grade": None, "expected": None, "probabilities": None}
    nothing = {**silent, "structure": "aortic_stenosis", "neighbours": 0, "ungraded": 0}
    against = {
        "structure": "mitral_regurgitation", "section": "Mitral Valve", "sentence": "Severe <leak>.",
        "grade": "severe", "other_section": "Left Atrium", "other_sentence": "No leak.",
        "other_grade": "none", "phenotype": None, "value": None,
    }  # fmt: skip
    mitral = section("Mitral Valve", [], [], sentences=[said, valued], describing=20)
    found = interpretation(
        phenotypes=[], sections=[mitral], severity=[leak, silent, nothing], contradictions=[against]
    )
    text = page(encoding(video(0), video(1)), found, [MOVING] * 2)
    for words in (
        "Mild leak. <span class=\"quiet\">(12 of 49)</span>", "(9 of 49, 2 with this value)",
        "20 of the others describe this section", "none 25 %, mild 75 %", "mitral stenosis",
        "severe in Mitral Valve (&#34;Severe &lt;leak&gt;.&#34;), but none in Left Atrium",
    ):  # fmt: skip
        assert words in text, words
    assert "aortic stenosis" not in text
    assert "<h2>Severity</h2>" not in page(encoding(video(0)), interpretation(), [MOVING])


def test_what_decides_stands_there_where_it_was_asked_for() -> None:
    found = interpretation()
    found["phenotypes"] = [
        phenotype(
            "ejection_fraction", "Left Ventricle", 55.0, videos=[part(0.75, 57.04), part(0.25, 51.5)],
            views=[part(1.0, view="A4C")],
        ),
        phenotype(
            "tavr", "Aortic Valve", 0.5, positive=1, threshold=0.76, call=False, stable=False,
            threshold_from="published",
            videos=[part(1.0), part(0.0, 0.5)], views=[part(0.6, 0.8, view="A4C"), part(0.4, view="SSN")],
        ),
        phenotype("dilated_ivc", "IVC", None, videos=[], views=[]),
    ]  # fmt: skip
    study = encoding(video(0), video(1))
    asked = study_page(study, found, [not_shown("x")] * 2, identity={**IDENTITY, "influence": True})
    rows = re.findall(r"<tr>(.*?)</tr>", asked.split("<h2>What decides</h2>")[1].split("<h2>")[0], re.S)
    cells = [re.sub(r"<[^>]+>", "|", row).strip("|").split("||") for row in rows[1:]]
    assert cells == [
        ["ejection fraction", "55.0", "2 (A4C)", "51.5 (-3.5)", "A4C", "no value"],
        ["tavr", "0.50", "1 (A4C)", "no value", "SSN", "no value", "|A4C"],
    ]
    assert 'no<br><span class="quiet">unstable</span>' in asked
    assert "no video shows a view that counts" in asked
    assert "What decides" not in page(study, found, [not_shown("x")] * 2)


def test_a_value_says_how_far_it_moves_with_the_clips() -> None:
    found = interpretation()
    spread = {"values": [51.0, None, 57.04], "min": 51.0, "max": 57.04, "sd": 4.3, "stable": None}
    found["phenotypes"][0]["clips"] = spread
    found["phenotypes"][1]["clips"] = {**spread, "min": 0.5, "max": 0.8, "stable": False}
    study = encoding(video(0), video(1))
    text = page(study, found, [not_shown("x")] * 2)
    assert '55.0 %<br><span class="quiet">51.0 to 57.0</span>' in text
    assert '0.50<br><span class="quiet">0.50 to 0.80</span>' in text
    assert text.count('no<br><span class="quiet">turns by clip</span>') == 1
    assert "that of several clips a video" in text
    assert "by one clip of each video alone" in text
    plain = page(study, interpretation(), [not_shown("x")] * 2)
    assert "by clip" not in plain
    assert "by one clip" not in plain
    assert "several clips" not in plain


def test_a_study_unlike_the_candidates_is_warned_of() -> None:
    found = interpretation()
    found["phenotypes"][0]["nearest_percentile"] = 0.95
    text = page(encoding(video(0), video(1)), found, [not_shown("x")] * 2)
    assert "Unlike the candidates: Left Ventricle. 99 of 100" in " ".join(warnings(text))
    assert "<strong>below 1 %</strong>" in text


def test_identifiers_are_on_the_page_only_when_asked_for() -> None:
    arguments = (encoding(video(0), video(1), video(2, "failed", "still")), interpretation(), [MOVING] * 2)
    without = page(*arguments)
    for word in ("Smith", "P-77", ".dcm", "2026-01-02 03:04 UTC</dd>\n<div><dt>Patient"):
        assert word not in without
    asked = page(*arguments, identifiers=True)
    assert "Smith^John/2.dcm" in asked
    assert "P-77" in asked


def test_what_is_wrong_is_said_at_the_top() -> None:
    study = encoding(video(0), video(1), video(2, "failed", "read_error"), status="incomplete")
    text = page(study, interpretation(encoded_at=WRITTEN - timedelta(days=1)), [MOVING] * 2)
    said = " ".join(warnings(text))
    assert text.index("Incomplete: a video") < text.index("<main>")
    for words in ("Incomplete", "1 of 3 videos failed: 1 read error", "Out of date", "Not assessable"):
        assert words in said
    assert "75 %" not in text  # shares of the earlier encoding's videos

    gone = page(encoding(video(0), status="vanished"), None, [not_shown("no longer in the archive")])
    assert [each.split(" ")[0] for each in warnings(gone)] == ["The", "Not"]
    assert "no longer in the archive" in gone
    assert "<h2>Report</h2>" not in gone

    empty = page(encoding(video(0, "failed", "not_decodable")), None, [])
    assert "No video of this study was encoded" in " ".join(warnings(empty))


def test_there_must_be_a_picture_for_each_video() -> None:
    with pytest.raises(ValueError, match="1 pictures for 2 encoded videos"):
        page(encoding(video(0), video(1)), None, [MOVING])


def test_the_same_study_gives_the_same_page() -> None:
    arguments = (encoding(video(0), video(1)), interpretation(), [MOVING] * 2)
    assert study_page(*arguments, identity=IDENTITY) == study_page(*arguments, identity=IDENTITY)


def test_the_index_names_no_one_unless_asked() -> None:
    studies = [(encoding(video(0), video(1)), interpretation()), (encoding(video(0)), None)]
    text = studies_page(studies, ["a.html", "b.html"], notice="untrained: for tests")
    assert 'href="a.html"' in text
    assert "55.0" in text
    assert "Smith" not in text
    assert "Smith^John" in studies_page(studies, ["a.html", "b.html"], identifiers=True)


def test_a_study_of_another_kind_says_so() -> None:
    """And why it has no report: nothing is wrong that another run would mend."""
    asked_for = {**IDENTITY, "study_kinds": ["transthoracic", "unknown"]}
    stress = encoding(video(0), study_kind="stress")
    said = warnings(re.sub(r"data:[^\"]+", "", study_page(stress, None, [MOVING], identity=asked_for)))
    assert "kind: stress" in said[0]
    assert said[1].endswith("Its kind is left out there (--study-kinds).")
    text = page(stress, interpretation(), [MOVING])
    assert "kind: stress" in warnings(text)[0]
    assert "<dt>Kind</dt>" in text.replace("\n", "")
    assert "kind:" not in " ".join(warnings(page(encoding(video(0)), None, [MOVING])))


def test_views_of_a_table_stand_beside_the_classifiers() -> None:
    found = interpretation(views=["A4C", "Parasternal_Long", None], views_given=2)
    study = encoding(video(0), video(1), video(2))
    for section_found in found["sections"]:
        section_found["shares"] = [0.5, 0.5, 0.0]
    identity = {**IDENTITY, "views": {"table": "0" * 64, "names": None}}
    text = study_page(study, found, [not_shown("x")] * 3, identity=identity)
    assert text.count("in the table of views: ") == 2
    assert "in the table of views: Parasternal Long" in text
    assert "in the table of views: none of the views" in text
    assert "2 of 3 from a table" in text
    heads = re.findall(r'class="number">(\d)<br>([^<]+)</th>', text)
    assert heads == [("1", "A4C"), ("2", "Parasternal Long"), ("3", "none of the views")]
    older = interpretation(views=["SSN", "SSN", "SSN"], encoded_at=WRITTEN - timedelta(days=1))
    assert "in the table of views" not in study_page(study, older, [not_shown("x")] * 3, identity=identity)


def test_where_neighbours_are_from_and_what_was_left_out_is_said_where_there_is_something_to_say() -> None:
    plain = page(encoding(video(0), video(1)), interpretation(), [MOVING] * 2)
    assert not any(words in plain for words in ("Neighbours from", "Value with them", "candidate 7 of"))
    found = interpretation()
    sets = [
        {"set": "official", "neighbours": 2, "labelled": 1},
        {"set": "own", "neighbours": 1, "labelled": 1},
    ]
    found["phenotypes"][0] |= {"sets": sets, "left_out": 2, "value_with_left_out": 61.25}
    found["sections"][0]["report_set"] = "own"
    text = page(encoding(video(0), video(1)), found, [MOVING] * 2)
    assert "2 official, 1 own" in text
    assert "candidate 7 of own" in text
    row = text.split('<th scope="row">ejection fraction</th>')[1].split("</tr>")[0]
    assert re.findall(r'<td class="number">([^<]*)</td>', row)[3:5] == ["2", "61.2"]
