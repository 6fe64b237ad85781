"""A bucket of any number of objects that exists only as a rule, and a list that names studies for them.

Keys are `0012/0012345/07.dcm`, in listing order; sizes and ETags come from a hash of the study's number. By
its folder a study is `0012/0012345`; by the list an accession number that says nothing of the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import duckdb

from echoprime.storage.s3_listing import Listed

STEP = 7_368_787
"""A prime: the rows of the list stand in the order of its multiples, modulo their number."""


def drawn_objects(prefix: str, studies: int, videos: int) -> Iterator[Listed]:
    """All objects as a bucket lists them: in the order of their keys' bytes."""
    for study in range(studies):
        for path, size, etag in drawn_study(study, videos):
            yield Listed(prefix + path, size, etag)


def drawn_study(study: int, videos: int) -> list[tuple[str, int, str]]:
    """(path, size, token) of one study's videos, by their path."""
    folder = f"{study // 1000:04d}/{study:07d}/"
    drawn = hashlib.shake_128(b"%d" % study).hexdigest(16 * videos)
    etags = [drawn[begin : begin + 32] for begin in range(0, 32 * videos, 32)]
    return [
        (f"{folder}{number:02d}.dcm", 1_000_000 + int(etag[:5], 16), etag)
        for number, etag in enumerate(etags)
    ]


def accession(study: int) -> str:
    """What the list calls a study."""
    return "A" + hashlib.md5(b"study %d" % study).hexdigest()[:15]


def write_list(file: Path, studies: int, videos: int) -> None:
    """CSV of path, study_id and patient_id, one row an object, in no order."""
    rows = studies * videos
    assert rows % STEP
    number = f"((j * {STEP}) % {rows})"
    study = f"({number} // {videos})"
    folder = f"printf('%04d/%07d', {study} // 1000, {study})"
    with duckdb.connect(config={"memory_limit": "1GB", "threads": 2}) as connection:
        connection.execute(
            f"COPY (SELECT {folder} || printf('/%02d.dcm', {number} % {videos}) AS path, "
            f"'A' || md5('study ' || {study})[:15] AS study_id, 'P' || ({study} % 700000) AS patient_id "
            f"FROM range({rows}) t(j)) TO '{file}' (FORMAT csv, HEADER)"
        )
