"""The run's page: what bounded a run comes from its record, and is not said where the record does not."""

from __future__ import annotations

from typing import Any

from echoprime.pages.run import run_page
from echoprime.storage import Location
from echoprime.tables import RunRecord

POOLS = {
    "readers": {"actors": 1, "cores": 0.1, "gpus": 0.0, "stages": ["read"]},
    "encoders": {"actors": 2, "cores": 0.25, "gpus": 0.0, "stages": ["encode"]},
}


def record(**more: Any) -> RunRecord:
    fields: dict[str, Any] = {
        "out": Location.parse("/out"), "run_id": "20260102-030405-abcdef", "command": "encode",
        "settings": {"output": "/out", "limit": None, "force": False}, "versions": {"torch": "2.14.1"},
        "started_at": "2026-01-02T03:04:05.000+00:00", "finished_at": "2026-01-02T03:06:05.000+00:00",
        "exit_code": 0,
        "counts": {"studies": 10, "incomplete": 0, "encoded": 37, "failed:not_decodable": 1,
                   "skipped:still": 2},
        "seconds": {"read": 20.0, "encode": 180.0, "commit": 0.5},
        "wall": {"start": 10.0, "work": 100.0, "finish": 1.0}, "pools": POOLS, "clips_per_second": 0.37,
    }  # fmt: skip
    return RunRecord(**{**fields, **more})


def test_what_bounded_the_run_is_said_as_its_record_says_it() -> None:
    assert "Encoders bound this run: busy 90 % of the time" in run_page(record())
    assert "Readers bound this run: as recorded." in run_page(
        record(advice="readers bound this run: as recorded")
    )


def test_starved_and_held_are_on_the_page_where_they_are_known() -> None:
    readers = {**POOLS["readers"], "starved": 0.11, "held": 0.62, "blocked": 0.0}
    text = run_page(record(pools={**POOLS, "readers": readers}))
    assert "11 %" in text
    assert "62 %" in text


def test_an_old_record_without_times_is_shown_too() -> None:
    old = record(wall={}, pools={}, clips_per_second=None, finished_at=None, exit_code=None)
    text = run_page(old)
    assert "is not known: no times were recorded" in text
    assert "it was killed" in text
    assert "Wall clock by phase" not in text


def test_everything_of_the_record_is_on_the_page() -> None:
    text = run_page(record())
    for words in (
        "done", "120.0 s", "0.37", "not decodable", "92.5 %", "2.5 %", "90 %", "2.14.1", "not set", "100.0",
        "Encode run 20260102-030405-abcdef",
    ):  # fmt: skip
        assert words in text, words
    assert "Ended with exit code 3" in run_page(record(exit_code=3))


def test_studies_left_out_for_their_kind_are_on_the_page() -> None:
    settings = {"study_kinds": ["transthoracic", "unknown"]}
    text = run_page(
        record(command="interpret", settings=settings, counts={"studies": 7, "left_out_stress": 3})
    )
    assert "<dt>Left out stress</dt>" in text.replace("\n", "")
    assert "transthoracic, unknown" in text


def test_what_left_out_candidates_would_have_changed_is_said_where_there_were_any() -> None:
    line = "3 of 10 studies had left-out candidates among their nearest: with them tavr"
    assert f"{line}." in run_page(record(command="interpret", leakage=line))
    assert "Candidates of the studies" not in run_page(record(command="interpret"))
