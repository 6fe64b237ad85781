"""A DICOMweb service listed: what a real server gives, and what servers do that keep less to the standard."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from echoprime.archive import (
    DicomwebListing,
    StudyFilter,
    dicomweb_listing,
    dicomweb_search,
    open_manifest,
    write_manifest,
)
from echoprime.errors import ArchiveError
from echoprime.storage import Location
from tests.dicomweb_archive import PATIENTS, STUDIES, VIDEOS, other_modality
from tests.dicomweb_gateway import Answer, Gateway
from tests.dicomweb_server import DicomwebServer

pytestmark = pytest.mark.dicomweb


@pytest.fixture
def gateway(dicomweb_server: DicomwebServer) -> Iterator[Gateway]:
    with Gateway(dicomweb_server.address) as found:
        yield found


def listed(address: str, chosen: StudyFilter | None = None) -> list[tuple]:
    return sorted(DicomwebListing(Location.parse_archive(address), chosen).rows())


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_every_instance_is_listed_with_its_study_patient_and_time(
    dicomweb_server: DicomwebServer, dicomweb_files: Path
) -> None:
    rows = listed(dicomweb_server.address)
    assert [row[1] for row in rows] == files(dicomweb_files)
    assert len(rows) == VIDEOS
    assert {row[0] for row in rows} == {row[1].partition("/")[0] for row in rows}
    assert {row[2] for row in rows} == {0}
    assert {row[4] for row in rows} == set(PATIENTS)
    assert datetime(2001, 1, 3, 12, tzinfo=UTC) in {row[5] for row in rows}
    tokens = sorted({row[3] for row in rows})
    # Ultrasound Image Storage, and Multi-frame: class, frames, rows, columns
    assert tokens == [
        "1.2.840.10008.5.1.4.1.1.3.1/20/150/200",
        "1.2.840.10008.5.1.4.1.1.3.1/6/96/128",
        "1.2.840.10008.5.1.4.1.1.6.1//150/200",
    ]


def test_a_manifest_of_a_service(dicomweb_server: DicomwebServer, tmp_path: Path) -> None:
    root, place = Location.parse_archive(dicomweb_server.address), Location.parse(tmp_path / "m.parquet")
    summary = write_manifest(root, place)
    assert (summary.studies, summary.videos, summary.bytes) == (STUDIES, VIDEOS, 0)
    assert summary.patients_known == STUDIES
    manifest = open_manifest(place)
    assert (manifest.root, manifest.study_from) == (root, "dicom")
    days = StudyFilter(dates="20010102-20010103")
    assert write_manifest(root, place, chosen=days).studies == 2
    # a part of the service says nothing of the rest: studies that it lacks have not vanished
    assert open_manifest(place).study_from == "list"


def test_a_part_of_a_service(dicomweb_server: DicomwebServer) -> None:
    every = listed(dicomweb_server.address)
    first, second = sorted({row[0] for row in every})[:2]
    asked = StudyFilter(studies=frozenset({first, second, "1.2.3", "no UID"}))
    listing = DicomwebListing(Location.parse_archive(dicomweb_server.address), asked)
    assert sorted(listing.rows()) == [row for row in every if row[0] in {first, second}]
    assert listing.notes == {"studies that are asked for are not there": 2}
    assert {row[5].year for row in listed(dicomweb_server.address, StudyFilter(dates="-20001231"))} == {2000}
    assert listed(dicomweb_server.address, StudyFilter(modalities=("CT",))) == []
    with pytest.raises(ArchiveError, match=r"no series of modality CT and StudyDate 2024- .*ask for others"):
        write_manifest(
            Location.parse_archive(dicomweb_server.address),
            Location.parse("/nowhere/m.parquet"),
            chosen=StudyFilter(modalities=("CT",), dates="2024-"),
        )


def test_series_of_other_modalities_are_counted(
    dicomweb_server: DicomwebServer, dicomweb_files: Path
) -> None:
    one = next(path for path in sorted(dicomweb_files.rglob("*")) if path.is_file()).read_bytes()
    before = listed(dicomweb_server.address)
    beside, apart = (other_modality(one, name, new_study=new) for name, new in (("SR", False), ("XA", True)))
    studies = [dicomweb_server.put(data) for data in (beside, apart)]
    try:
        listing = DicomwebListing(Location.parse_archive(dicomweb_server.address))
        assert sorted(listing.rows()) == before
        assert listing.left_out == {"series of modality SR": 1}
        both = StudyFilter(modalities=("XA", "SR"))
        assert len(listed(dicomweb_server.address, both)) == 2
        assert len(listed(dicomweb_server.address, StudyFilter(modalities=("US", "SR")))) == VIDEOS + 1
        assert len(listed(dicomweb_server.address, StudyFilter(modalities=("ALL",)))) == VIDEOS + 2
    finally:
        for instance in studies:
            dicomweb_server.remove(instance)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicomweb_search, "PAGE", 2)


def without(*names: str):
    return lambda path: re.sub(rf"[?&]({'|'.join(names)})=[^&]*", "", path).replace("studies&", "studies?")


def changed(answer: Answer, change: Callable[[list], list]) -> Answer:
    """A search's answer with other results in it."""
    if answer.status != 200:
        return answer
    body = gzip.decompress(answer.body) if answer.body[:2] == b"\x1f\x8b" else answer.body
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Encoding"}
    return Answer(200, headers, json.dumps(change(json.loads(body))).encode())


@pytest.fixture
def whole(dicomweb_server: DicomwebServer) -> list[tuple]:
    """What is there; made before pages become small."""
    rows = listed(dicomweb_server.address)
    assert len(rows) == VIDEOS
    return rows


def pages(gateway: Gateway) -> list[list[str]]:
    return [re.findall("offset=([0-9]+)", path) for path in gateway.asked if "/studies?limit=2" in path]


def test_pages(gateway: Gateway, whole: list[tuple], small_pages: None) -> None:
    every = StudyFilter(modalities=("ALL",))
    assert listed(gateway.address, every) == whole
    assert pages(gateway) == [[], ["2"], ["4"], ["5"]]
    assert not [path for path in gateway.asked if "includefield" in path]
    assert set(gateway.hosts) == {gateway.netloc}


def test_what_is_told_spares_pages(gateway: Gateway, whole: list[tuple]) -> None:
    """A study's series and a series' instances are counted by the server: one request for each."""
    assert listed(gateway.address) == whole
    assert len([path for path in gateway.asked if "/series?" in path]) == STUDIES
    assert len([path for path in gateway.asked if "/instances?" in path]) == STUDIES


def test_a_server_that_has_no_pages_of_a_search_by_modality(
    gateway: Gateway, whole: list[tuple], small_pages: None
) -> None:
    """Debian 12's Orthanc: `offset` with ModalitiesInStudy gives nothing, whatever is there."""
    gateway.ask = lambda path: "/dicom-web/studies?limit=0" if "Modal" in path and "offset" in path else path
    gateway.answer = lambda path, given: (
        Answer(204, {}, b"") if "Modal" in path and "offset" in path else given
    )
    listing = DicomwebListing(Location.parse_archive(gateway.address))
    assert sorted(listing.rows()) == whole
    assert listing.notes == {dicomweb_listing.UNSEARCHED: 1}
    assert pages(gateway)[-4:] == [[], ["2"], ["4"], ["5"]]


def test_a_server_that_sends_less_than_is_asked_for(
    gateway: Gateway, whole: list[tuple], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dicomweb_search, "PAGE", 3)
    gateway.answer = lambda path, given: changed(given, lambda found: found[:2])
    assert listed(gateway.address) == whole


def test_a_server_that_knows_neither_limit_nor_offset(
    gateway: Gateway, whole: list[tuple], small_pages: None
) -> None:
    gateway.ask = without("limit", "offset")
    assert listed(gateway.address) == whole


def test_a_server_that_knows_no_offset_is_refused_where_more_may_be_there(
    gateway: Gateway, small_pages: None
) -> None:
    gateway.ask = without("offset")
    with pytest.raises(ArchiveError, match=r"its first studies only: .* narrow the search by --study-dates"):
        listed(gateway.address)


def test_fewer_instances_than_the_server_says_are_told(gateway: Gateway, whole: list[tuple]) -> None:
    def answer(path: str, given: Answer) -> Answer:
        if "/instances?" in path and "offset" not in path:
            return changed(given, lambda found: found[1:] if len(found) > 1 else found)
        return given

    gateway.answer = answer
    listing = DicomwebListing(Location.parse_archive(gateway.address), StudyFilter(modalities=("ALL",)))
    assert len(list(listing.rows())) == VIDEOS - 2
    assert listing.notes == {dicomweb_listing.FEWER: 2}


def test_a_server_that_sends_one_page_of_a_series_is_refused(gateway: Gateway, whole: list[tuple]) -> None:
    gateway.ask = lambda path: re.sub("&offset=[0-9]+", "", path.replace("limit=200", "limit=2"))
    gateway.answer = lambda path, given: (
        Answer(204, {}, b"") if "/instances?" in path and "offset" in path else given
    )
    listing = DicomwebListing(Location.parse_archive(gateway.address), StudyFilter(modalities=("ALL",)))
    with pytest.raises(ArchiveError, match="the first objects only: it does not know offset"):
        list(listing.rows())


def test_a_server_that_answers_204_for_nothing(gateway: Gateway, dicomweb_server: DicomwebServer) -> None:
    def answer(path: str, given: Answer) -> Answer:
        return Answer(204, {}, b"") if changed(given, list).body == b"[]" else given

    gateway.answer = answer
    assert listed(gateway.address) == listed(dicomweb_server.address)
    assert listed(gateway.address, StudyFilter(modalities=("CT",))) == []


def test_a_server_that_does_not_search_by_modality(gateway: Gateway, dicomweb_server: DicomwebServer) -> None:
    gateway.ask = without("ModalitiesInStudy")
    assert listed(gateway.address) == listed(dicomweb_server.address)


def test_a_study_that_vanishes_while_it_is_listed(gateway: Gateway, dicomweb_server: DicomwebServer) -> None:
    gone = listed(dicomweb_server.address)[0][0]
    gateway.answer = lambda path, given: Answer(404, {}, b"") if f"/studies/{gone}/" in path else given
    listing = DicomwebListing(Location.parse_archive(gateway.address), StudyFilter(modalities=("ALL",)))
    assert gone not in {row[0] for row in listing.rows()}
    assert listing.notes == {"studies that vanished while they were listed": 1}


def test_instances_that_are_not_online_are_told(gateway: Gateway, whole: list[tuple]) -> None:
    nearline = {"00080056": {"vr": "CS", "Value": ["NEARLINE"]}}
    gateway.answer = lambda path, given: (
        changed(given, lambda found: [each | nearline for each in found]) if "/instances?" in path else given
    )
    listing = DicomwebListing(Location.parse_archive(gateway.address), StudyFilter(modalities=("ALL",)))
    assert sorted(listing.rows()) == whole
    assert listing.notes == {dicomweb_listing.NOT_ONLINE: VIDEOS}


def test_a_server_that_slows_down_is_asked_again(gateway: Gateway, dicomweb_server: DicomwebServer) -> None:
    counted: dict[str, int] = {}

    def answer(path: str, given: Answer) -> Answer:
        counted[path] = counted.get(path, 0) + 1
        first = counted[path] == 1 and "/series" in path
        return Answer(503, {}, b"slow down") if first else given

    gateway.answer = answer
    assert listed(gateway.address) == listed(dicomweb_server.address)


def test_a_path_that_appears_on_two_pages_is_one_row(gateway: Gateway, tmp_path: Path) -> None:
    """A study that arrives in mid-listing moves others to the next page: here the first stands on both."""
    first: list[dict] = []

    def answer(path: str, given: Answer) -> Answer:
        if "/studies?limit=2" not in path:
            return given
        if "offset=4" in path:
            return changed(given, lambda found: found + first)
        return changed(given, lambda found: first.extend(found[:1]) or found)

    gateway.answer = answer
    place = Location.parse(tmp_path / "m.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dicomweb_search, "PAGE", 2)
        summary = write_manifest(Location.parse_archive(gateway.address), place)
    assert (summary.studies, summary.videos) == (STUDIES, VIDEOS)
