"""One instance out of a DICOMweb service, whole, and only if it is the one that was listed.

A search tells no sizes and no versions. What it must tell of an instance (PS3.18, 10.6.3.3) stands for them:
its class, frames, rows and columns. They are the token, and are compared with the header that arrives. So are
the UIDs: an object whose pixels were changed gets a new one, says DICOM.
"""

from __future__ import annotations

import io
from typing import Any

from echoprime.errors import ReadError, Reason, UnreadableVideo
from echoprime.storage import dicomweb_service
from echoprime.storage.dicomweb_address import UID

MOST = 1 << 30
"""Bytes of an instance where nobody says another limit."""

HEADER_BYTES = 64 * 1024
"""Looked at for what is compared; a header that is longer, or damaged, is left to the reader of videos."""

_PATH = (0x0020000D, 0x0020000E, 0x00080018)  # Study, Series, SOP Instance UID
SHAPE = (0x00080016, 0x00280008, 0x00280010, 0x00280011)
"""Tags of what a token says: SOPClassUID, NumberOfFrames, Rows, Columns."""
_NAMES = ("SOPClassUID", "NumberOfFrames", "Rows", "Columns")


def token_of(values: dict[int, str]) -> str:
    """The token of an instance.

    Parameters
    ----------
    values
        By tag, what the server tells; what it does not tell is left out.

    Examples
    --------
    >>> token_of({0x00080016: "1.2.840.10008.5.1.4.1.1.3.1", 0x00280008: "40", 0x00280010: "600"})
    '1.2.840.10008.5.1.4.1.1.3.1/40/600/'
    """
    return "/".join(values.get(tag, "") for tag in SHAPE)


def fetch_instance(uri: str, path: str, token: str, most: int = MOST) -> bytes:
    """All bytes of an instance, in the transfer syntax that it is stored in.

    Parameters
    ----------
    uri
        The service's address.
    path
        Study, series and SOP Instance UID with "/" between them.
    token
        See `token_of`; "" is not compared.
    most
        More bytes are given up while they arrive.

    Raises
    ------
    ReadError
        MISSING, CHANGED, SHORT_READ, THROTTLED, READ_ERROR.
    UnreadableVideo
        TOO_LARGE.
    """
    uids = path.split("/")
    if len(uids) != 3 or not all(UID.fullmatch(uid) for uid in uids):
        raise ReadError(Reason.MISSING, "the path is not of this archive; make the manifest again")
    try:
        data = dicomweb_service.client(uri).retrieve_stored(uids[0], uids[1], uids[2], most)
    except (MemoryError, UnreadableVideo):
        raise
    except Exception as error:  # requests and its layers have dozens of types for this
        raise dicomweb_service.in_words(error) from None
    if len(data) > most:
        raise UnreadableVideo(Reason.TOO_LARGE, f"{len(data):,} bytes, the limit is {most:,}")
    _require_same(data, uids, token)
    return data


def _require_same(data: bytes, uids: list[str], token: str) -> None:
    found = _header(data[:HEADER_BYTES])
    for tag, uid in zip(_PATH, uids, strict=True):
        if found.get(tag, uid) != uid:
            raise ReadError(Reason.CHANGED, "the server sent another object than was asked for")
    for name, tag, listed in zip(_NAMES, SHAPE, token.split("/") if token else (), strict=False):
        if listed and found.get(tag, listed) != listed:
            message = f"{name} is not what it was when it was listed; make the manifest again"
            raise ReadError(Reason.CHANGED, message)


def _header(data: bytes) -> dict[int, str]:
    """What is compared, as far as the first bytes have it whole."""
    from pydicom.filereader import read_partial

    def stop(tag: Any, vr: str | None, length: int) -> bool:  # noqa: ANN401  # pydicom's tag
        return int(tag) > max(SHAPE)

    wanted = [*_PATH, *SHAPE]
    try:
        found = read_partial(io.BytesIO(data), stop_when=stop, force=True, specific_tags=wanted)
        return {tag: str(found[tag].value).strip("\0 ") for tag in wanted if tag in found}
    except Exception:  # pydicom raises many types for damaged or cut-off bytes
        return {}
