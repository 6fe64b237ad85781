"""A store that lets one of several writers make a file, and one that lets all of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from echoprime.storage import Location
from pipelines.examination.conditional_put import conditional_put_finding
from pipelines.examination.places import output_findings
from tests.s3_server import S3Server


def test_one_writer_of_several_makes_the_file(place: Location) -> None:
    finding = conditional_put_finding(place / "trial")
    assert (finding.state, finding.what) == ("ok", "conditional put")
    again = conditional_put_finding(place / "trial")
    assert again.state == "failure"
    assert "none of 2 writers" in again.found


@contextmanager
def forgiving(upstream: str) -> Iterator[str]:
    """A way to an S3 server on which a refused conditional put reads as done: as of a store without them."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            at = urlsplit(upstream)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with_server = HTTPConnection(str(at.hostname), at.port)
            with_server.request(self.command, self.path, body, dict(self.headers.items()))
            answer = with_server.getresponse()
            content = answer.read()
            with_server.close()
            if self.command == "PUT" and answer.status in (409, 412):
                self.send_response(200)
                self.send_header("ETag", '"0"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else len(content)
            self.send_header("Content-Length", str(length or 0))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815  # the library's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.s3
def test_a_store_that_overwrites_is_found(
    s3_server: S3Server, s3_location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    with forgiving(s3_server.endpoint) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        findings = {finding.what: finding for finding in output_findings(str(s3_location))}
    assert findings["conditional put"].state == "failure"
    assert "3 of 3 writers made one file" in findings["conditional put"].found
    assert "If-None-Match" in findings["conditional put"].cure
