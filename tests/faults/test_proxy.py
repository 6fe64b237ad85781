"""The proxy itself: an undisturbed request goes through as it is, a hit one fails as its mode says."""

from __future__ import annotations

import http.client
import os
import time
from urllib.parse import quote, urlsplit

import botocore.session
import pytest
from botocore.config import Config

from echoprime.storage import Location
from tests.faults.fault import Fault
from tests.faults.proxy import FaultProxy

pytestmark = pytest.mark.s3

DATA = bytes(range(256)) * 1200


@pytest.fixture
def place(s3_location: Location, proxy: FaultProxy) -> Location:
    (s3_location / "a b.bin").write_bytes(DATA)
    return s3_location


def signed_url(place: Location, proxy: FaultProxy, method: str = "get_object") -> str:
    client = botocore.session.Session().create_client(
        "s3", endpoint_url=proxy.endpoint, config=Config(signature_version="s3v4")
    )
    return client.generate_presigned_url(
        method, Params={"Bucket": place.bucket, "Key": f"{place.key}/a b.bin"}
    )


def ask(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=20)
    try:
        connection.request(method, f"{at.path}?{at.query}", body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_an_undisturbed_request_goes_through(place: Location, proxy: FaultProxy) -> None:
    assert ask(signed_url(place, proxy)) == (200, DATA)
    with proxy.injecting(Fault("reset", methods="PUT")):
        assert ask(signed_url(place, proxy)) == (200, DATA)
    assert proxy.counts == {}


@pytest.mark.parametrize(("mode", "status"), [("slow_down", 503), ("internal_error", 500)])
def test_a_refused_request(place: Location, proxy: FaultProxy, mode: str, status: int) -> None:
    with proxy.injecting(Fault(mode, paths=quote("a b"))):
        found, body = ask(signed_url(place, proxy))
    assert found == status
    assert b"<Code>" in body
    assert proxy.counts == {"GET": 1, f"GET {mode}": 1}


@pytest.mark.parametrize("mode", ["reset", "lost_answer"])
def test_a_reset_connection(place: Location, proxy: FaultProxy, mode: str) -> None:
    with proxy.injecting(Fault(mode)), pytest.raises(ConnectionError):
        ask(signed_url(place, proxy))


def test_a_truncated_answer(place: Location, proxy: FaultProxy) -> None:
    with proxy.injecting(Fault("truncate")), pytest.raises((ConnectionError, http.client.IncompleteRead)):
        ask(signed_url(place, proxy))


def test_a_corrupted_answer_differs_in_one_byte(place: Location, proxy: FaultProxy) -> None:
    with proxy.injecting(Fault("corrupt")):
        _, body = ask(signed_url(place, proxy))
    assert len(body) == len(DATA)
    assert sum(a != b for a, b in zip(body, DATA, strict=True)) == 1


def test_latency_and_throttle_take_time(place: Location, proxy: FaultProxy) -> None:
    for fault in (Fault("latency", amount=0.3), Fault("throttle", amount=len(DATA) / 0.3)):
        start = time.monotonic()
        with proxy.injecting(fault):
            assert ask(signed_url(place, proxy)) == (200, DATA)
        assert 0.29 < time.monotonic() - start < 5


@pytest.mark.parametrize(("mode", "arrives"), [("reset", False), ("truncate", False), ("lost_answer", True)])
def test_a_write_that_fails(place: Location, proxy: FaultProxy, mode: str, arrives: bool) -> None:
    body = os.urandom(200_000)
    with proxy.injecting(Fault(mode, methods="PUT")), pytest.raises(ConnectionError):
        ask(signed_url(place, proxy, "put_object"), "PUT", body)
    assert ((place / "a b.bin").read_bytes() == body) is arrives


def test_draws_repeat(place: Location, proxy: FaultProxy) -> None:
    def hits() -> list[int]:
        with proxy.injecting(Fault(["slow_down", "internal_error"], share=0.5, seed=3)):
            return [ask(signed_url(place, proxy))[0] for _ in range(20)]

    first = hits()
    assert set(first) == {200, 500, 503}
    assert hits() == first
