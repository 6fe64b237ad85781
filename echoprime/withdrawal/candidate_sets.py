"""A candidate set of one's own without somebody: written again, with a hash of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoprime.interpretation.finished_set import OF_THE_FILES, write_summary
from echoprime.retrieval.candidate_files import SUMMARY
from echoprime.retrieval.writing import file_name
from echoprime.storage import Location
from echoprime.withdrawal.traces import Traces

SHAPE = "candidates.json"

BEGUN = "withdrawal-begun"
"""Lies in a set while it is written again."""


def is_candidate_set(files: list[str], folder: str) -> bool:
    """Whether a folder below an output is a set that `echoprime candidates build` wrote."""
    return {f"{folder}/{SUMMARY}", f"{folder}/{SHAPE}"} <= set(files)


def half_written_sets(files: list[str]) -> list[str]:
    """Folders below an output where a withdrawal was killed between a set's old files and its new ones."""
    begun = [path.rpartition("/")[0] for path in files if path.endswith(f"/{BEGUN}")]
    return [folder for folder in begun if f"{folder}/{SUMMARY}" not in set(files)]


def remove_half_written(place: Location) -> None:
    """Remove what is left of such a set: some files of it are old, some new, and nothing tells which."""
    for name in sorted(place.files(), key=lambda name: name == BEGUN):
        (place / name).remove()


def take_out_of_set(place: Location, traces: Traces, *, dry_run: bool = False) -> int:
    """Take somebody's candidates out of a set; its hash, and so what is interpreted with it, becomes another.

    The sentences that no phrase covered go altogether: whose each was is not known any more.

    Parameters
    ----------
    place
        The set.
    traces
        Who; by study, or by patient.
    dry_run
        Count alone.

    Returns
    -------
    int
        Candidates that were taken out. Without any left, nothing of the set is.
    """
    shape = json.loads((place / SHAPE).read_bytes())
    kept = [_kept(place, shape, number, traces) for number in range(shape["files"])]
    removed = sum(int((~each).sum()) for each in kept)
    old = place.files()
    if dry_run or not (removed or BEGUN in old):
        return removed
    (place / BEGUN).write_bytes(b"")
    if not removed:  # killed when all was written and some of the old files were still there
        _remove_others(place, old, json.loads((place / SUMMARY).read_bytes())["files"])
        return removed
    with tempfile.TemporaryDirectory(prefix="echoprime-withdraw-") as folder:
        written = Path(folder)
        _write(place, shape, kept, written)
        new = sorted(path.name for path in written.iterdir())
        # Without its summary it is no set: whoever is killed from here on leaves none that looks whole.
        (place / SUMMARY).remove()
        for name in sorted(new, key=lambda name: name == SUMMARY):
            (place / name).put_file(written / name)
    _remove_others(place, old, new)
    return removed


def _remove_others(place: Location, there: Collection[str], wanted: Collection[str]) -> None:
    for name in set(there) - {*wanted, SUMMARY}:
        (place / name).remove()
    if not wanted:
        (place / SUMMARY).remove()
    (place / BEGUN).remove()


def _studies(place: Location, shape: dict[str, Any], number: int) -> pa.Table:
    with (place / file_name("studies", number, shape["files"])).open("rb") as stream:
        return pa.ipc.open_file(stream).read_all()


def _kept(place: Location, shape: dict[str, Any], number: int, traces: Traces) -> NDArray[np.bool_]:
    rows = _studies(place, shape, number)
    theirs = pc.or_(
        traces.in_column("study", rows["study"]),
        pc.fill_null(traces.in_column("patient", rows["patient"]), False),
    )
    kept: NDArray[np.bool_] = ~theirs.to_numpy()
    return kept


def _write(place: Location, shape: dict[str, Any], kept: list[NDArray[np.bool_]], folder: Path) -> None:
    """The rows that stay, in the same order, in files of as many rows as before."""
    rows, per_file = sum(int(each.sum()) for each in kept), shape["rows_per_file"]
    if not rows:
        return
    count = -(-rows // per_file)
    pieces = _pieces(place, shape, kept, per_file)
    for number, (embeddings, studies) in enumerate(pieces):
        np.save(folder / file_name("embeddings", number, count), embeddings)
        path = folder / file_name("studies", number, count)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, studies.schema) as writer:
            writer.write_table(studies, max_chunksize=len(studies))
    # the largest length stays an upper bound
    (folder / SHAPE).write_text(json.dumps({**shape, "rows": rows, "files": count}, indent=1))
    summary = json.loads((place / SUMMARY).read_bytes())
    before = int(summary["counts"].get("withdrawn", 0))
    summary["counts"]["withdrawn"] = before + sum(int((~each).sum()) for each in kept)
    write_summary(folder, rows, {name: summary[name] for name in summary if name not in OF_THE_FILES})


def _pieces(
    place: Location, shape: dict[str, Any], kept: list[NDArray[np.bool_]], per_file: int
) -> Iterator[tuple[NDArray[np.float32], pa.Table]]:
    held: list[tuple[NDArray[np.float32], pa.Table]] = []
    waiting = 0
    for number, mask in enumerate(kept):
        with (place / file_name("embeddings", number, shape["files"])).open("rb") as stream:
            embeddings = np.load(stream, allow_pickle=False)[mask]
        held.append((embeddings, _studies(place, shape, number).filter(pa.array(mask))))
        waiting += len(embeddings)
        while waiting >= per_file or (waiting and number == len(kept) - 1):
            vectors = np.concatenate([each for each, _ in held])
            rows = pa.concat_tables([each for _, each in held]).combine_chunks()
            yield vectors[:per_file], rows.slice(0, per_file)
            held = [(vectors[per_file:], rows.slice(per_file))]
            waiting = len(held[0][0])
