"""Listings of buckets: every key once, over as many pages as it takes, and no page lost without a word."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from echoprime.archive import Listing
from echoprime.errors import ArchiveError
from echoprime.storage import Location, read_object, s3_listing
from tests.faults.fault import Fault
from tests.faults.proxy import FaultProxy
from tests.s3_server import S3Server

NAMES = (
    "a b",
    "a+b",
    "a%20b",
    "100%",
    "é ü",
    "心臓",
    "a?b#c",
    "a&b=c",
    " first",
    "last ",
    "a'b\"c",
    "a:b;c,d",
)
"""What quoting could make another name of, or no name."""


@pytest.mark.s3
def test_every_key_is_listed_and_read_as_it_is(
    s3_location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_listing, "PAGE", 5)
    written = {f"{study}/{name}": f"{study}{name}".encode() for study in ("s 1", "é+%2F") for name in NAMES}
    for path, data in written.items():
        (s3_location / path).write_bytes(data)
    entries = list(Listing(s3_location))
    assert sorted(entry.path for entry in entries) == sorted(written)
    for entry in entries:
        assert read_object(s3_location, entry.path, size=entry.size, token=entry.token) == written[entry.path]
    assert s3_location.files() == sorted(written)
    assert s3_location.names() == ["s 1", "é+%2F"]


@pytest.mark.s3
def test_a_bent_list_is_asked_for_again(
    s3_location: Location, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over plain HTTP a name with a flipped bit is a name."""
    names = [f"{number:03d}-{'a' * 200}" for number in range(20)]
    for name in names:
        (s3_location / name).write_bytes(b"")
    monkeypatch.setattr(s3_listing._page.retry, "sleep", lambda _: None)
    with FaultProxy(s3_server.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        with proxy.injecting(Fault("corrupt", share=0.4, paths="list-type", seed=3)):
            found = [s3_location.files() for _ in range(4)]
    assert found == [names] * 4
    assert proxy.counts["GET corrupt"] > 2


class _Pages(BaseHTTPRequestHandler):
    """A store that gives the next of `server.pages` for each listing."""

    def do_GET(self) -> None:
        pages = self.server.pages
        body = (pages.pop(0) if len(pages) > 1 else pages[0]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    server.pages = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setattr(s3_listing._page.retry, "sleep", lambda _: None)
    yield server.pages
    server.shutdown()
    server.server_close()


def page(*keys: str, more: str = "") -> str:
    contents = "".join(f"<Contents><Key>{key}</Key><Size>3</Size></Contents>" for key in keys)
    return f"<ListBucketResult>{contents}{more}</ListBucketResult>"


def cut(token: str = "") -> str:
    name = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return f"<IsTruncated>true</IsTruncated>{name}"


def test_a_list_without_etags(pages: list[str]) -> None:
    pages += [page("archive/a.dcm")]
    (entry,) = Listing(Location.parse("s3://bucket/archive"))
    assert (entry.path, entry.size, entry.token) == ("a.dcm", 3, "")


@pytest.mark.parametrize("token", ["", "again"])
def test_a_list_that_is_cut_and_names_no_next_page_is_refused(pages: list[str], token: str) -> None:
    """A store of the first version of listings; and one that would go on for ever."""
    pages += [page("archive/a.dcm", more=cut(token))]
    with pytest.raises(ArchiveError, match="cuts its list short and names no next page") as error:
        list(Listing(Location.parse("s3://bucket/archive")))
    assert "\n" not in str(error.value)
    assert "a.dcm" not in str(error.value)
