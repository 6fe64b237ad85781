"""One object of an archive that may be a video."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One object that may be a video.

    Attributes
    ----------
    path
        Below the archive's root, with "/"; of a member of a zip or tar file, `study.zip!/IM0001`.
    size
        Bytes; of a member after unpacking; `UNTOLD` (0) of a DICOMweb service's instance.
    token
        Its content's version: modification time in ns (folder), ETag (bucket), or what a DICOMweb service
        tells of an instance's class and shape; with a member's place.
    """

    path: str
    size: int
    token: str
