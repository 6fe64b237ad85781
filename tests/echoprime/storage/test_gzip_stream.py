"""Any part of a gzip file, in any order and from several threads: the same bytes, mostly inflated once."""

from __future__ import annotations

import gzip
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoprime.errors import Reason, UnreadableVideo
from echoprime.storage import gzip_stream
from echoprime.storage.gzip_stream import GzipStream

CONTENT = random.Random(0).randbytes(200_000) + bytes(100_000)
# two gzip streams one after the other, and something that is none
PACKED = gzip.compress(CONTENT[:150_000]) + gzip.compress(CONTENT[150_000:]) + b"\0\0rest"


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PIECE", 5_000), ("STEP", 7_000), ("SPACING", 20_000), ("MOST_POINTS", 6)):
        monkeypatch.setattr(gzip_stream, name, value)


def stream_of(packed: bytes) -> GzipStream:
    return GzipStream(lambda begin, end: packed[begin:end], len(packed))


@given(st.lists(st.tuples(st.integers(0, 310_000), st.integers(0, 60_000)), min_size=1, max_size=12))
def test_any_parts_in_any_order(parts: list[tuple[int, int]]) -> None:
    stream = stream_of(PACKED)
    for begin, count in parts:
        assert stream.read(begin, begin + count) == CONTENT[begin : begin + count]


def test_threads_share_a_stream() -> None:
    stream = stream_of(PACKED)
    places = list(range(0, 300_000, 9_000))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda place: stream.read(place, place + 9_000), places))
    assert b"".join(found) == CONTENT


def test_later_reads_start_in_the_middle() -> None:
    taken = []

    def read(begin: int, end: int) -> bytes:
        taken.append(end - begin)
        return PACKED[begin:end]

    stream = GzipStream(read, len(PACKED))
    stream.read(290_000, 300_000)
    assert len(stream._points) <= 6 + 1
    taken.clear()
    assert stream.read(120_000, 121_000) == CONTENT[120_000:121_000]
    assert sum(taken) < 100_000


@pytest.mark.parametrize("cut", [0, 5, 1000, 120_000])
def test_a_stream_that_is_cut_off(cut: int) -> None:
    """What comes before the cut is read; a read that begins there is refused, and the next one is right."""
    stream = stream_of(PACKED[:cut])
    with pytest.raises(UnreadableVideo, match="cut off") as caught:
        stream.read(160_000, 170_000)
    assert caught.value.reason is Reason.NOT_DECODABLE
    if cut > 500:
        assert stream.read(0, 500) == CONTENT[:500]
        assert stream.read(0, 10**6) == CONTENT[: len(stream.read(0, 10**6))]


def test_growth_is_refused() -> None:
    packed = gzip.compress(bytes(3_000_000))
    stream = GzipStream(
        lambda begin, end: packed[begin:end], len(packed), most_growth=50, free_growth=1_000_000
    )
    assert stream.read(0, 900_000) == bytes(900_000)
    with pytest.raises(UnreadableVideo, match="grows from") as caught:
        stream.read(0, 3_000_000)
    assert caught.value.reason is Reason.TOO_LARGE
