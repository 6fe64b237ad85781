"""A run's log in a folder and in a bucket: whole lines, UTC, in parts where objects cannot grow."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from echoprime.storage import Location
from pipelines.watching import run_log as module
from pipelines.watching.run_log import event, run_log


def lines(place: Location) -> list[dict[str, Any]]:
    """All lines of all files, in order."""
    texts = [(place / name).read_bytes().decode() for name in place.names()]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def test_lines_are_there_when_the_run_ends(place: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_BYTES", 300)
    monkeypatch.setattr(module, "PART_SECONDS", 0.0)
    (place / "run.json").write_bytes(b"{}")
    with run_log(place):
        for number in range(9):
            event("commit", studies=number)
        logging.getLogger("echoprime.model").warning("a library's word with %d", 7)
    (place / "run.json").remove()
    event("commit", studies=100)  # of no run
    found = lines(place)
    assert [line.get("studies") for line in found] == [*range(9), None]
    assert found[-1]["message"] == "a library's word with 7"
    assert found[-1]["level"] == "warning"
    assert place.names()[0] == ("log.jsonl" if place.is_local else "log-00000.jsonl")
    assert place.is_local or len(place.names()) > 2


@pytest.mark.s3
@pytest.mark.parametrize(
    "error", [OSError("the store is away"), EndpointConnectionError(endpoint_url="http://127.0.0.1:9")]
)
def test_a_store_that_refuses_costs_no_line_and_no_run(
    s3_location: Location, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(module, "PART_SECONDS", 0.0)
    write = Location.write_bytes

    def refuse(self: Location, data: bytes) -> None:
        raise error

    with run_log(s3_location):
        monkeypatch.setattr(Location, "write_bytes", refuse)
        event("commit", studies=1)
        monkeypatch.setattr(Location, "write_bytes", write)
        event("commit", studies=2)
        assert [line["studies"] for line in lines(s3_location)] == [1, 2]
