"""A sign beside the plan: seen by whoever looks, in a folder and a bucket."""

from __future__ import annotations

import pytest

from echoprime.storage import Location
from operators import stop_sign
from operators.stop_sign import StopSign


def test_a_sign_is_seen_once_it_is_put(place: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_sign, "LOOK_SECONDS", 0.0)
    plan = place / "runs/1/plan.parquet"
    plan.write_bytes(b"")
    sign, other = StopSign(plan), StopSign(plan)
    assert not other.seen()
    sign.put()
    assert other.seen()
    sign.place.remove()
    assert other.seen(), "a run that ends does not begin again"


def test_a_store_is_not_asked_for_every_study(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Location] = []
    monkeypatch.setattr(Location, "exists", lambda place: bool(asked.append(place)))
    sign = StopSign(Location.parse(tmp_path / "plan.parquet"))
    assert not any(sign.seen() for _ in range(1_000))
    assert len(asked) < 5


def test_a_store_that_is_away_stops_nobody(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(place: Location) -> bool:
        raise OSError("reset")

    monkeypatch.setattr(Location, "exists", away)
    assert not StopSign(Location.parse(tmp_path / "plan.parquet")).seen()
