"""A small job on one node: what an actor of each pool does there, once, with its time and its memory."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass

from echoprime.archive import Entry
from echoprime.bundle import Bundle
from echoprime.demonstration import DRAWN_VIEWS, draw_loop, loop_to_dicom
from echoprime.errors import VideoError
from echoprime.reading import ClipReader
from echoprime.storage import Location, read_object
from pipelines.examination.machine import memory_bytes


@dataclass(frozen=True, kw_only=True)
class NodeTime:
    """A node's clock and size.

    Attributes
    ----------
    clock
        Seconds since 1970 there.
    memory
        Bytes of the node, or of its container.
    cores
        That a process may use there.
    """

    clock: float
    memory: int
    cores: int


@dataclass(frozen=True, kw_only=True)
class NodeReading:
    """What a reader did.

    Attributes
    ----------
    clips, of
        Videos that became clips, of those that were tried.
    problems
        What was wrong with the others; no names.
    seconds
        From the first byte to the last clip, the decoding process's start included.
    memory
        Bytes that the reader and its decoding process took at most.
    """

    clips: int
    of: int
    problems: tuple[str, ...]
    seconds: float
    memory: int


@dataclass(frozen=True, kw_only=True)
class NodeEncoding:
    """What an encoder and a view classifier did with the bundle's sample.

    Attributes
    ----------
    device
        "cpu" or "cuda".
    load_seconds, seconds
        Loading and checking both networks; both over the sample once more.
    difference, tolerance
        Of the numbers from the bundle's recorded ones; the larger of both networks'.
    memory
        Bytes that the process took at most, both networks in it.
    """

    device: str
    load_seconds: float
    seconds: float
    difference: float
    tolerance: float
    memory: int


def look_at_node() -> NodeTime:
    """Its clock, memory and cores."""
    return NodeTime(clock=time.time(), memory=memory_bytes(), cores=len(os.sched_getaffinity(0)))


def read_on_node(root: Location | None, entries: tuple[Entry, ...]) -> NodeReading:
    """Read and decode objects of an archive; without one a drawn loop.

    Parameters
    ----------
    root
        The archive, or None.
    entries
        Objects in it.
    """
    drawn = None if root is not None else loop_to_dicom(draw_loop(DRAWN_VIEWS[0], 60.0, seed=1, frames=32))
    started = time.perf_counter()
    clips, problems = 0, []
    with ClipReader() as reader:
        for entry in entries or (Entry("", 0, ""),):
            try:
                if root is not None:
                    drawn = read_object(root, entry.path, size=entry.size, token=entry.token)
                assert drawn is not None
                reading = reader.read(drawn)
            except VideoError as error:
                problems.append(error.message)
                continue
            if reading.clip is not None:
                clips += 1
            elif reading.outcome == "failed":
                problems.append(str(reading.error))
    return NodeReading(
        clips=clips,
        of=max(1, len(entries)),
        problems=tuple(problems),
        seconds=time.perf_counter() - started,
        memory=_most(resource.RUSAGE_SELF) + _most(resource.RUSAGE_CHILDREN),
    )


def encode_on_node(bundle: Bundle, device: str) -> NodeEncoding:
    """Load both networks, check them against the bundle's sample, and compute it once more.

    Raises
    ------
    BundleError
        A file is missing or damaged there, or the numbers are not the bundle's.
    """
    import torch

    from echoprime.networks import load_encoder, load_view_classifier, select_device
    from echoprime.networks.selfcheck import check

    torch.set_num_threads(1)  # as the job's actors
    started = time.perf_counter()
    place = select_device(device)
    encoder, classifier = load_encoder(bundle, place), load_view_classifier(bundle, place)
    check(bundle, encoder, classifier)
    loaded = time.perf_counter()
    found = check(bundle, encoder, classifier)
    return NodeEncoding(
        device=str(place),
        load_seconds=loaded - started,
        seconds=time.perf_counter() - loaded,
        difference=max(found.embedding_difference, found.logit_difference),
        tolerance=found.tolerance,
        memory=_most(resource.RUSAGE_SELF),
    )


def _most(who: int) -> int:
    return resource.getrusage(who).ru_maxrss * 1024
