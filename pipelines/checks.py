"""What can be known to fail before a job starts."""

from __future__ import annotations

import math
import os
import re
import secrets

from echoprime.errors import Reason, SettingError, TableError
from echoprime.storage import Location, free_bytes
from echoprime.tables import StudyTable
from pipelines.settings import EncodeSettings, RunAllSettings

LEAST_ROOM = 64 * 1024 * 1024
"""Room below which no job starts: the log, the run's record and its plan."""


def require_room(output: Location, needed: int) -> None:
    """Refuse an output without room for what the job writes.

    Parameters
    ----------
    output
        Folder or bucket; a bucket has no end.
    needed
        Bytes that the rows take at most.

    Raises
    ------
    SettingError
        Less is free than the job may need.
    """
    free = free_bytes(output)
    needed = max(needed, LEAST_ROOM)
    if free is not None and free < needed:
        raise SettingError(
            f"--output has {free / 1e9:.2f} GB free and this job may need {needed / 1e9:.2f} GB; "
            "make room, or give another --output"
        )


def require_apart(archive: Location, **places: Location) -> None:
    """Refuse a place that lies in the archive: it would be listed with it.

    Raises
    ------
    SettingError
        Naming the flag and the place.
    """
    for name, place in places.items():
        if f"{place}/".startswith(f"{archive}/"):
            raise SettingError(
                f"--{name.replace('_', '-')} {place} lies in the archive and would be listed with it; "
                "move it out"
            )


def require_positive(**settings: int | float | None) -> None:
    """Refuse a number that makes sense only above zero.

    Raises
    ------
    SettingError
        Naming the flag and its value.

    Examples
    --------
    >>> require_positive(limit=3, shards=None)
    """
    for name, value in settings.items():
        if value is not None and not 0 < value < math.inf:
            raise SettingError(f"--{name.replace('_', '-')} {value}: must be a number above 0")


def reasons_of(flag: str, value: str) -> tuple[Reason, ...]:
    """The reasons of a list separated by commas; an empty list has none.

    Raises
    ------
    SettingError
        Naming what is no reason, and those that are.

    Examples
    --------
    >>> [str(reason) for reason in reasons_of("--again", "too_large, decoder_timeout")]
    ['too_large', 'decoder_timeout']
    """
    words = [word.strip() for word in value.split(",") if word.strip()]
    for word in words:
        if word not in list(Reason):
            raise SettingError(f"{flag} {word}: no such reason; there are {', '.join(Reason)}")
    return tuple(map(Reason, words))


def require_precision(settings: EncodeSettings | RunAllSettings) -> None:
    """Refuse a precision that this machine lacks, where the job's networks will run here.

    Not a part of what `submit` checks: on another node's cores or GPU only its own actor can say.

    Raises
    ------
    SettingError
        Naming what is missing.
    """
    if settings.precision == "float32" or settings.ray_address is not None:
        return
    import torch

    from echoprime.networks import arithmetic_for, select_device

    arithmetic_for(settings.precision, torch.device(select_device(settings.device)))


def require_encodings(table: StudyTable) -> None:
    """Refuse a table that is not one of encoded studies.

    Raises
    ------
    TableError
        Naming what it should be.
    """
    if "embeddings" not in table.schema.names or "encoding_id" not in table.identity:
        raise TableError(f"table {table.location} is not of encoded studies; give OUT/encodings")


def require_name(flag: str, value: str) -> None:
    """Refuse a name that cannot be a folder's.

    Raises
    ------
    SettingError
        Naming the flag and its value.

    Examples
    --------
    >>> require_name("--name", "thresholds-2026.1")
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value):
        raise SettingError(f"{flag} {value!r}: letters, digits, '.', '_' and '-' only; it names a folder")


def file_stem(study_key: str) -> str:
    """A study's key as part of a file's name.

    Raises
    ------
    TableError
        It is none: a table from elsewhere would name a place outside of the folder that is written to.

    Examples
    --------
    >>> file_stem("0f" * 16)
    '0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f'
    """
    if not re.fullmatch(r"[0-9a-f]{32}", study_key):
        raise TableError("a study_key is no hash of 32 hexadecimal digits: not a table of this software")
    return study_key


def require_writable(output: Location) -> None:
    """Refuse an output that nothing can be written to; a folder that is not there is made.

    Raises
    ------
    SettingError
        A bucket that cannot be reached or not be written to, a file, or a folder without permission to write.
    """
    output.require_reachable("--output", SettingError)
    if not output.is_local:
        _require_writable_bucket(output)
        return
    try:
        output.local_path.mkdir(parents=True, exist_ok=True)
        allowed = os.access(output.local_path, os.W_OK | os.X_OK)
    except OSError:
        allowed = False
    if not allowed:
        raise SettingError(f"--output {output}: cannot be written to; give another --output")


def _require_writable_bucket(output: Location) -> None:
    """Only an object that was written shows that these keys may write; it is removed again."""
    probe = output / "runs" / f"writable-{secrets.token_hex(4)}"
    try:
        probe.write_bytes(b"")
        probe.remove()
    except PermissionError:
        raise SettingError(
            f"--output {output}: these keys may not write and remove objects there; use keys that may, or "
            "give another --output"
        ) from None
    except OSError as error:
        raise SettingError(
            f"--output {output}: nothing can be written there ({type(error).__name__}); check the store, or "
            "give another --output"
        ) from None
