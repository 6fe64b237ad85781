"""The fault proxy's process: HTTP/1.1 between clients and one server, bent as it is told.

The Host header goes on as it came, so that signatures still verify.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections import Counter
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from tests.faults.fault import Fault, Mode
from tests.faults.messages import Head, pass_on, read_head

_ERRORS = {
    "slow_down": (b"503 Slow Down", b"SlowDown", b"Please reduce your request rate."),
    "expired_token": (b"400 Bad Request", b"ExpiredToken", b"The provided token has expired."),
    "internal_error": (b"500 Internal Server Error", b"InternalError", b"We encountered an internal error."),
}


LIMIT = 1 << 20
"""Bytes of a head."""


def serve(host: str, port: int, control: Connection, certificate: Path | None) -> None:
    """Serve until killed.

    Parameters
    ----------
    host, port
        Of the server.
    control
        Gets the port that is listened on; then, for every fault (or None) that comes in, what was counted of
        the last one.
    certificate
        PEM file of a key and a certificate: TLS is spoken.
    """
    asyncio.run(_Serving(host, port, control).run(certificate))


class _Serving:
    """State of the process: the fault in force, and its counts."""

    def __init__(self, host: str, port: int, control: Connection) -> None:
        self._upstream = (host, port)
        self._control = control
        self._fault: Fault | None = None
        self._counts: Counter[str] = Counter()

    async def run(self, certificate: Path | None) -> None:
        """Listen, and take orders."""
        tls = None
        if certificate is not None:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(certificate)
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LIMIT, backlog=256, ssl=tls)
        asyncio.get_running_loop().add_reader(self._control.fileno(), self._ordered)
        self._control.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    def _ordered(self) -> None:
        self._fault = self._control.recv()
        self._control.send(self._counts)
        self._counts = Counter()

    async def _serve(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        """The requests of one connection, one after the other, each on a new connection to the server."""
        try:
            while (head := await read_head(client)) is not None:
                if not await self._handle(head, client, answer):
                    break
        except (OSError, asyncio.IncompleteReadError):
            _reset(answer)
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
        reader, server = await asyncio.open_connection(*self._upstream, limit=LIMIT)
        try:
            return await _exchange(mode, where, amount, head, client, answer, reader, server)
        finally:
            server.close()

    def _draw(self, head: Head) -> tuple[Mode | None, float, float]:
        fault = self._fault
        if fault is None or not fault.matches(head):
            return None, 0.0, 0.0
        self._counts[head.method] += 1
        mode, where = fault.drawn()
        if mode is not None:
            self._counts[f"{head.method} {mode}"] += 1
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
