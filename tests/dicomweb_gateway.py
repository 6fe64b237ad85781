"""A way to a DICOMweb server that behaves as some servers do: what it is asked and answers can be changed."""

from __future__ import annotations

import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Answer:
    """What comes back.

    Attributes
    ----------
    status, headers, body
        As the server gave them.
    told
        Whether the body's length is told; else the connection's end is the body's.
    sent
        Bytes of the body that are sent before the connection is closed; None = all.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    told: bool = True
    sent: int | None = None


@dataclass
class Gateway:
    """Stands before one server; a context manager.

    Attributes
    ----------
    server
        Its address, with the scheme of an archive.
    ask
        Changes path and query of a request before the server sees it.
    answer
        Changes what comes back, given the request's path and query.
    certificate
        A PEM file with key and certificate, to be asked by https.
    asked, hosts
        Paths and queries, and Host headers, that came.
    """

    server: str
    ask: Callable[[str], str] = lambda path: path
    answer: Callable[[str, Answer], Answer] = lambda path, answer: answer
    certificate: Path | None = None
    asked: list[str] = field(default_factory=list)
    hosts: list[str | None] = field(default_factory=list)

    def __enter__(self) -> Gateway:
        gateway, host = self, urllib.parse.urlsplit(self.server).netloc

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                gateway.asked.append(self.path)
                gateway.hosts.append(self.headers["Host"])
                wanted = {
                    name: self.headers[name]
                    for name in ("Accept", "Authorization", "Accept-Encoding")
                    if name in self.headers
                }
                request = urllib.request.Request(f"http://{host}{gateway.ask(self.path)}", headers=wanted)
                try:
                    with urllib.request.urlopen(request, timeout=30) as found:
                        answer = Answer(found.status, dict(found.headers), found.read())
                except urllib.error.HTTPError as error:
                    answer = Answer(error.code, dict(error.headers), error.read())
                self._send(gateway.answer(self.path, answer))

            def _send(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in {"connection", "keep-alive", "content-length", "date", "server"}:
                        self.send_header(name, value)
                if answer.told:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body[: answer.sent])

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        path = urllib.parse.urlsplit(self.server).path
        self.netloc = f"127.0.0.1:{self._http.server_address[1]}"
        scheme = "dicomweb+http" if self.certificate is None else "dicomweb"
        self.address = f"{scheme}://{self.netloc}{path}"
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
