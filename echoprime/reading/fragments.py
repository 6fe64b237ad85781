"""Encapsulated pixel data: its items, and which of them make up each frame.

Source: DICOM PS3.5 annex A.4.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from echoprime.errors import Reason, UnreadableVideo
from echoprime.reading.codestream import begins_codestream

_ITEM = 0xE000FFFE  # read as one little-endian number
_DELIMITER = 0xE0DDFFFE


@dataclass(frozen=True)
class Fragments:
    """Items of encapsulated pixel data.

    Parameters
    ----------
    parts
        Contents of the fragments.
    positions
        Where each one's item begins, counted from the first one's, as offset tables do.
    offsets
        The basic offset table: where each frame's first item begins; empty when left out.
    complete
        False when the data end within a fragment.
    """

    parts: list[memoryview]
    positions: list[int]
    offsets: list[int]
    complete: bool


def read_fragments(body: memoryview, start: int) -> Fragments:
    """Walk the items from `start`, the position of the offset table's item."""
    items: list[tuple[int, memoryview]] = []
    position, complete = start, True
    while len(body) >= position + 8:
        tag, length = struct.unpack_from("<II", body, position)
        if tag != _ITEM:
            complete = tag == _DELIMITER
            break
        content = body[position + 8 : position + 8 + length]
        if len(content) < length:
            complete = False
            break
        items.append((position, content))
        position += 8 + length
    if not items:
        return Fragments([], [], [], complete)
    table, first = items[0][1], items[1][0] if len(items) > 1 else 0
    offsets = [offset for (offset,) in struct.iter_unpack("<I", table[: len(table) // 4 * 4])]
    return Fragments(
        parts=[content for _, content in items[1:]],
        positions=[position - first for position, _ in items[1:]],
        offsets=offsets,
        complete=complete,
    )


def join_frames(fragments: Fragments, promised: int | None) -> list[memoryview]:
    """Group fragments to frames.

    Parameters
    ----------
    fragments
        As read.
    promised
        Frames that the header promises, None when it does not say.

    Returns
    -------
    One buffer per frame: all of them, or as many as promised.

    Raises
    ------
    UnreadableVideo
        NOT_DECODABLE: fewer frames than promised, or cut.

    Examples
    --------
    >>> parts = [memoryview(b"\\xff\\xd8\\xffa"), memoryview(b"bc"), memoryview(b"\\xff\\xd8\\xffd")]
    >>> frames = join_frames(Fragments(parts, [0, 12, 22], [], True), promised=2)
    >>> [len(frame) for frame in frames]
    [6, 4]
    """
    frames = _grouped(fragments, promised)
    if promised is not None and len(frames) < promised:
        raise UnreadableVideo(
            Reason.NOT_DECODABLE, f"{promised:,} frames expected, the pixel data hold {len(frames):,}"
        )
    if promised is None and not fragments.complete:
        raise UnreadableVideo(Reason.NOT_DECODABLE, f"the pixel data are cut after {len(frames):,} frames")
    return frames[:promised]


def _grouped(fragments: Fragments, promised: int | None) -> list[memoryview]:
    parts = fragments.parts
    if len(parts) == promised:
        return parts
    starts = [index for index, part in enumerate(parts) if begins_codestream(part)]
    if len(starts) < 2 and fragments.offsets:  # not told by the fragments themselves
        known = set(fragments.offsets)
        starts = [index for index, position in enumerate(fragments.positions) if position in known]
    if not starts or starts[0] != 0:
        return parts
    ends = [*starts[1:], len(parts)]
    return [
        parts[start] if end == start + 1 else memoryview(b"".join(parts[start:end]))
        for start, end in zip(starts, ends, strict=True)
    ]
