"""One DICOMweb client a process and service: credentials, connections, and plain words for what fails.

Read from the environment: `ECHOPRIME_DICOMWEB_TOKEN` (bearer), or `ECHOPRIME_DICOMWEB_TOKEN_FILE` (read again
for each request: such tokens expire), or `ECHOPRIME_DICOMWEB_USER` and `ECHOPRIME_DICOMWEB_PASSWORD`; without
them ~/.netrc. `REQUESTS_CA_BUNDLE` names an own CA; `HTTPS_PROXY` and `NO_PROXY` are followed.

This module imports dicomweb-client; it is imported where a service is asked, not before.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import requests
import requests.adapters
from dicomweb_client.web import DICOMwebClient
from requests.auth import AuthBase, HTTPBasicAuth

from echoprime.errors import DeniedError, ReadError, Reason, UnreadableVideo
from echoprime.storage.dicomweb_address import (
    CREDENTIALS,
    PASSWORD,
    TOKEN,
    TOKEN_FILE,
    USER,
    service_url,
)

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

_TAIL = 512

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

    Attributes
    ----------
    tail
        The last bytes that came; a multipart message that was cut off lacks its end there.
    """

    def __init__(self, raw: Any, most: int) -> None:  # noqa: ANN401  # urllib3's response
        self._raw, self._most, self._count = raw, most, 0
        self.tail = b""

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
            self.tail = (self.tail + piece[-_TAIL:])[-_TAIL:]
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

    def retrieve_stored(self, study: str, series: str, instance: str, most: int) -> list[bytes]:
        """Retrieve an instance in the transfer syntax that it is stored in (PS3.18, 10.4).

        Parameters
        ----------
        study, series, instance
            UIDs.
        most
            Bytes that may arrive.

        Returns
        -------
        list of bytes
            The parts of the answer: one, from a server that keeps to the standard.

        Raises
        ------
        UnreadableVideo
            TOO_LARGE.
        ReadError
            SHORT_READ: the message has no end. READ_ERROR: it is none of the standard's.
        requests.RequestException
            The server refuses, or the connection ends; see `in_words`.
        """
        url = f"{self._url}/studies/{study}/series/{series}/instances/{instance}"
        with self._requests.get(url, headers=_STORED, stream=True, timeout=TIMEOUT) as response:
            response.raise_for_status()
            told = response.headers.get("Content-Length", "")
            if told.isdigit() and int(told) > most + _ENVELOPE:
                raise UnreadableVideo(Reason.TOO_LARGE, f"{int(told):,} bytes, the limit is {most:,}")
            body = response.raw = Body(response.raw, most + _ENVELOPE)
            kind = Message()
            kind["Content-Type"] = response.headers.get("Content-Type", "")
            if kind.get_content_type() == "application/dicom":
                # some servers send the object bare
                return [b"".join(response.iter_content(PIECE))]
            if kind.get_content_type() != "multipart/related":
                raise ReadError(Reason.READ_ERROR, NO_SERVICE)
            parts = []
            with contextlib.suppress(ValueError):  # a part without a header's end: cut off, as is looked at
                parts = [bytes(part) for part in self._decode_multipart_message(response, stream=True)]
            # the client takes what came before the end for a part
            if f"--{kind.get_boundary()}--".encode() not in body.tail:
                raise ReadError(Reason.SHORT_READ, "the answer ends before its last boundary")
            return parts


class _Session(requests.Session):
    """requests' session; dicomweb-client names the host without its port, which is another host."""

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
    session = _Session()
    adapter = requests.adapters.HTTPAdapter(pool_connections=2, pool_maxsize=CONNECTIONS)
    session.mount("https://", adapter)
    if service_url(uri).startswith("https://"):
        # a redirection must not take patients' data, or a token, out of the encryption
        del session.adapters["http://"]
    else:
        session.mount("http://", adapter)
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
        return (DeniedError if status == 403 else ReadError)(Reason.READ_ERROR, message)
    if status == 406:
        message = "the server does not send objects in the transfer syntax that they are stored in (406)"
        return ReadError(Reason.READ_ERROR, message)
    return ReadError(Reason.READ_ERROR, f"the server answers {status}")


def why_unreachable(uri: str) -> str | None:
    """Search for one study, once; None, or what is wrong and what cures it."""
    try:
        client(uri).search_for_studies(limit=1)
    except Exception as error:  # requests and its layers have dozens of types for this
        found = in_words(error)
        if found.reason is Reason.MISSING:
            return "no DICOMweb service is there (404); give the address that /studies is below"
        return found.message
    return None
