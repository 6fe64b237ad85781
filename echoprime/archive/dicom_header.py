"""Which study a DICOM object belongs to, from its first kilobytes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from echoprime.storage import Location, read_beginning, read_range
from echoprime.storage.packed_path import split_member

FIRST_BYTES = 64 * 1024
"""Read at first: the study's UID lies in the first few kilobytes, unless private data stand before it."""

MOST_BYTES = 16 * 1024 * 1024
"""Not looked for beyond this."""

_STUDY_DATE, _STUDY_TIME, _OFFSET = 0x00080020, 0x00080030, 0x00080201
_PATIENT_ID, _STUDY_UID = 0x00100020, 0x0020000D


@dataclass(frozen=True, slots=True)
class Header:
    """What the manifest takes from a DICOM object; None = not there."""

    study_id: str | None = None
    patient_id: str | None = None
    acquired_at: datetime | None = None


def read_header(root: Location, path: str, size: int, token: str = "") -> Header:  # nosec B107  # of a content, no password
    """Read an object's header, by ranges that grow as needed.

    Parameters
    ----------
    root
        The archive.
    path
        Object below it.
    size
        Its bytes.
    token
        Its token; needed for a member of a zip or tar file.

    Returns
    -------
    Header
        Empty for what is not DICOM.

    Raises
    ------
    OSError, VideoError
        The bytes cannot be read.
    """
    if split_member(path) is not None:
        # from its beginning each time: packed bytes can be read no other way
        return _grow(
            lambda begin, end: read_beginning(root, path, size=size, token=token, count=end)[begin:], size
        )
    if root.is_local:
        with (root.local_path / path).open("rb") as file:

            def read(begin: int, end: int) -> bytes:
                file.seek(begin)
                return file.read(end - begin)

            return _grow(read, size)
    return _grow(lambda begin, end: read_range(root, path, begin, end, token), size)


def _grow(read: Callable[[int, int], bytes], size: int) -> Header:
    data = b""
    wanted = FIRST_BYTES
    while len(data) < size:
        data += read(len(data), min(wanted, size))
        if not _may_be_dicom(data):
            return Header()
        whole = len(data) >= min(size, MOST_BYTES)
        header = parse_header(data, whole=whole)
        if header is not None:
            return header
        if whole:
            return Header()
        wanted = min(len(data) * 8, MOST_BYTES)
    return Header()


def _may_be_dicom(data: bytes) -> bool:
    """The mark after the preamble, or, without one, a first element of group 2 or 8."""
    return data[128:132] == b"DICM" or data[:2] in (b"\x02\x00", b"\x08\x00")


def parse_header(data: bytes, *, whole: bool) -> Header | None:
    """Parse the first bytes of a DICOM object.

    Parameters
    ----------
    data
        From its beginning.
    whole
        Whether more bytes could not help.

    Returns
    -------
    Header or None
        None if the bytes end before the study's UID was passed.
    """
    from pydicom.filereader import read_partial

    passed = False

    def stop(tag: Any, vr: str | None, length: int) -> bool:  # noqa: ANN401  # pydicom's tag
        nonlocal passed
        passed = int(tag) > _STUDY_UID
        return passed

    wanted = [_STUDY_DATE, _STUDY_TIME, _OFFSET, _PATIENT_ID, _STUDY_UID]
    try:
        found = read_partial(io.BytesIO(data), stop_when=stop, force=True, specific_tags=wanted)
        if not passed and not whole:
            return None
        values = {tag: str(found[tag].value or "").strip("\0 ") for tag in wanted if tag in found}
    except Exception:  # pydicom raises many types for damaged or cut-off bytes
        return Header() if whole else None
    return Header(
        study_id=values.get(_STUDY_UID) or None,
        patient_id=values.get(_PATIENT_ID) or None,
        acquired_at=acquired(
            values.get(_STUDY_DATE, ""), values.get(_STUDY_TIME, ""), values.get(_OFFSET, "")
        ),
    )


def acquired(date: str, time: str, offset: str = "") -> datetime | None:
    """Read StudyDate and StudyTime.

    Parameters
    ----------
    date
        YYYYMMDD; anything else gives None.
    time
        HHMMSS.FFFFFF or less of it; what cannot be read counts as midnight.
    offset
        TimezoneOffsetFromUTC, &ZZXX; without it the time is taken for UTC.

    Examples
    --------
    >>> acquired("20240229", "1315", "+0130")
    datetime.datetime(2024, 2, 29, 11, 45, tzinfo=datetime.timezone.utc)
    >>> acquired("20240230", ""), acquired("00010101", "", "+0100")
    (None, None)
    """
    try:
        day = datetime.strptime(date.replace(".", ""), "%Y%m%d")
    except ValueError:
        return None
    digits = time.replace(":", "").partition(".")
    clock = digits[0][:6].ljust(6, "0")
    try:
        moment = datetime.strptime(clock, "%H%M%S")
        fraction = int(digits[2][:6].ljust(6, "0"))
        day = day.replace(hour=moment.hour, minute=moment.minute, second=moment.second, microsecond=fraction)
    except ValueError:
        pass
    try:
        return day.replace(tzinfo=_zone(offset)).astimezone(UTC)
    except OverflowError:  # the first or last day that there is, which stands for no date
        return None


def _zone(offset: str) -> timezone:
    if re.fullmatch(r"[+-][0-9]{4}", offset) is None:
        return UTC
    shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5]))
    return timezone(-shift if offset[0] == "-" else shift) if shift < timedelta(hours=24) else UTC
