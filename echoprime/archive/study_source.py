"""What makes a study: the folder of its files, or what their DICOM headers say."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import TypeAlias

import tenacity

from echoprime.archive.dicom_header import Header, read_header
from echoprime.archive.entries import Entry
from echoprime.errors import ArchiveError, ReadError, UnreadableVideo, VideoError
from echoprime.storage import Location
from echoprime.storage.packed_path import split_member

Row: TypeAlias = "tuple[str, str, int, str, str | None, datetime | None, str | None]"
"""Study, path, size, token, patient, time, kind of study: a row of the manifest."""

READERS = 16
"""Headers read at once; a bucket answers in some 20 ms, so about 800 a second."""

_SERIES = re.compile(r"(?:^|/)ST\d+/SE\d+$", re.IGNORECASE)

_NO_DICOM = (".mp4", ".m4v", ".mov", ".avi", ".mkv")


def folder_of(path: str) -> str:
    """The study of an object where folders are studies; a zip or tar file counts as a folder.

    On a medium for exchange (DICOM PS3.10; IHE PDI) the study's folder is that above the series'.

    Examples
    --------
    >>> folder_of("2024/17/loop.dcm"), folder_of("loop.dcm"), folder_of("2024/17.zip!/loop.dcm")
    ('2024/17', '.', '2024/17.zip')
    >>> folder_of("cd/DICOM/PA000000/ST000001/SE000002/IM000003")
    'cd/DICOM/PA000000/ST000001'
    """
    folder = path.rpartition("/")[0]
    if _SERIES.search(folder):
        folder = folder.rpartition("/")[0]
    elif folder.endswith("!") and split_member(path) == (folder[:-1], path[len(folder) + 1 :]):
        folder = folder[:-1]
    return folder or "."


def by_folder(entries: Iterable[Entry]) -> Iterator[Row]:
    """One study per folder."""
    for entry in entries:
        yield folder_of(entry.path), entry.path, entry.size, entry.token, None, None, None


def by_dicom(root: Location, entries: Iterable[Entry], notes: Counter[str]) -> Iterator[Row]:
    """One study per StudyInstanceUID, in the order of the entries.

    Parameters
    ----------
    root
        The archive.
    entries
        Its listing.
    notes
        Counts the objects that have no readable UID and fall back to their folder.

    Raises
    ------
    ArchiveError
        Headers cannot be read because the store does not answer.
    """
    stream = iter(entries)
    waiting: deque[tuple[Entry, Future[Header]]] = deque()
    with ThreadPoolExecutor(READERS) as pool:
        for entry in stream:
            waiting.append((entry, pool.submit(_header, root, entry)))
            if len(waiting) >= 4 * READERS:
                yield _row(*waiting.popleft(), notes)
        while waiting:
            yield _row(*waiting.popleft(), notes)


def _row(entry: Entry, header: Future[Header], notes: Counter[str]) -> Row:
    found = header.result()
    if found.study_id is None:
        notes["objects without StudyInstanceUID, by folder"] += 1
    study = found.study_id or folder_of(entry.path)
    return study, entry.path, entry.size, entry.token, found.patient_id, found.acquired_at, None


def _header(root: Location, entry: Entry) -> Header:
    if entry.path.lower().endswith(_NO_DICOM):
        return Header()
    try:
        return _read_again(root, entry)
    except (FileNotFoundError, PermissionError, UnreadableVideo):
        # gone or closed since it was listed: it keeps its row, and reading it says what is wrong
        return Header()
    except ReadError as error:
        if root.is_local or error.lasts:
            return Header()
        raise ArchiveError(f"archive {root}: a header cannot be read ({error.message}); run again") from None
    except Exception as error:  # botocore, aiohttp and s3fs have dozens of types for this
        raise ArchiveError(
            f"archive {root}: a header cannot be read ({type(error).__name__}); check the store and run again"
        ) from None


@tenacity.retry(
    retry=tenacity.retry_if_not_exception_type((FileNotFoundError, PermissionError, VideoError)),
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=10),
    stop=tenacity.stop_after_attempt(5),
    reraise=True,
)
def _read_again(root: Location, entry: Entry) -> Header:
    return read_header(root, entry.path, entry.size, entry.token)
