"""Reading whole objects: exactly what was listed, or a reason."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from echoprime.archive import Listing
from echoprime.errors import ReadError, Reason
from echoprime.storage import Location, read_object
from echoprime.storage.fetching import fetch_range
from echoprime.storage.patience import ATTEMPTS


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_object.retry, "sleep", lambda _: None)


def reason_of(root: Location, path: str, size: int, token: str) -> Reason:
    with pytest.raises(ReadError) as caught:
        read_object(root, path, size=size, token=token)
    assert path not in str(caught.value)
    return caught.value.reason


def test_only_what_was_listed_is_read(place: Location) -> None:
    data = os.urandom(300_000)
    (place / "s/a b.dcm").write_bytes(data)
    (entry,) = Listing(place)
    assert read_object(place, entry.path, size=entry.size, token=entry.token) == data
    assert read_object(place, entry.path, size=entry.size, token="") == data
    assert reason_of(place, entry.path, entry.size + 1, entry.token) is Reason.CHANGED
    assert reason_of(place, entry.path, entry.size, "other") is Reason.CHANGED
    assert reason_of(place, "s/none.dcm", 1, "") is Reason.MISSING
    assert reason_of(place, "s/a b.dcm/below", 1, "") is Reason.MISSING
    (place / "s/a b.dcm").write_bytes(data[::-1])
    assert reason_of(place, entry.path, entry.size, entry.token) is Reason.CHANGED


def test_an_empty_object_is_read(place: Location) -> None:
    (place / "empty.dcm").write_bytes(b"")
    (entry,) = Listing(place)
    assert read_object(place, entry.path, size=0, token=entry.token) == b""


def test_a_folder_in_place_of_a_file_is_a_read_error(tmp_path: Path) -> None:
    (tmp_path / "loop-7").mkdir()
    assert reason_of(Location.parse(tmp_path), "loop-7", 1, "") is Reason.READ_ERROR


BODY = b"0123456789"
ETAG = hashlib.md5(BODY).hexdigest()


class _Store(BaseHTTPRequestHandler):
    """One S3 object, behind a store that misbehaves as `server.faults` says; it knows no ranges.

    `server.told` is the length that it tells: None for none, 0 for the body's.
    """

    def do_GET(self) -> None:
        fault = self.server.faults.pop(0) if self.server.faults else None
        self.server.asked += 1
        if fault == "slow":
            body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
            self.send_response(503)
        elif fault in ("AccessDenied", "InvalidAccessKeyId", "InvalidObjectState"):
            body = f"<Error><Code>{fault}</Code><Message>no</Message></Error>".encode()
            self.send_response(403)
        else:
            body = self.server.body
            self.send_response(200)
            self.send_header("ETag", f'"{self.server.etag}"')
        if self.server.told is not None:
            self.send_header("Content-Length", str(self.server.told or len(body)))
        self.end_headers()
        self.server.conditions.append(self.headers["If-Match"])
        if fault == "bent":
            body = b"x" + body[1:]
        if fault == "cut":
            self.wfile.write(body[:4])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Store)
    server.faults, server.asked, server.conditions = [], 0, []
    server.body, server.told, server.etag = BODY, 0, ETAG
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_truncated_bodies_are_read_again(store: ThreadingHTTPServer) -> None:
    store.faults = ["cut", "cut"]
    assert read_object(Location.parse("s3://bucket"), "loop-7", size=10, token=ETAG) == BODY
    assert store.asked == 3


def test_a_body_that_stays_short_is_a_short_read(store: ThreadingHTTPServer) -> None:
    store.faults = ["cut"] * 100
    assert reason_of(Location.parse("s3://bucket"), "loop-7", 10, ETAG) is Reason.SHORT_READ
    assert store.asked == ATTEMPTS


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAccessKeyId", "InvalidObjectState"])
def test_what_stays_refused_is_asked_once(store: ThreadingHTTPServer, code: str) -> None:
    store.faults = [code] * 100
    assert reason_of(Location.parse("s3://bucket"), "loop-7", 10, ETAG) is Reason.READ_ERROR
    assert store.asked == 1


@pytest.mark.slow
def test_a_store_that_keeps_throttling(store: ThreadingHTTPServer) -> None:
    store.faults = ["slow"] * 1000
    assert reason_of(Location.parse("s3://bucket"), "loop-7", 10, ETAG) is Reason.THROTTLED


def test_a_flipped_byte_is_read_again(store: ThreadingHTTPServer) -> None:
    store.faults = ["bent"]
    assert read_object(Location.parse("s3://bucket"), "loop-7", size=10, token=ETAG) == BODY
    assert store.asked == 2


@pytest.mark.parametrize("etag", ["e", f"{ETAG[::-1]}-3"])
def test_what_nothing_vouches_for_is_read_until_two_reads_agree(
    store: ThreadingHTTPServer, etag: str
) -> None:
    store.etag, store.faults = etag, ["bent"]
    assert read_object(Location.parse("s3://bucket"), "loop-7", size=10, token=etag) == BODY
    assert store.asked == 3


def test_the_listed_version_alone_is_asked_for(store: ThreadingHTTPServer) -> None:
    read_object(Location.parse("s3://bucket"), "loop-7", size=10, token=ETAG)
    read_object(Location.parse("s3://bucket"), "loop-7", size=10, token="")
    assert store.conditions == [f'"{ETAG}"', None]


def test_a_store_whose_etags_are_no_md5_is_read_twice_at_first(store: ThreadingHTTPServer) -> None:
    """As with encryption or compression in the store, over plain HTTP each time."""
    store.etag = hashlib.md5(b"encrypted").hexdigest()
    assert read_object(Location.parse("s3://bucket"), "loop-7", size=10, token=store.etag) == BODY
    assert store.asked == 2


def test_a_damaged_object_does_not_end_the_comparison_of_others(store: ThreadingHTTPServer) -> None:
    """It comes twice alike and is taken, as in a store that encrypts; others' ETags are still looked at."""
    root, damaged = Location.parse("s3://rotten"), b"0123456780"
    store.body = damaged
    assert read_object(root, "loop-7", size=10, token=ETAG) == damaged
    store.body, store.faults, store.asked = BODY, ["bent"], 0
    assert read_object(root, "loop-8", size=10, token=ETAG) == BODY
    assert store.asked == 2  # one that nothing vouches for would be read a third time


def test_a_store_that_tells_no_length(store: ThreadingHTTPServer) -> None:
    store.told, store.faults = None, ["cut"]
    assert read_object(Location.parse("s3://bucket"), "loop-7", size=10, token=ETAG) == BODY
    assert store.asked == 2
    store.faults, store.etag = ["cut"], "e"
    assert Location.parse("s3://bucket/loop-7").read_bytes() == BODY


def test_an_object_that_grew_is_not_taken(store: ThreadingHTTPServer) -> None:
    """Its length is looked at before its bytes: they may be more than there is memory."""
    store.told, store.etag = 10**12, "other"
    assert reason_of(Location.parse("s3://bucket"), "loop-7", 10, "") is Reason.CHANGED
    assert reason_of(Location.parse("s3://bucket"), "loop-7", 10**12, ETAG) is Reason.CHANGED
    assert store.asked == 2


def test_a_whole_object_in_place_of_a_part_is_not_taken(store: ThreadingHTTPServer) -> None:
    store.told = 10**12
    with pytest.raises(ReadError, match="sends 1000000000000 bytes where 4 are asked for"):
        fetch_range(Location.parse("s3://bucket"), "large.zip", 0, 4, ETAG)


def test_too_little_memory_is_no_fault_of_the_store(
    store: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(body: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr("aiobotocore.response.AioStreamingBody.read", full)
    with pytest.raises(MemoryError):
        read_object(Location.parse("s3://bucket"), "loop-7", size=10, token=ETAG)
    assert store.asked == 1
