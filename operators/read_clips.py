"""ReadClips: chunks of the plan -> clips and outcomes. A CPU actor pool.

Reading and decoding are one stage: raw bytes, 5-10 MB a video, never enter the object store. While one
video is decoded the next ones are being fetched. Decoding runs in a child process, so that a codec's
crash is one failed video and not a lost worker.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from echoprime.archive import PLAN, read_chunk
from echoprime.errors import EchoPrimeError, ReadError, Reason, UnreadableVideo, VideoError, os_reason
from echoprime.reading import Clip, ClipReader, Limits, Mode, Reading
from echoprime.storage import Location, read_object
from operators.rows import CLIPS, CLIPS_PER_ROW, packed
from operators.stop_sign import StopSign

READS_AHEAD = 16
"""Objects fetched ahead of decoding: over a link of 50 ms 320 a second, more than small loops decode at."""

BYTES_AHEAD = 96 << 20
"""Fewer are fetched ahead where they are large: latency is little of their time, and memory is an actor's.
A store's connections (`echoprime.storage.s3.CONNECTIONS`) are as many as reads in flight, and some more."""

UNTOLD_BYTES = 32 << 20
"""What an object of unknown size counts for: few echo loops are larger."""

READ_SECONDS = 600.0
"""A read that takes longer is given up: a dead mount or a trickling body must not stall the job."""

Video = dict[str, Any]


class ReadClips:
    """Reads the chunks whose numbers it is given.

    Parameters
    ----------
    plan
        The plan's location, see `echoprime.archive.write_plan`.
    root
        The archive's root; the plan's paths are below it.
    limits
        Bounds of one video.
    mode, clips_per_video
        See `echoprime.reading.read_file`.
    read_seconds
        Time limit for reading one.
    """

    def __init__(
        self,
        plan: Location,
        root: Location,
        limits: Limits,
        mode: Mode = "exact",
        clips_per_video: int = 1,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._plan = plan
        self._stop = StopSign(plan)
        self._root = root
        self._read_seconds = read_seconds
        self._reader = ClipReader(limits, mode, clips_per_video)
        self._videos_per_row = CLIPS_PER_ROW // clips_per_video
        self._limits = limits

    def close(self) -> None:
        """End the decoding process; a later call starts another."""
        self._reader.close()

    def __call__(self, batch: dict[str, np.ndarray]) -> Iterator[pa.Table]:
        """Yield one table of one row (schema `CLIPS`) for every up to eight clips."""
        for chunk in batch["id"]:
            if not self._stop.seen():
                yield from self._read_chunk(int(chunk))

    def _read_chunk(self, chunk: int) -> Iterator[pa.Table]:
        try:
            studies = read_chunk(self._plan, chunk).to_pylist()
        except OSError as error:  # after all tries: no study of it can be named, so the run ends
            raise EchoPrimeError(
                f"the run's plan cannot be read any more ({os_reason(error)}); mend it and run the "
                "same command again"
            ) from error
        waiting = deque(video for study in studies for video in study["videos"])
        ahead: deque[tuple[int, Future[bytes]]] = deque()
        for study in studies:
            if self._stop.seen():
                for _, fetched in ahead:
                    fetched.cancel()
                return
            # by the plan alone, whatever the videos turn out to be: a task that is repeated must cut alike
            for start in range(0, len(study["videos"]), self._videos_per_row):
                started = time.perf_counter()
                fetch_seconds = 0.0
                outcomes, clips = [], []
                for video in study["videos"][start : start + self._videos_per_row]:
                    self._fetch_ahead(waiting, ahead, least=1)
                    _, fetched = ahead.popleft()
                    self._fetch_ahead(waiting, ahead)  # while this one is decoded
                    outcome, made, waited = self._read_video(video, fetched)
                    fetch_seconds += waited
                    outcomes.append(outcome)
                    if made:
                        clips.append(made)
                seconds = {"fetch_seconds": fetch_seconds, "read_seconds": time.perf_counter() - started}
                yield _row(study, start, outcomes, clips, seconds)

    def _fetch_ahead(
        self, waiting: deque[Video], ahead: deque[tuple[int, Future[bytes]]], least: int = 0
    ) -> None:
        """Ask for the next objects: `least` of them, and no more than are to be held."""
        while waiting and len(ahead) < READS_AHEAD:
            size = waiting[0]["size"] or UNTOLD_BYTES
            if len(ahead) >= least and sum(size for size, _ in ahead) + size > BYTES_AHEAD:
                break
            ahead.append((size, self._asked_for(waiting.popleft())))

    def _asked_for(self, video: Video) -> Future[bytes]:
        """One object's bytes, fetched by a thread of its own.

        A pool's threads are waited for when the process ends: one that hangs would keep it for ever.
        """
        arriving: Future[bytes] = Future()

        def fetch() -> None:
            try:
                arriving.set_result(self._fetch(video))
            except BaseException as error:
                arriving.set_exception(error)

        threading.Thread(target=fetch, name="fetch", daemon=True).start()
        return arriving

    def _fetch(self, video: Video) -> bytes:
        """One object whole; its size is looked at before a byte of it is asked for."""
        self._limits.check_bytes(video["size"])
        return read_object(
            self._root,
            video["path"],
            size=video["size"],
            token=video["token"],
            most=self._limits.bytes,
        )

    def _arrived(self, fetched: Future[bytes]) -> bytes:
        try:
            return fetched.result(timeout=self._read_seconds)
        except TimeoutError:  # the thread that hangs is left behind
            raise ReadError(
                Reason.READ_ERROR, f"reading took longer than {self._read_seconds:.0f} seconds"
            ) from None
        except MemoryError:
            raise UnreadableVideo(Reason.TOO_LARGE, "there is not enough memory to read it") from None

    def _read_video(self, video: Video, fetched: Future[bytes]) -> tuple[Video, tuple[Clip, ...], float]:
        """Its outcome, its clips, and how long its bytes were waited for."""
        started = time.perf_counter()
        arrived = None
        try:
            data = self._arrived(fetched)
            arrived = time.perf_counter()
            reading = self._reader.read(data)
        except VideoError as error:  # its bytes did not arrive
            reading = Reading(error=error)
        return _outcome(video, reading), reading.clips, (arrived or time.perf_counter()) - started


def _outcome(video: Video, reading: Reading) -> Video:
    """The video's outcome, with what the file says of itself, also where it is skipped or failed."""
    error = reading.error
    outcome: Video = {name: video[name] for name in ("path", "size", "token")}
    outcome |= {"outcome": reading.outcome, "reason": str(error.reason) if error else ""}
    outcome |= {"message": error.message if error else ""}
    outcome |= {name: _known(value) for name, value in asdict(reading.facts).items()}
    return outcome | {"frames_used": reading.clip.used if reading.clip else None}


def _known(value: object) -> object:
    """An empty text or list is a fact that is not known: null."""
    return None if value in ("", ()) else value


def _row(
    study: dict[str, Any],
    start: int,
    outcomes: list[Video],
    clips: list[tuple[Clip, ...]],
    seconds: dict[str, float],
) -> pa.Table:
    frames = [clip.frames for of_video in clips for clip in of_video]
    stacked = np.stack(frames) if frames else np.empty(0, np.uint8)
    row = {name: [study[name]] for name in PLAN.names if name != "videos"}
    row |= {"first": [start], "of": [len(study["videos"])], "videos": [outcomes]}
    row["starts"] = [[[clip.start for clip in of_video] for of_video in clips]]
    row |= {name: [spent] for name, spent in seconds.items()}
    columns = {field.name: pa.array(row[field.name], field.type) for field in CLIPS if field.name != "clips"}
    return pa.table({**columns, "clips": packed([stacked])}).select(CLIPS.names)
