"""Searches of a DICOMweb service, page by page, so that none of its results is lost without a word.

Only what a server must return is looked at (PS3.18, 10.6.3.3), so no attribute is asked for: some servers
refuse `includefield`. Servers differ in what they make of `limit` and `offset`: it is tried, not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

from echoprime.errors import ArchiveError, ReadError, Reason
from echoprime.storage import Location
from echoprime.storage.patience import patient

Found: TypeAlias = "dict[str, Any]"
"""One result: DICOM JSON (PS3.18, annex F)."""

PAGE = 200
"""Results that are asked for at once; a server may send fewer, or more."""

STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"
"""Tags of the UIDs."""


class DicomwebSearch:
    """Studies, series and instances of a service.

    Parameters
    ----------
    root
        The service.
    """

    def __init__(self, root: Location) -> None:
        from echoprime.storage.dicomweb_service import client

        self._root, self._client = root, client(root.uri)

    def studies(self, filters: Mapping[str, str]) -> Iterator[Found]:
        """Studies whose attributes match.

        Raises
        ------
        ArchiveError
            The service cannot be asked.
        NotPagedError
            It sends some of them only.
        """
        return self._pages(partial(self._client.search_for_studies, search_filters=dict(filters)), STUDY)

    def study(self, uid: str, filters: Mapping[str, str]) -> Found | None:
        """One study, if it is there and matches."""
        wanted = {"StudyInstanceUID": uid, **filters}
        found = self._ask(partial(self._client.search_for_studies, search_filters=wanted))
        # a server that does not know the key sends other studies too
        return next((each for each in found if text(each, STUDY) == uid), None)

    def series(self, study: str, told: int | None) -> Iterator[Found]:
        """Series of a study.

        Parameters
        ----------
        study
            Its UID.
        told
            How many there are, as the study says.

        Raises
        ------
        VanishedError
            There is no such study any more.
        ArchiveError, NotPagedError
            As `studies`.
        """
        return self._below(partial(self._client.search_for_series, study), SERIES, told)

    def instances(self, study: str, series: str, told: int | None) -> Iterator[Found]:
        """Instances of a series; `told` and errors as of `series`."""
        return self._below(partial(self._client.search_for_instances, study, series), INSTANCE, told)

    def _below(self, search: Callable[..., list[Found]], key: str, told: int | None) -> Iterator[Found]:
        try:
            yield from self._pages(search, key, told)
        except _MissingError:
            raise VanishedError from None

    def _pages(
        self, search: Callable[..., list[Found]], key: str, told: int | None = None
    ) -> Iterator[Found]:
        """Results, each once as far as two pages tell; no page is asked for after those that are told of."""
        before: set[str] = set()
        offset = 0
        while True:
            page = self._ask(search, limit=PAGE, **_from(offset))
            uids = {text(each, key) for each in page}
            if uids <= before:  # nothing, or what has come already
                if self._stuck(search, page, offset):
                    raise NotPagedError
                return
            yield from (each for each in page if text(each, key) not in before)
            offset += len(page)
            if told and offset >= told and len(page) < PAGE:
                return
            before = uids

    def _stuck(self, search: Callable[..., list[Found]], page: list[Found], offset: int) -> bool:
        """Whether there may be more results than came."""
        if page:  # it does not know `offset`; a page longer than asked for has all, it does not know `limit`
            return len(page) == PAGE
        # the second result must be there when it is asked for by its number
        return offset > 1 and not self._ask(search, limit=1, offset=1)

    def _ask(self, search: Callable[..., list[Found]], **how: int) -> list[Found]:
        """One request, tried again where it may pass."""
        try:
            return _ask_again(search, **how)
        except ReadError as error:
            if error.reason is Reason.MISSING:
                raise _MissingError(f"archive {self._root}: no DICOMweb service is there (404)") from None
            raise ArchiveError(
                f"archive {self._root}: cannot be listed: {error.message}; check the service and run again"
            ) from None


class NotPagedError(Exception):
    """A server sends some results, and never the others."""


class VanishedError(Exception):
    """A study or series was removed after it was listed."""


class _MissingError(ArchiveError):
    """The server says 404."""


@patient
def _ask_again(search: Callable[..., list[Found]], **how: int) -> list[Found]:
    from echoprime.storage.dicomweb_service import NO_SERVICE, in_words

    try:
        found: Any = search(**how)
    except Exception as error:  # requests and its layers have dozens of types for this
        raise in_words(error) from None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ReadError(Reason.READ_ERROR, NO_SERVICE)
    return found


def _from(offset: int) -> dict[str, int]:
    """Not asked for where it is 0: a server without pages may refuse it."""
    return {"offset": offset} if offset else {}


def values(found: Found, tag: str) -> list[str]:
    """All values of an element, as texts.

    Examples
    --------
    >>> values({"00080061": {"vr": "CS", "Value": ["US", "SR"]}}, "00080061")
    ['US', 'SR']
    """
    element = found.get(tag)
    given = element.get("Value") if isinstance(element, dict) else None
    return [str(value).strip("\0 ") for value in given] if isinstance(given, list) else []


def text(found: Found, tag: str) -> str:
    """The first value of an element; "" without one.

    Examples
    --------
    >>> text({"00280010": {"vr": "US", "Value": [600]}}, "00280010"), text({}, "00280010")
    ('600', '')
    """
    return next(iter(values(found, tag)), "")


def number(found: Found, tag: str) -> int | None:
    """An element's value as a count; None without one.

    Examples
    --------
    >>> number({"00201209": {"vr": "IS", "Value": ["12"]}}, "00201209"), number({}, "00201209")
    (12, None)
    """
    given = text(found, tag)
    return int(given) if given.isascii() and given.isdigit() else None
