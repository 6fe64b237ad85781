"""Which names may be videos. What a file is, its content says later; this only spares reading the rest."""

from __future__ import annotations

import re

VIDEO_ENDINGS = frozenset({".dcm", ".dicom", ".ima", ".mp4", ".m4v", ".mov", ".avi", ".mkv"})
"""Endings that are listed, in lower case."""

# an ending is a word if it has a letter and is short: ".csv", ".7z"; ".113" and ".dcm_1" are parts of a name
_WORD = re.compile(r"\.(?=[0-9]*[a-z])[a-z0-9]{1,8}")


def left_out_as(path: str) -> str | None:
    """Why an object is not listed as a video, by its name alone.

    Parameters
    ----------
    path
        Below the archive's root, with "/".

    Returns
    -------
    str or None
        None if it is listed; else what it counts as: "hidden" (any part begins with a dot), "DICOMDIR", or
        the ending in lower case.

    Examples
    --------
    >>> left_out_as("1.2.840/US.1.113"), left_out_as("a/IM0001"), left_out_as("a/LOOP.DCM")
    (None, None, None)
    >>> left_out_as("notes.CSV"), left_out_as(".git/config"), left_out_as("cd/DICOMDIR")
    ('.csv', 'hidden', 'DICOMDIR')
    """
    name = path.rsplit("/", 1)[-1]
    if path.startswith(".") or "/." in path:
        return "hidden"
    if name.upper() == "DICOMDIR":
        return "DICOMDIR"
    stem, dot, last = name.lower().rpartition(".")
    ending = dot + last
    if not stem or ending in VIDEO_ENDINGS or _WORD.fullmatch(ending) is None:
        return None
    return ending
