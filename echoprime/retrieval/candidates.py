"""The candidate set on disk: opened without reading it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from echoprime.bundle import Bundle
from echoprime.bundle.bundle import CANDIDATES
from echoprime.errors import BundleError
from echoprime.retrieval.candidate_files import CandidateFiles
from echoprime.retrieval.parts import Part
from echoprime.retrieval.searchable import Candidates, Origins
from echoprime.retrieval.writing import FORMAT, file_name

BUNDLES, OWN = "bundle", "own"
"""What evidence calls a bundle's candidates and those of one's own, wherever they lie."""


@dataclass(frozen=True)
class CandidateSet(Candidates):
    """One candidate set, in pairs of files.

    Attributes
    ----------
    source
        Folder, or the bundle or hashed files that it lies in (fetched from a bucket when first used).
    rows_per_file, files
        The last pair may have fewer.

    Examples
    --------
    >>> CandidateSet(10, 512, 1.0, (), "", Path(), 10, 1).ranges(3)
    [(0, 3), (3, 6), (6, 10)]
    """

    source: Path | Bundle | CandidateFiles
    rows_per_file: int
    files: int

    @classmethod
    def open(cls, source: str | Path | Bundle | CandidateFiles) -> CandidateSet:
        """Open the set of a folder, a bundle, or of one's own; reads `candidates.json` alone.

        Raises
        ------
        BundleError
            When there is none, or it is of another format version.
        """
        if isinstance(source, Bundle):
            source.require_candidates()
        place = source if isinstance(source, Bundle | CandidateFiles) else Path(source)
        path = _file(place, "candidates.json")
        try:
            content = json.loads(path.read_bytes())
            found = content.pop("format")
            if found != FORMAT:
                raise BundleError(f"candidates: format {found!r}, this version reads {FORMAT}; import again")
            return cls(source=place, **{**content, "labels": tuple(content["labels"])})
        except FileNotFoundError as error:
            raise BundleError(f"{path}: no candidate set there; import the release again") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"{path}: damaged; import the release again") from error

    def parts(self, lo: int = 0, hi: int | None = None) -> Iterator[Part]:
        hi = self.rows if hi is None else hi
        if not 0 <= lo <= hi <= self.rows:
            raise BundleError(f"candidates: rows {lo:,} to {hi:,} asked for, there are {self.rows:,}")
        for number in range(lo // self.rows_per_file, self.files):
            start = number * self.rows_per_file
            if start >= hi:
                break
            yield self._part(number, max(lo, start), min(hi, start + self.rows_per_file))

    def _part(self, number: int, lo: int, hi: int) -> Part:
        start = number * self.rows_per_file
        name = file_name("embeddings", number, self.files)
        # A plain view of the map: numpy's memmap class costs microseconds at every slice.
        studies = file_name("studies", number, self.files)
        reading = name
        try:
            embeddings = np.load(_file(self.source, name), mmap_mode="r", allow_pickle=False).view(np.ndarray)
            reading = studies
            # Memory-mapped: nothing is read before it is asked for.
            reader = pa.ipc.open_file(pa.memory_map(str(_file(self.source, studies))))
        except (ValueError, EOFError, pa.ArrowException) as error:
            raise BundleError(
                f"candidates/{reading}: damaged, or more than plain numbers; import the release again"
            ) from error
        if any(isinstance(each, pa.ExtensionType) for each in _types(reader.schema)):
            # where Ray is imported, values of its "pickled object" type run what they hold
            raise BundleError(f"candidates/{studies}: holds more than plain values; import the release again")
        batch = reader.get_batch(0)
        expected = min(self.rows_per_file, self.rows - start)
        for file, count in ((name, len(embeddings)), (studies, batch.num_rows)):
            if count != expected or reader.num_record_batches != 1:
                raise BundleError(
                    f"candidates/{file}: {count:,} rows, candidates.json says {expected:,}; "
                    "import the release again"
                )
        return Part(lo, embeddings[lo - start : hi - start], batch.slice(lo - start, hi - lo))

    @property
    def part_lengths(self) -> tuple[int, ...]:
        each = self.rows_per_file
        return tuple(min(each, self.rows - each * number) for number in range(self.files))

    @property
    def origins(self) -> Origins:
        return Origins((BUNDLES if isinstance(self.source, Bundle) else OWN,))

    @property
    def hash(self) -> str | None:
        """BLAKE2b-128 of its files' hashes; None for a plain folder, whose files nobody has hashed."""
        if isinstance(self.source, CandidateFiles):
            return self.source.hash
        return self.source.files_hash(CANDIDATES) if isinstance(self.source, Bundle) else None

    @cached_property
    def label_positions(self) -> dict[str, int]:
        """Label name -> its column."""
        return {name: column for column, name in enumerate(self.labels)}


def _types(schema: pa.Schema) -> Iterator[pa.DataType]:
    """Every type in a schema, however deep it lies."""
    todo = list(schema.types)
    while todo:
        kind = todo.pop()
        yield kind
        todo += [kind.field(number).type for number in range(kind.num_fields)]


def _file(source: Path | Bundle | CandidateFiles, name: str) -> Path:
    if isinstance(source, Bundle):
        return source.file(f"candidates/{name}")
    return source.file(name) if isinstance(source, CandidateFiles) else source / name
