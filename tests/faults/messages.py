"""HTTP/1.1 messages as a proxy sees them: a head, and a body that is passed on piece by piece."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Literal

Damage = Literal["truncate", "corrupt"]

PIECE = 64 * 1024


@dataclass(frozen=True)
class Head:
    """Start line and headers, as they came.

    Attributes
    ----------
    raw
        All of it, the empty line included.
    """

    raw: bytes

    def header(self, name: str) -> str:
        """A header's value; "" where there is none."""
        found = re.search(rb"\r\n" + name.encode() + rb":[ \t]*([^\r\n]*)", self.raw, re.IGNORECASE)
        return found[1].decode("latin-1").strip() if found else ""

    @property
    def _start(self) -> list[str]:
        return self.raw.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)

    @property
    def method(self) -> str:
        """Of a request."""
        return self._start[0]

    @property
    def path(self) -> str:
        """Of a request, with its query."""
        return self._start[1]

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self._start[1])

    @property
    def length(self) -> int:
        """Bytes of the body where they are said, else 0."""
        return int(self.header("Content-Length") or 0)

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks of HTTP's own."""
        return "chunked" in self.header("Transfer-Encoding").lower()

    @property
    def closes(self) -> bool:
        """Whether the connection ends with this message."""
        return self.header("Connection").lower() == "close"

    @property
    def expects_continue(self) -> bool:
        """Whether the body is sent only once the server has asked for it."""
        return "100-continue" in self.header("Expect").lower()


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next message's head; None where the connection has ended before it.

    Raises
    ------
    OSError, asyncio.IncompleteReadError
        It ends within the head.
    """
    try:
        return Head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None


async def pass_on(
    head: Head,
    source: asyncio.StreamReader,
    target: asyncio.StreamWriter | None,
    damage: Damage | None = None,
    where: float = 0.0,
    rate: float = 0.0,
) -> bool:
    """Hand a body on.

    Parameters
    ----------
    head
        Says how long the body is.
    source, target
        From and to; None takes it in and drops it.
    damage
        truncate: only the first half. corrupt: the lowest bit of the byte at `where` (0 to 1) is
        turned.
    rate
        Bytes a second; 0 as fast as may be.

    Returns
    -------
    bool
        Whether all of it went.
    """
    if head.chunked:
        return await _pass_chunks(source, target, damage)
    last = head.length // 2 if damage == "truncate" else head.length
    bent = int(where * head.length) if damage == "corrupt" else -1
    done = 0
    while done < last:
        piece = await source.read(min(PIECE, last - done))
        if not piece:
            raise ConnectionResetError
        if done <= bent < done + len(piece):
            piece = _bent(piece, bent - done)
        done += len(piece)
        if target is not None:
            target.write(piece)
            await target.drain()
        if rate:
            await asyncio.sleep(len(piece) / rate)
    return last == head.length


async def _pass_chunks(
    source: asyncio.StreamReader, target: asyncio.StreamWriter | None, damage: Damage | None
) -> bool:
    """A truncated one ends after its first chunk; a corrupted one has its first byte turned."""
    first = True
    while True:
        line = await source.readline()
        size = int(line.split(b";")[0], 16)
        chunk = await source.readexactly(size + 2)
        if first and damage == "corrupt" and size:
            chunk = _bent(chunk, 0)
        if target is not None:
            target.write(line + chunk)
            await target.drain()
        if size == 0:
            return True
        if first and damage == "truncate":
            return False
        first = False


def _bent(piece: bytes, place: int) -> bytes:
    """The lowest bit: of text it makes other text, which parses as well."""
    return piece[:place] + bytes([piece[place] ^ 1]) + piece[place + 1 :]
