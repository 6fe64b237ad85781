"""How a DICOMweb service is named as an archive: its scheme says whether the connection is encrypted.

`dicomweb://pacs.example.org/dicom-web` is read by https, `dicomweb+http://localhost:8042/dicom-web` by plain
http; nothing falls back to that by itself.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from echoprime.errors import SettingError

SCHEMES = {"dicomweb": "https", "dicomweb+http": "http"}
"""Schemes of an archive, and those of the requests."""

TOKEN, TOKEN_FILE = "ECHOPRIME_DICOMWEB_TOKEN", "ECHOPRIME_DICOMWEB_TOKEN_FILE"
USER, PASSWORD = "ECHOPRIME_DICOMWEB_USER", "ECHOPRIME_DICOMWEB_PASSWORD"
CREDENTIALS = (TOKEN, TOKEN_FILE, USER, PASSWORD)
"""Variables of the environment; see `echoprime.storage.dicomweb_service`."""

UID = re.compile(r"[0-9]+(\.[0-9]+)*")
"""A UID as servers take it; some archives' have zeros in front, which the standard forbids."""

_FORM = "dicomweb://host[:port]/path"


def is_dicomweb(uri: str) -> bool:
    """Whether a location is a DICOMweb service.

    Examples
    --------
    >>> is_dicomweb("dicomweb://pacs/rs"), is_dicomweb("DICOMweb+http://pacs"), is_dicomweb("s3://dicomweb")
    (True, True, False)
    """
    return uri.partition("://")[0].lower() in SCHEMES and "://" in uri


def normalised(given: str) -> str:
    """One spelling of an address: scheme and host in lower case, no closing "/".

    Raises
    ------
    SettingError
        No host, a port that is none, or more than host, port and path. A password is never repeated.

    Examples
    --------
    >>> normalised("DICOMweb://PACS.Example.org:8443/Dicom-Web/")
    'dicomweb://pacs.example.org:8443/Dicom-Web'
    >>> normalised("dicomweb://reader:secret@pacs/rs")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    echoprime.errors.SettingError: an archive's address names a user or a password, which would be ...
    """
    parts, port = _split(given)
    if "@" in parts.netloc:
        raise SettingError(
            "an archive's address names a user or a password, which would be written into tables; set "
            "ECHOPRIME_DICOMWEB_USER and ECHOPRIME_DICOMWEB_PASSWORD, or ECHOPRIME_DICOMWEB_TOKEN"
        )
    if not parts.hostname or parts.query or parts.fragment:
        raise SettingError(f"{given.partition('?')[0]!r} is no DICOMweb address; give {_FORM}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def service_url(uri: str) -> str:
    """Where the requests go.

    Examples
    --------
    >>> service_url("dicomweb://pacs:8443/rs"), service_url("dicomweb+http://localhost:8042")
    ('https://pacs:8443/rs', 'http://localhost:8042')
    """
    scheme, _, rest = uri.partition("://")
    return f"{SCHEMES[scheme]}://{rest}"


def in_the_clear(uri: str) -> bool:
    """Whether patients' data and credentials leave this machine without encryption.

    Examples
    --------
    >>> in_the_clear("dicomweb+http://pacs:8042"), in_the_clear("dicomweb+http://localhost:8042")
    (True, False)
    """
    parts, _ = _split(uri)
    host = parts.hostname or ""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    return SCHEMES[parts.scheme] == "http" and not loopback


def _split(text: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(text)
        return parts, parts.port
    except ValueError:  # not its text: it may hold a password
        raise SettingError(f"an archive's address has no readable host and port; give {_FORM}") from None
