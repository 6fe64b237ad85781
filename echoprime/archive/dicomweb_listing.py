"""Every instance of a DICOMweb service as a stream, study by study (QIDO-RS, PS3.18, 10.6)."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from echoprime.archive.dicom_header import acquired
from echoprime.archive.dicomweb_search import (
    INSTANCE,
    SERIES,
    STUDY,
    DicomwebSearch,
    Found,
    NotPagedError,
    VanishedError,
    number,
    text,
    values,
)
from echoprime.archive.entries import Entry
from echoprime.archive.study_source import Row
from echoprime.errors import ArchiveError
from echoprime.storage import UNTOLD, Location
from echoprime.storage.dicomweb_address import UID
from echoprime.storage.dicomweb_reading import SHAPE, token_of

SEARCHERS = 8
"""Studies that are looked into at once: a server answers in some 20 ms, two or three times for a study."""

ALL = "ALL"
"""In place of modalities: every one."""

NOT_THERE = "studies that are asked for are not there"
VANISHED = "studies that vanished while they were listed"
FEWER = "series of which the server lists fewer instances than it says there are"
UNSEARCHED = "search by modality that the server cannot page: all of its studies were looked through"

NOT_ONLINE = "instances that the server says are not online: reading them takes long, or fails"

_ONLINE, _AVAILABILITY = ("", "ONLINE"), "00080056"
_MODALITY, _MODALITIES = "00080060", "00080061"
_PATIENT, _DATE, _TIME, _OFFSET = "00100020", "00080020", "00080030", "00080201"
_SERIES_OF_STUDY, _INSTANCES_OF_SERIES = "00201206", "00201209"


@dataclass(frozen=True, kw_only=True)
class StudyFilter:
    """Which studies and series of a service are listed.

    Attributes
    ----------
    modalities
        Of a series, such as US; `ALL` for every one.
    dates
        Range of StudyDate, "YYYYMMDD-YYYYMMDD", either end may be left out; "" for every date.
    studies
        StudyInstanceUIDs; None for every study.
    """

    modalities: tuple[str, ...] = ("US",)
    dates: str = ""
    studies: frozenset[str] | None = None

    def __str__(self) -> str:
        parts = ["any modality" if ALL in self.modalities else f"modality {', '.join(self.modalities)}"]
        parts += [f"StudyDate {self.dates}"] * bool(self.dates)
        if self.studies is not None:
            parts.append(f"the {len(self.studies):,} studies that are asked for")
        return " and ".join(parts)

    @property
    def whole(self) -> bool:
        """Whether every study is listed that has a series of the modalities."""
        return not self.dates and self.studies is None

    @property
    def attributes(self) -> dict[str, str]:
        """What a study must match, beside its modalities."""
        return {"StudyDate": self.dates} if self.dates else {}

    def takes(self, modality: str) -> bool:
        """Whether series of a modality are listed; one that is not told is."""
        return ALL in self.modalities or not modality or modality in self.modalities


class DicomwebListing:
    """Instances of a DICOMweb service that may be videos, in the order in which the service lists studies.

    Parameters
    ----------
    root
        The service.
    chosen
        Which of its studies.

    Attributes
    ----------
    left_out
        Series and instances passed over so far, by cause.
    notes
        Counts worth a line to the user.

    Raises
    ------
    ArchiveError
        While it is walked: the service cannot be reached, refuses, or is none.
    """

    def __init__(self, root: Location, chosen: StudyFilter | None = None) -> None:
        self.root, self.chosen = root, chosen or StudyFilter()
        self.left_out: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Entry]:
        for _, path, size, token, *_ in self.rows():
            yield Entry(path, size, token)

    def rows(self) -> Iterator[Row]:
        """Rows of the manifest: study, path, size, token, patient, time, kind."""
        self.root.require_reachable("archive", ArchiveError)
        self.left_out.clear()
        self.notes.clear()
        search = DicomwebSearch(self.root)
        waiting: deque[Future[_Listed]] = deque()
        with ThreadPoolExecutor(SEARCHERS) as pool:
            try:
                for study in self._studies(search):
                    waiting.append(pool.submit(self._look_into, search, study))
                    if len(waiting) >= 2 * SEARCHERS:
                        yield from self._arrived(waiting.popleft())
                while waiting:
                    yield from self._arrived(waiting.popleft())
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _arrived(self, study: Future[_Listed]) -> list[Row]:
        listed = study.result()
        self.left_out.update(listed.left_out)
        self.notes += listed.notes
        return listed.rows

    def _studies(self, search: DicomwebSearch) -> Iterator[Found | str]:
        """Each study once; of those that are named, the names: each is searched for later."""
        if self.chosen.studies is not None:
            yield from sorted(self.chosen.studies)
            return
        # a study that arrives while pages are asked for moves others to the next page
        met: set[bytes] = set()
        for study in self._searched(search):
            digest = hashlib.blake2b(text(study, STUDY).encode(), digest_size=16).digest()
            if digest not in met:
                met.add(digest)
                yield study

    def _searched(self, search: DicomwebSearch) -> Iterator[Found]:
        """By modality where the server can, else all of its studies; some of them twice."""
        try:
            if ALL not in self.chosen.modalities:
                for modality in self.chosen.modalities:
                    yield from search.studies({"ModalitiesInStudy": modality, **self.chosen.attributes})
                return
        except NotPagedError:
            # Orthanc's plugin 1.7 knows no offset in a search by modality; its only page may be cut
            self.notes[UNSEARCHED] = 1
        try:
            for study in search.studies(self.chosen.attributes):
                if any(map(self.chosen.takes, values(study, _MODALITIES) or [""])):
                    yield study
        except NotPagedError:
            raise ArchiveError(
                f"archive {self.root}: the server sends its first studies only: it does not know offset; "
                "narrow the search by --study-dates or --studies"
            ) from None

    def _look_into(self, search: DicomwebSearch, study: Found | str) -> _Listed:
        """One study's rows; in a thread of its own, so nothing of the listing is changed."""
        listed = _Listed()
        if isinstance(study, str):
            found = search.study(study, self.chosen.attributes) if UID.fullmatch(study) else None
            if found is None:
                listed.notes[NOT_THERE] += 1
                return listed
            study = found
        uid = text(study, STUDY)
        if UID.fullmatch(uid) is None:
            listed.left_out["study without a UID"] += 1
            return listed
        patient = text(study, _PATIENT) or None
        when = acquired(text(study, _DATE), text(study, _TIME), text(study, _OFFSET))
        try:
            for series in search.series(uid, number(study, _SERIES_OF_STUDY)):
                self._add_series(search, listed, uid, series, patient, when)
        except VanishedError:
            listed.notes[VANISHED] += 1
        except NotPagedError:
            raise ArchiveError(
                f"archive {self.root}: of some study the server sends the first objects only: it does not "
                "know offset; ask its operator for a larger limit"
            ) from None
        return listed

    def _add_series(
        self,
        search: DicomwebSearch,
        listed: _Listed,
        study: str,
        series: Found,
        patient: str | None,
        when: datetime | None,
    ) -> None:
        modality, uid = text(series, _MODALITY), text(series, SERIES)
        if not self.chosen.takes(modality):
            listed.left_out[f"series of modality {modality[:16]}"] += 1
            return
        if UID.fullmatch(uid) is None:
            listed.left_out["series without a UID"] += 1
            return
        told, there = number(series, _INSTANCES_OF_SERIES), set()
        for each in search.instances(study, uid, told):
            instance = text(each, INSTANCE)
            if instance in there:
                continue
            there.add(instance)
            if UID.fullmatch(instance) is None:
                listed.left_out["instance without a UID"] += 1
                continue
            listed.notes[NOT_ONLINE] += text(each, _AVAILABILITY) not in _ONLINE
            token = token_of({tag: text(each, f"{tag:08X}") for tag in SHAPE})
            listed.rows.append((study, f"{study}/{uid}/{instance}", UNTOLD, token, patient, when, None))
        listed.notes[FEWER] += told is not None and len(there) < told


@dataclass
class _Listed:
    """What was found in one study."""

    rows: list[Row] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
