"""One DICOMweb client a process and service: credentials, connections, and plain words for what fails.

Read from the environment: `ECHOPRIME_DICOMWEB_TOKEN` (bearer), or `ECHOPRIME_DICOMWEB_TOKEN_FILE` (read again
for each request: such tokens expire), or `ECHOPRIME_DICOMWEB_USER` and `ECHOPRIME_DICOMWEB_PASSWORD`; without
them ~/.netrc. `REQUESTS_CA_BUNDLE` names an own CA; `HTTPS_PROXY` and `NO_PROXY` are followed.

This module imports dicomweb-client; it is imported where a service is asked, not before.
"""

from __future__ import annotations

import io
import logging
import os
import threading
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import requests
import requests.adapters
import tenacity
from dicomweb_client.web import DICOMwebClient
from requests.auth import AuthBase, HTTPBasicAuth

from echoprime.errors import DeniedError, ReadError, Reason, UnreadableVideo
from echoprime.storage.dicomweb_address import (
    CREDENTIALS,
    PASSWORD,
    TOKEN,
    TOKEN_FILE,
    USER,
    in_the_clear,
    service_url,
)
from echoprime.storage.dicomweb_multipart import only_part

CONNECTIONS = 16
"""Sockets per process and service: more than one reading process keeps busy."""

TIMEOUT = (10.0, 60.0)
"""Seconds for a connection, and for the next bytes of an answer: a study may come from tape first."""

MOST_ANSWER = 256 << 20
"""Bytes of one answer of a search: a server that ignores `limit` may list 200,000 studies in one."""

PIECE = 1 << 20
"""Bytes of a body that are taken at a time."""

NO_SERVICE = "the answer is not a DICOMweb server's"

_STORED = {
    "Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*',
    # loops are compressed already, and a size that is told is one that can be refused
    "Accept-Encoding": "identity",
}
_ENVELOPE = 64 * 1024
"""Bytes of an answer beside its object."""

_clients: dict[tuple[object, ...], InstanceClient] = {}
_lock = threading.Lock()


class Body:
    """An answer's bytes as they arrive, and no more than a limit of them.

    Parameters
    ----------
    raw
        urllib3's response.
    most
        Bytes, after decompression.
    """

    def __init__(self, raw: Any, most: int) -> None:  # noqa: ANN401  # urllib3's response
        self._raw, self._most, self._count = raw, most, 0

    def stream(self, amount: int, decode_content: bool = True) -> Iterator[bytes]:
        """As urllib3's; requests reads bodies by it.

        Raises
        ------
        UnreadableVideo
            TOO_LARGE: more than the limit.
        """
        for piece in self._raw.stream(amount, decode_content=decode_content):
            self._count += len(piece)
            if self._count > self._most:
                raise UnreadableVideo(Reason.TOO_LARGE, f"more bytes than the limit of {self._most:,}")
            yield piece

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever urllib3's response has
        return getattr(self._raw, name)


class InstanceClient(DICOMwebClient):
    """dicomweb-client, and an instance's bytes as they are stored: its own way hands on parsed ones only.

    Parameters
    ----------
    url
        The service's, see `service_url`.
    session
        With the credentials.
    """

    def __init__(self, url: str, session: requests.Session) -> None:
        super().__init__(url, session, chunk_size=PIECE, timeout=TIMEOUT)
        # the retries are ours, see `echoprime.storage.objects`
        self.set_http_retry_params(retry=False)
        self._url, self._requests = url, session

    def retrieve_stored(self, study: str, series: str, instance: str, most: int) -> bytes:
        """Retrieve an instance in the transfer syntax that it is stored in (PS3.18, 10.4).

        Parameters
        ----------
        study, series, instance
            UIDs.
        most
            Bytes that may arrive.

        Raises
        ------
        UnreadableVideo
            TOO_LARGE.
        ReadError
            SHORT_READ: the message has no end. READ_ERROR: it is none of the standard's, or not of one.
        requests.RequestException
            The server refuses, or the connection ends; see `in_words`.
        """
        url = f"{self._url}/studies/{study}/series/{series}/instances/{instance}"
        with self._requests.get(url, headers=_STORED, stream=True, timeout=TIMEOUT) as response:
            response.raise_for_status()
            told = response.headers.get("Content-Length", "")
            if told.isdigit() and int(told) > most + _ENVELOPE:
                raise UnreadableVideo(Reason.TOO_LARGE, f"{int(told):,} bytes, the limit is {most:,}")
            response.raw = Body(response.raw, most + _ENVELOPE)
            kind = Message()
            kind["Content-Type"] = response.headers.get("Content-Type", "")
            boundary = kind.get_boundary()
            if kind.get_content_type() == "multipart/related" and boundary:
                return only_part(response.iter_content(PIECE), boundary)
            if kind.get_content_type() != "application/dicom":
                raise ReadError(Reason.READ_ERROR, NO_SERVICE)
            # some servers send the object bare; where nothing says its end, it may be a cut connection's
            if not told and "chunked" not in response.headers.get("Transfer-Encoding", "").lower():
                raise ReadError(Reason.READ_ERROR, "the answer tells neither its length nor its end")
            body = io.BytesIO()
            for piece in response.iter_content(PIECE):
                body.write(piece)
            return body.getvalue()


class _Session(requests.Session):
    """requests' session, with two habits mended.

    dicomweb-client names the host without its port, which is another host. And what is for this machine goes
    to no proxy: it is not encrypted, and `HTTP_PROXY` would take it and the credentials elsewhere.
    """

    def __init__(self, *, stays_here: bool) -> None:
        super().__init__()
        self._stays_here = stays_here

    def merge_environment_settings(self, url: Any, proxies: Any, *others: Any) -> Any:  # noqa: ANN401  # as requests'
        direct = {"no_proxy": "*"} if self._stays_here else {}
        return super().merge_environment_settings(url, {**(proxies or {}), **direct}, *others)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        request.headers = {name: value for name, value in request.headers.items() if name != "Host"}
        return super().prepare_request(request)


class _Bearer(AuthBase):
    """A bearer token (RFC 6750), from the environment or a file that another program renews."""

    def __init__(self, token: str | None, file: str | None) -> None:
        self._token, self._file = token, file

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        token = self._token
        if token is None and self._file is not None:
            try:
                token = Path(self._file).read_text().strip()
            except OSError as error:
                raise _NoToken(error.strerror) from None
        request.headers["Authorization"] = f"Bearer {token}"
        return request


class _NoToken(requests.RequestException):
    """The file with the token cannot be read."""


def client(uri: str) -> InstanceClient:
    """The process's client of a service: made once, safe in threads, made anew after a spawn."""
    secrets = tuple(os.environ.get(name) for name in CREDENTIALS)
    key = (os.getpid(), uri, *secrets)
    with _lock:
        found = _clients.get(key)
        if found is None:
            # it logs UIDs
            logging.getLogger("dicomweb_client").setLevel(logging.ERROR)
            found = _clients[key] = InstanceClient(service_url(uri), _session(uri))
        return found


def _session(uri: str) -> requests.Session:
    plain = not service_url(uri).startswith("https://")
    session = _Session(stays_here=plain and not in_the_clear(uri))
    adapter = requests.adapters.HTTPAdapter(pool_connections=2, pool_maxsize=CONNECTIONS)
    session.mount("https://", adapter)
    if plain:
        session.mount("http://", adapter)
    else:
        # a redirection must not take patients' data, or a token, out of the encryption
        del session.adapters["http://"]
    token, file, user = (os.environ.get(name) for name in (TOKEN, TOKEN_FILE, USER))
    if token or file:
        session.auth = _Bearer(token or None, file)
    elif user:
        session.auth = HTTPBasicAuth(user.encode(), os.environ.get(PASSWORD, "").encode())
    session.hooks["response"].append(_bounded)
    return session


def _bounded(response: requests.Response, **how: Any) -> None:  # noqa: ANN401  # of requests' hooks
    """Called before an answer's body is read: a search's takes no more memory than `MOST_ANSWER`."""
    if not how.get("stream"):
        response.raw = Body(response.raw, MOST_ANSWER)


def in_words(error: Exception) -> ReadError:
    """What a request failed for. Codes and types only: servers' messages and URLs name studies."""
    if isinstance(error, ReadError):
        return error
    if isinstance(error, UnreadableVideo):
        return ReadError(Reason.READ_ERROR, f"the server's answer has {error.message}")
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _refusal(error.response.status_code)
    if isinstance(error, _NoToken):
        return ReadError(Reason.READ_ERROR, f"the file of {TOKEN_FILE} cannot be read; correct its path")
    if isinstance(error, requests.exceptions.SSLError):
        message = "the server's certificate is not trusted; name its CA by REQUESTS_CA_BUNDLE"
        return ReadError(Reason.READ_ERROR, message)
    if isinstance(error, requests.exceptions.InvalidSchema):
        return ReadError(Reason.READ_ERROR, "the server redirects from https to http, which is not followed")
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return ReadError(Reason.SHORT_READ, f"the body ended early ({type(error).__name__})")
    if isinstance(error, requests.Timeout):
        return ReadError(Reason.READ_ERROR, "the server does not answer in time")
    if isinstance(error, requests.ConnectionError):
        return ReadError(Reason.READ_ERROR, "the server cannot be reached, or reset the connection")
    return ReadError(Reason.READ_ERROR, f"{NO_SERVICE} ({type(error).__name__})")


def _refusal(status: int) -> ReadError:
    if status in {404, 410}:
        return ReadError(Reason.MISSING, "no longer there; make the manifest again")
    if status in {429, 503}:
        return ReadError(Reason.THROTTLED, "the server kept asking to slow down; use fewer readers")
    if status in {401, 403}:
        message = f"the server refuses the credentials ({status}); set {USER} and {PASSWORD}, or {TOKEN}"
        # a token that expired may be renewed in its file; a password that is wrong locks accounts
        renewed = status == 401 and bool(os.environ.get(TOKEN_FILE)) and not os.environ.get(TOKEN)
        return (ReadError if renewed else DeniedError)(Reason.READ_ERROR, message)
    if status == 406:
        message = "the server does not send objects in the transfer syntax that they are stored in (406)"
        return ReadError(Reason.READ_ERROR, message)
    return ReadError(Reason.READ_ERROR, f"the server answers {status}")


def why_unreachable(uri: str) -> str | None:
    """Search for one study; None, or what is wrong and what cures it."""
    try:
        _first_search(uri)
    except ReadError as error:
        if error.reason is Reason.MISSING:
            return "no DICOMweb service is there (404); give the address that /studies is below"
        return error.message
    return None


@tenacity.retry(
    retry=tenacity.retry_if_exception(lambda error: isinstance(error, ReadError) and not error.lasts),
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=1),
    stop=tenacity.stop_after_attempt(4) | tenacity.stop_after_delay(5),
    reraise=True,
)
def _first_search(uri: str) -> None:
    """Tried again for seconds: a job must not end before it begins because one request was slowed down."""
    try:
        client(uri).search_for_studies(limit=1)
    except Exception as error:  # requests and its layers have dozens of types for this
        raise in_words(error) from None
