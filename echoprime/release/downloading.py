"""One file over HTTP: gone on with after a broken connection, never put together of two versions of it.

While it comes it is `.NAME.part`, and `.NAME.part.json` says of which version it is a part: by the hash of
the address, the ETag or date of the server (RFC 9110, 13.1.5: If-Range) and the size of the whole file. A
server that gives neither, or knows no ranges, is asked for all of it again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import tenacity

from echoprime.errors import BundleError
from echoprime.release.answers import (
    NotThereError,
    goes_on_at,
    length_of,
    require_no_page,
    require_told_end,
    validator_of,
)
from echoprime.release.steps import Told, untold
from echoprime.storage import canonical_hash
from echoprime.storage.local_files import write_whole

Result = TypeVar("Result")

TIMEOUT = (10.0, 60.0)
"""Seconds for a connection, and for the next bytes."""

FRUITLESS = 6
"""Tries in a row that bring no byte, after which it is given up."""

WAIT = tenacity.wait_random_exponential(multiplier=0.5, max=30)
"""Between tries, with jitter."""

PIECE = 1 << 16
"""Bytes taken at a time: what a connection that breaks loses at most."""

MOST = 64 << 30
"""Bytes of one file: a server that sends without an end does not fill the disk."""

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class _PassingError(Exception):
    """What another try may mend; its text says what it was."""


class Download:
    """One file that is brought from an address.

    Parameters
    ----------
    session
        Connections; credentials are those of ~/.netrc, proxies and authorities those of the environment.
    url
        http or https.
    target
        Where it shall lie; it appears there whole or not at all.
    size
        Bytes that it must have, as recorded; None = not known.
    told
        Hears of the bytes.
    """

    def __init__(
        self,
        session: requests.Session,
        url: str,
        target: Path,
        *,
        size: int | None = None,
        told: Told = untold,
    ) -> None:
        self._session, self._url, self._target = session, url, target
        self._source = canonical_hash(url)  # an address may hold a password, which must not lie on the disk
        self._size, self._told = size, told
        self._part = target.with_name(f".{target.name}.part")
        self._state = target.with_name(f".{target.name}.part.json")

    @property
    def name(self) -> str:
        """What messages call it."""
        return self._target.name

    def brought(self) -> int:
        """Bytes that are there already, of whatever version."""
        return self._part.stat().st_size if self._part.exists() else 0

    def length(self) -> int | None:
        """Bytes of the whole file, as the server says; None where it says nothing.

        Raises
        ------
        BundleError
            The server cannot be asked, or has no such file.
        """

        def asked() -> int | None:
            with self._answer({}) as answer:
                return length_of(answer)

        return self._persistently(asked)

    def run(self) -> None:
        """Bring it.

        Raises
        ------
        BundleError
            It cannot be had, or is of another size than was recorded.
        """
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._persistently(self._go_on)
        with self._part.open("rb") as file:
            os.fsync(file.fileno())
        self._part.replace(self._target)
        self._state.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove what an unfinished download left."""
        self._part.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)

    def _persistently(self, action: Callable[[], Result]) -> Result:
        fruitless = 0

        def tried() -> Result:
            nonlocal fruitless
            before = self.brought()
            try:
                return action()
            except _PassingError:
                fruitless = 0 if self.brought() > before else fruitless + 1
                raise

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_PassingError),
            wait=WAIT,
            stop=lambda _: fruitless >= FRUITLESS,
            reraise=True,
        )
        try:
            return retrying(tried)
        except _PassingError as error:
            raise BundleError(
                f"{self.name}: {error}, {FRUITLESS} times in a row; check the network and run the same "
                "command again: it goes on where it stopped"
            ) from None

    def _go_on(self) -> None:
        known = self._known()
        have = self.brought() if known else 0
        if known and have == known["total"]:
            return
        headers = {"Range": f"bytes={have}-", "If-Range": known["validator"]} if have else {}
        with self._answer(headers) as answer:
            total: int | None
            if answer.status_code == 206:
                total = known["total"]
                if not goes_on_at(answer, have, known["total"], known["validator"]):
                    self.forget()
                    raise _PassingError("the file changed while it was being brought")
            else:
                have, total = 0, length_of(answer)
                require_told_end(answer, self.name)
                self._begin(answer, total)
            self._require_size(total)
            self._take(answer, have, total)

    def _answer(self, headers: dict[str, str]) -> requests.Response:
        """The server's answer, its body not read yet; 200 or 206."""
        safe = self._url.lower().startswith("https:")
        try:
            # the bytes as they are: a packed answer has another length, and no part of it can be asked for
            answer = self._session.get(
                self._url,
                headers={"Accept-Encoding": "identity", **headers},
                stream=True,
                timeout=TIMEOUT,
                hooks={"response": self._require_https} if safe else {},
            )
        except requests.exceptions.SSLError:
            raise BundleError(
                f"{self.name}: the server's certificate is not trusted; REQUESTS_CA_BUNDLE names an own "
                "authority"
            ) from None
        except (requests.ConnectionError, requests.Timeout) as error:
            raise _PassingError(f"the server does not answer ({type(error).__name__})") from None
        except (requests.RequestException, ValueError) as error:
            raise BundleError(
                f"{self.name}: cannot be asked for ({type(error).__name__}); check --mirror"
            ) from None
        status = answer.status_code
        if status == 200 or (status == 206 and headers):
            return answer
        answer.close()
        if status == 416:
            self.forget()
        if status == 416 or status in _PASSING:
            raise _PassingError(f"the server answers {status}")
        raise NotThereError(self.name, status)

    def _require_https(self, answer: requests.Response, **_: object) -> None:
        """Called for every answer of a chain, before the address is asked that a redirect names."""
        led = urljoin(answer.url, self._session.get_redirect_target(answer) or "")
        if {urlsplit(url).scheme for url in (answer.url, led)} != {"https"}:
            answer.close()
            raise BundleError(f"{self.name}: the server leads from https to http; name another mirror")

    def _known(self) -> dict[str, Any]:
        """Of which version the part is; {} where there is none that can be gone on with."""
        try:
            known: dict[str, Any] = json.loads(self._state.read_bytes())
            good = known["source"] == self._source and known["validator"] and self._part.is_file()
            return known if good and self.brought() <= known["total"] else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _begin(self, answer: requests.Response, total: int | None) -> None:
        self.forget()
        write_whole(
            self._state,
            json.dumps({"source": self._source, "validator": validator_of(answer), "total": total}).encode(),
        )
        self._part.write_bytes(b"")

    def _require_size(self, total: int | None) -> None:
        if total is not None and self._size is not None and total != self._size:
            raise BundleError(
                f"{self.name}: the server has {total:,} bytes, {self._size:,} were recorded when it was "
                "first seen: it is another file; remove fetched.json if that is meant"
            )
        if total is not None and total > MOST:
            raise BundleError(f"{self.name}: the server announces {total:,} bytes; check --mirror")

    def _take(self, answer: requests.Response, have: int, total: int | None) -> None:
        first = have == 0
        try:
            with self._part.open("ab") as file:
                for piece in answer.iter_content(PIECE):
                    if first:
                        require_no_page(piece, self.name)
                        first = False
                    file.write(piece)
                    have += len(piece)
                    if have > (MOST if total is None else total):
                        raise BundleError(
                            f"{self.name}: the server sends more than it announced; check --mirror"
                        )
                    self._told(self.name, have, total or 0)
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
            requests.exceptions.ContentDecodingError,
        ) as error:
            raise _PassingError(f"the connection broke ({type(error).__name__})") from None
        total = self._size if total is None else total
        if total is not None and have < total:
            raise _PassingError(f"the connection broke after {have:,} of {total:,} bytes")
