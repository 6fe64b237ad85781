"""Searches of a service: what is asked again, and what is not."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler

import pytest

from echoprime.archive import dicomweb_search
from echoprime.archive.dicomweb_search import DicomwebSearch
from echoprime.errors import ArchiveError
from echoprime.storage import Location
from echoprime.storage.patience import ATTEMPTS
from tests.http_answers import sends, serving

SERIES = [{"0020000E": {"vr": "UI", "Value": ["1.2.3"]}}]


@pytest.mark.parametrize(
    ("status", "times", "said"),
    [
        (503, range(ATTEMPTS, ATTEMPTS + 1), None),  # a server that starts again
        (503, range(ATTEMPTS + 1, 1_000), "slow down"),  # asked for as long as an outage may last
        (403, range(1, 2), "refuses the credentials"),
        (401, range(1, 2), "refuses the credentials"),  # asked again, a password would lock its account
    ],
)
def test_a_search_is_as_patient_as_a_read(
    status: int, times: range, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def answer(request: BaseHTTPRequestHandler) -> None:
        nonlocal asked
        asked += 1
        if said is None and asked == times.start:
            sends(json.dumps(SERIES).encode(), "application/dicom+json")(request)
        else:
            sends(b"", "text/plain", status)(request)

    monkeypatch.setattr(dicomweb_search._ask_again.retry, "sleep", lambda _: None)
    with serving(answer) as address:
        search = DicomwebSearch(Location.parse_archive(address))
        if said is None:
            assert list(search.series("1.2", 1)) == SERIES
        else:
            with pytest.raises(ArchiveError, match=said):
                list(search.series("1.2", 1))
    assert asked in times
