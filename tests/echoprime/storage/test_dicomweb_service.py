"""What a service is asked with, and what is said where it does not answer as one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests

from echoprime.errors import ArchiveError, ReadError, Reason, UnreadableVideo
from echoprime.storage import Location, dicomweb_service, read_object
from echoprime.storage.dicomweb_address import CREDENTIALS
from echoprime.storage.dicomweb_reading import fetch_instance
from echoprime.storage.dicomweb_service import Body, client, in_words, why_unreachable
from echoprime.storage.patience import ATTEMPTS
from tests.http_answers import asked_with, sends, serving


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (sends(b"<html>hello</html>", "text/html"), "not a DICOMweb server's"),
        (sends(b'{"a": 1}', "application/json"), None),  # one result without its list: some servers do so
        (sends(b"", "text/plain", 404), r"no DICOMweb service is there \(404\)"),
        (sends(b"", "text/plain", 401), r"refuses the credentials \(401\); set ECHOPRIME_DICOMWEB_USER"),
        (sends(b"", "text/plain", 500), "answers 500"),
        (sends(b"", "text/plain", 503), "slow down"),
        (sends(b"", "text/plain", 302, Location="http://127.0.0.1:1/"), "cannot be reached"),
    ],
)
def test_what_is_no_service_is_told_in_a_line(answer, said: str | None) -> None:
    with serving(answer) as address:
        place = Location.parse_archive(address)
        if said is None:
            place.require_reachable("archive", ArchiveError)
            return
        with pytest.raises(ArchiveError, match=said) as error:
            place.require_reachable("archive", ArchiveError)
    assert str(error.value).startswith(f"archive {address}: ")
    assert "\n" not in str(error.value)


def test_nothing_that_listens_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = why_unreachable(f"dicomweb+http://127.0.0.1:{port}/rs")
    assert said is not None
    assert "cannot be reached" in said


def test_plain_http_where_https_is_asked_for_is_refused() -> None:
    with serving(sends(b"[]", "application/dicom+json")) as address:
        said = why_unreachable(address.replace("dicomweb+http", "dicomweb"))
    assert said is not None
    # and nothing of the kind: a session for https has no way to plain http, whoever redirects it there
    session = client("dicomweb://pacs.example.org/rs")._session
    with pytest.raises(requests.exceptions.InvalidSchema) as error:
        session.get("http://pacs.example.org/rs/studies")
    assert "redirects from https to http" in in_words(error.value).message


def test_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[dict[str, str]] = []
    token = tmp_path / "token"
    with serving(asked_with(seen)) as address:
        assert why_unreachable(address) is None
        monkeypatch.setenv("ECHOPRIME_DICOMWEB_USER", "réader")
        monkeypatch.setenv("ECHOPRIME_DICOMWEB_PASSWORD", "pass")
        assert why_unreachable(address) is None
        monkeypatch.setenv("ECHOPRIME_DICOMWEB_TOKEN_FILE", str(token))
        said = why_unreachable(address)
        assert said == "the file of ECHOPRIME_DICOMWEB_TOKEN_FILE cannot be read; correct its path"
        for name in ("first", "renewed"):
            token.write_text(f"{name}\n")
            assert why_unreachable(address) is None
        monkeypatch.setenv("ECHOPRIME_DICOMWEB_TOKEN", "of the environment")
        assert why_unreachable(address) is None
    assert [each.get("Authorization") for each in seen] == [
        None,
        "Basic csOpYWRlcjpwYXNz",
        "Bearer first",
        "Bearer renewed",
        "Bearer of the environment",
    ]
    assert {each["Host"] for each in seen} == {address.split("/")[2]}


def test_netrc_is_read_where_nothing_else_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login reader password pass\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen: list[dict[str, str]] = []
    with serving(asked_with(seen)) as address:
        assert why_unreachable(address) is None
    assert seen[0]["Authorization"] == "Basic cmVhZGVyOnBhc3M="


def test_credentials_do_not_follow_to_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHOPRIME_DICOMWEB_TOKEN", "secret")
    seen: list[dict[str, str]] = []
    with serving(asked_with(seen)) as other:
        there = f"{other.replace('dicomweb+http', 'http')}/studies"
        with serving(
            sends(b"", "text/plain", 302, Location=there.replace("127.0.0.1", "localhost"))
        ) as address:
            assert why_unreachable(address) is None
    assert "Authorization" not in seen[0]


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicomweb_service, "MOST_ANSWER", 1000)
    with serving(sends(b"[" + b"{}," * 1000 + b"{}]", "application/dicom+json")) as address:
        assert why_unreachable(address) == "the server's answer has more bytes than the limit of 1,000"


def test_bodies_are_bounded_after_they_are_unpacked() -> None:
    class Raw:
        def stream(self, amount: int, decode_content: bool) -> Iterator[bytes]:
            yield from (b"x" * 600, b"y" * 600)

    with pytest.raises(UnreadableVideo) as error:
        list(Body(Raw(), 1000).stream(10))
    assert error.value.reason is Reason.TOO_LARGE
    assert len(b"".join(Body(Raw(), 1200).stream(10))) == 1200


@pytest.mark.parametrize("path", ["1.2/3.4", "1.2/3.4/../../../admin", "1.2/3.4/5;6", "a/b/c.dcm"])
def test_a_path_that_is_none_asks_for_nothing(path: str) -> None:
    with pytest.raises(ReadError) as error:
        fetch_instance("dicomweb+http://127.0.0.1:1/rs", path, "")
    assert error.value.reason is Reason.MISSING


def test_what_fails_is_told_without_addresses() -> None:
    """Addresses of requests hold UIDs."""
    with pytest.raises(ReadError) as error:
        fetch_instance("dicomweb+http://127.0.0.1:1/rs", "1.2.3/4.5.6/7.8.9", "")
    assert error.value.reason is Reason.READ_ERROR
    assert not any(uid in str(error.value) for uid in ("1.2.3", "4.5.6", "7.8.9"))
    assert error.value.__suppress_context__


def test_a_service_of_this_machine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain http, with credentials: the proxy is another machine. Others' services are asked through it."""
    at_proxy: list[dict[str, str]] = []
    here: list[dict[str, str]] = []
    with serving(asked_with(at_proxy)) as proxy, serving(asked_with(here)) as address:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.replace("dicomweb+http", "http").removesuffix("/rs"))
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        assert why_unreachable(address) is None
        assert why_unreachable(address.replace("127.0.0.1", "localhost")) is None
        assert (len(here), len(at_proxy)) == (2, 0)
        assert why_unreachable("dicomweb+http://pacs.invalid/rs") is None
    assert (len(here), [each["Host"] for each in at_proxy]) == (2, ["pacs.invalid"])


def test_the_first_search_is_tried_again_where_it_may_pass() -> None:
    answers = [sends(b"", "text/plain", 503), sends(b"[]", "application/dicom+json")]
    with serving(lambda request: answers.pop(0)(request)) as address:
        assert why_unreachable(address) is None
    assert answers == []


def test_a_wrong_password_is_sent_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """More would lock the account. A token out of a file may have been renewed since."""
    asked = 0

    def refuses(request: BaseHTTPRequestHandler) -> None:
        nonlocal asked
        asked += 1
        sends(b"", "text/plain", 401)(request)

    monkeypatch.setattr(read_object.retry, "sleep", lambda _: None)
    with serving(refuses) as address:
        monkeypatch.setenv("ECHOPRIME_DICOMWEB_USER", "reader")
        for expected in (1, ATTEMPTS):
            asked = 0
            with pytest.raises(ReadError, match=r"refuses the credentials \(401\)"):
                read_object(Location.parse_archive(address), "1.2/3.4/5.6", size=0, token="")
            assert asked == expected
            (tmp_path / "token").write_text("expired")
            monkeypatch.setenv("ECHOPRIME_DICOMWEB_TOKEN_FILE", str(tmp_path / "token"))


def test_a_bare_object_whose_end_nothing_tells_is_not_taken() -> None:
    with serving(sends(b"x" * 1000, "application/dicom")) as address:
        with pytest.raises(ReadError, match="neither its length nor its end") as error:
            fetch_instance(address, "1.2/3.4/5.6", "")
        assert error.value.reason is Reason.READ_ERROR
    with serving(sends(b"x" * 1000, "application/dicom", **{"Content-Length": "1000"})) as address:
        assert fetch_instance(address, "1.2/3.4/5.6", "") == b"x" * 1000
