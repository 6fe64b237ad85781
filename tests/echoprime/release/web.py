"""A web server of the tests that holds files and misbehaves as it is told."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.http_answers import serving


@dataclass
class Web:
    """What it holds and how it behaves.

    Attributes
    ----------
    files
        Path -> content.
    breaks
        Path -> bytes after which the next answers break off, one each.
    holds
        Path -> bytes after which the second answer falls silent, for half a minute.
    status
        Path -> statuses of the next answers, in place of the file.
    swaps
        Path -> what the file becomes after its next answer.
    ranges, if_range, etags, lengths
        Whether it knows ranges, looks at If-Range, gives ETags, says Content-Length.
    seconds
        Waited between pieces of 1,000 bytes; 0 = sent at once.
    asked
        (path, Range) of every request.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    breaks: dict[str, list[int]] = field(default_factory=dict)
    holds: dict[str, int] = field(default_factory=dict)
    status: dict[str, list[int]] = field(default_factory=dict)
    swaps: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    if_range: bool = True
    etags: bool = True
    lengths: bool = True
    seconds: float = 0
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path, wanted = request.path.lstrip("/"), request.headers.get("Range")
        self.asked.append((path, wanted))
        status = self.status.get(path)
        if status:
            request.send_error(status.pop(0))
            return
        if path not in self.files:
            request.send_error(404)
            return
        data = self.files[path]
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        start = 0
        same = not self.if_range or request.headers.get("If-Range") in (None, etag)
        if wanted and self.ranges and same:
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            if start >= len(data):
                request.send_error(416)
                return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if self.etags:
            request.send_header("ETag", etag)
        if self.lengths:
            request.send_header("Content-Length", str(len(data) - start))
        request.end_headers()
        breaks = self.breaks.get(path)
        first = sum(each == path for each, _ in self.asked) == 1  # who looks how long it is
        held = None if first else self.holds.pop(path, None)
        self._send(request, data[start:], breaks.pop(0) if breaks else held)
        if held is not None:
            time.sleep(30)
        if path in self.swaps:
            self.files[path] = self.swaps.pop(path)

    def _send(self, request: BaseHTTPRequestHandler, data: bytes, most: int | None) -> None:
        data = data if most is None else data[:most]
        try:
            if not self.seconds:
                request.wfile.write(data)
                return
            for first in range(0, len(data), 1000):
                request.wfile.write(data[first : first + 1000])
                time.sleep(self.seconds)
        except OSError:  # who asked has gone
            pass


@contextmanager
def web(**options: object) -> Iterator[Web]:
    """A running one."""
    found = Web(**options)  # type: ignore[arg-type]
    with serving(found.answer) as address:
        found.address = address.removeprefix("dicomweb+").removesuffix("/rs")
        yield found
