"""A way to an S3 server on which requests fail: slowed down, refused, cut, bent, or late.

with FaultProxy(server.endpoint) as proxy, proxy.injecting(Fault("corrupt", share=0.3)):
    ...  # AWS_ENDPOINT_URL is proxy.endpoint
print(proxy.counts)

It works in a thread of its own. The Host header goes on as it came, so that signatures still verify.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from tests.faults.messages import Head, pass_on, read_head

Mode = Literal[
    "slow_down", "internal_error", "reset", "lost_answer", "truncate", "corrupt", "latency", "throttle"
]
"""What goes wrong.

slow_down, internal_error
    503 SlowDown and 500 InternalError in the server's place; it never sees the request.
reset
    The connection is reset before the server sees the request.
lost_answer
    The server does what it is asked, then the connection is reset.
truncate
    Half of the body, then the connection is reset: of the request where it has a body, else of the answer.
corrupt
    One byte of that body is another.
latency
    The request waits for `amount` seconds, once, before it goes on.
throttle
    The answer's body comes at `amount` bytes a second.
"""

_ERRORS = {
    "slow_down": (b"503 Slow Down", b"SlowDown", b"Please reduce your request rate."),
    "internal_error": (b"500 Internal Server Error", b"InternalError", b"We encountered an internal error."),
}


@dataclass
class Fault:
    """What befalls a share of the requests that match.

    Parameters
    ----------
    modes
        One, or several of which one is drawn each time.
    share
        0 to 1: how many of the matching requests are hit.
    methods, paths
        Regular expressions, searched for in the method and in the path with its query.
    amount
        Seconds, or bytes a second; see `Mode`.
    seed
        Of the draws: the n-th matching request is hit or not, whatever came between.
    """

    modes: Mode | Sequence[Mode]
    share: float = 1.0
    methods: str = "."
    paths: str = "."
    amount: float = 0.0
    seed: int = 0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.modes = (self.modes,) if isinstance(self.modes, str) else tuple(self.modes)
        self._random = random.Random(self.seed)

    def matches(self, head: Head) -> bool:
        """Whether a request is one of those that it speaks of."""
        return bool(re.search(self.methods, head.method) and re.search(self.paths, head.path))

    def drawn(self) -> tuple[Mode | None, float]:
        """What happens to the next matching request, and where in its body (0 to 1)."""
        hit, which, where = (self._random.random() for _ in range(3))
        return (self.modes[int(which * len(self.modes))] if hit < self.share else None), where


class FaultProxy:
    """Stands before one server; a context manager.

    Attributes
    ----------
    endpoint
        Its URL.
    counts
        Requests that matched a fault by method, and those that were hit by "method mode".
    """

    def __init__(self, upstream: str) -> None:
        at = urlsplit(upstream)
        self._upstream = (at.hostname or "", at.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.counts: Counter[str] = Counter()
        self._fault: Fault | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._listener.close()

    @contextmanager
    def injecting(self, fault: Fault) -> Iterator[None]:
        """Let a fault befall requests for the length of a `with`; counts begin anew."""
        self.counts = Counter()
        self._fault = fault
        try:
            yield
        finally:
            self._fault = None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._listener, limit=1 << 20))
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        """The requests of one connection, one after the other, each on a new connection to the server."""
        try:
            while (head := await read_head(client)) is not None:
                if not await self._handle(head, client, answer):
                    break
        except (OSError, asyncio.IncompleteReadError):
            _reset(answer)
        except asyncio.CancelledError:  # the proxy ends
            answer.transport.abort()
        finally:
            answer.close()

    async def _handle(self, head: Head, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> bool:
        """One request; returns whether the connection may be used for another."""
        mode, where, amount = self._draw(head)
        if mode in _ERRORS:
            return await _refuse(mode, head, client, answer)
        if mode == "reset":
            _reset(answer)
            return False
        if mode == "latency":
            await asyncio.sleep(amount)
        reader, server = await asyncio.open_connection(*self._upstream, limit=1 << 20)
        try:
            return await _exchange(mode, where, amount, head, client, answer, reader, server)
        finally:
            server.close()

    def _draw(self, head: Head) -> tuple[Mode | None, float, float]:
        fault = self._fault
        if fault is None or not fault.matches(head):
            return None, 0.0, 0.0
        self.counts[head.method] += 1
        mode, where = fault.drawn()
        if mode is not None:
            self.counts[f"{head.method} {mode}"] += 1
        return mode, where, fault.amount


async def _exchange(
    mode: Mode | None,
    where: float,
    amount: float,
    head: Head,
    client: asyncio.StreamReader,
    answer: asyncio.StreamWriter,
    reader: asyncio.StreamReader,
    server: asyncio.StreamWriter,
) -> bool:
    """The request to the server and its answer back, bent on the way as `mode` says."""
    damage = mode if mode in ("truncate", "corrupt") else None
    on_request = damage is not None and head.length > 0
    server.write(head.raw)
    early = None
    if head.expects_continue:
        early = await _next(reader)
        answer.write(early.raw)
        if early.status != 100:
            await pass_on(early, reader, answer)
            return False
    if not await pass_on(head, client, server, damage if on_request else None, where):
        server.transport.abort()
        _reset(answer)
        return False
    reply = await _next(reader)
    while reply.status == 100:
        answer.write(reply.raw)
        reply = await _next(reader)
    if mode == "lost_answer":
        _reset(answer)
        return False
    answer.write(reply.raw)
    if head.method == "HEAD" or reply.status in (204, 304):
        await answer.drain()
        return not reply.closes
    damage_reply = None if on_request else damage
    rate = amount if mode == "throttle" else 0.0
    if not await pass_on(reply, reader, answer, damage_reply, where, rate):
        _reset(answer)
        return False
    return not reply.closes


async def _next(reader: asyncio.StreamReader) -> Head:
    head = await read_head(reader)
    if head is None:
        raise ConnectionResetError
    return head


async def _refuse(mode: str, head: Head, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> bool:
    """An error in the server's place; the connection ends with it."""
    status, code, message = _ERRORS[mode]
    if not head.expects_continue:
        await pass_on(head, client, None)
    body = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>' % (
        code,
        message,
    )
    if head.method == "HEAD":
        body = b""
    answer.write(
        b"HTTP/1.1 %s\r\nContent-Type: application/xml\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
        % (status, len(body), body)
    )
    await answer.drain()
    return False


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST, as a failing load balancer does."""
    with suppress(OSError):
        found = writer.get_extra_info("socket")
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
