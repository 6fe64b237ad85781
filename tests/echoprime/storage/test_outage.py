"""A store that goes away in mid-run is waited for; one that was never there is told at once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest

from echoprime.errors import ReadError, Reason
from echoprime.storage import Location, read_object, s3
from tests.s3_server import S3Server

pytestmark = pytest.mark.s3

AWAY = 4.0


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Location:
    """A bucket of an endpoint where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        monkeypatch.setenv(name, value)
    return Location.parse("s3://nobody/prefix")


@pytest.mark.slow
@pytest.mark.parametrize(
    "action",
    [
        lambda place: place.write_bytes(b"new"),
        lambda place: place.remove(),
        lambda place: place.read_bytes(),
        lambda place: place.parent.require_reachable("output"),
    ],
    ids=["write", "remove", "read", "reach"],
)
def test_what_is_asked_during_an_outage_is_done_after_it(
    action: Callable[[Location], object], s3_server: S3Server, s3_location: Location
) -> None:
    place = s3_location / "object"
    place.write_bytes(b"old")
    place.parent.require_reachable("output")
    s3_server.stop_gateway()
    back = threading.Timer(AWAY, s3_server.start_gateway)
    back.start()
    started = time.monotonic()
    action(place)
    back.join()
    assert time.monotonic() - started >= AWAY


@pytest.mark.slow
def test_an_outage_without_end(nobody: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lasts: an error of the file system's kind, which names no key."""
    monkeypatch.setattr(s3, "OUTAGE_SECONDS", 0.0)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    for action in (lambda: (nobody / "secret").write_bytes(b""), (nobody / "secret").remove):
        with pytest.raises(OSError, match=r"the store does not answer \(EndpointConnectionError\)") as error:
            action()
        assert "secret" not in str(error.value)
    with pytest.raises(ReadError) as caught:
        read_object(nobody, "secret", size=1, token="")
    assert caught.value.reason is Reason.READ_ERROR
    assert caught.value.of_the_store


def test_an_endpoint_that_never_answered_is_told_at_once(nobody: Location) -> None:
    started = time.monotonic()
    assert "cannot be reached" in (s3.why_unreachable(nobody.bucket, nobody.key) or "")
    assert time.monotonic() - started < s3.REACHING_SECONDS + 10
