"""A small HTTP server of the tests, for answers that no real DICOMweb server can be brought to give."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """An HTTP server of one answer; yields an archive's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"dicomweb+http://127.0.0.1:{server.server_address[1]}/rs"
    finally:
        server.shutdown()
        server.server_close()


def sends(body: bytes, kind: str, status: int = 200, **headers: str):
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def asked_with(headers: list[dict[str, str]]):
    def answer(request: BaseHTTPRequestHandler) -> None:
        headers.append(dict(request.headers))
        sends(b"[]", "application/dicom+json")(request)

    return answer
