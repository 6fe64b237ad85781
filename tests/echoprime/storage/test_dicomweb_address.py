"""Addresses of DICOMweb archives: what is taken, what is refused, and that no password is repeated."""

from __future__ import annotations

import pickle

import pytest

from echoprime.errors import SettingError
from echoprime.storage import Location


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        ("dicomweb://pacs.example.org", "dicomweb://pacs.example.org"),
        ("DICOMWEB://Pacs.Example.org:8443/Dicom-Web/", "dicomweb://pacs.example.org:8443/Dicom-Web"),
        ("dicomweb+http://127.0.0.1:8042/dicom-web", "dicomweb+http://127.0.0.1:8042/dicom-web"),
        ("dicomweb+http://[::1]:8042/rs", "dicomweb+http://[::1]:8042/rs"),
    ],
)
def test_an_address_has_one_spelling(given: str, uri: str) -> None:
    place = Location.parse_archive(given)
    assert (place.uri, place.is_dicomweb, place.is_local) == (uri, True, False)
    assert pickle.loads(pickle.dumps(place)) == Location.parse_archive(uri)


@pytest.mark.parametrize(
    "given",
    [
        "dicomweb://",
        "dicomweb:///rs",
        "dicomweb://pacs:port/rs",
        "dicomweb://pacs:99999/rs",
        "dicomweb://[::1/rs",
        "dicomweb://pacs/rs?token=hunter2",
        "dicomweb://reader:hunter2@pacs/rs",
        "dicomweb+http://hunter2@pacs:8042",
    ],
)
def test_what_is_no_address_is_refused_without_its_secrets(given: str) -> None:
    with pytest.raises(SettingError) as error:
        Location.parse_archive(given)
    assert "hunter2" not in str(error.value)


def test_a_service_is_no_place_to_write_to() -> None:
    with pytest.raises(SettingError, match="an archive to read only; give a folder or s3://"):
        Location.parse("dicomweb://pacs/rs")
    with pytest.raises(SettingError, match="has no files"):
        Location.parse_archive("dicomweb://pacs/rs").read_bytes()


def test_other_archives_are_read_as_before() -> None:
    assert Location.parse_archive("s3://echo/2024/") == Location.parse("s3://echo/2024")
    assert Location.parse_archive("/data/echo").is_local
    assert Location.parse("/data/dicomweb").is_local
