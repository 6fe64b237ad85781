"""How a file inside a zip or tar file is named, and where its bytes lie.

A member's path is the packed file's own, "!/", and the member's name: `2024/study.zip!/IM0001`. Its token is
the packed file's token, "!", and its place there; so one member is read without looking for it first.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Literal

from echoprime.errors import ReadError, Reason

Kind = Literal["zip", "tar", "tgz", "bad"]

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
"""Endings, in lower case, of the files that are looked into."""

WHOLE = ""
"""Name of the member that stands for a packed file of which nothing, or not everything, can be read."""

ENCRYPTED = -1
"""The `method` of an encrypted member."""

MOST_NAME = 4096
"""Characters of a name; more is a damaged file's, or a hostile one's."""

_ENDINGS = "|".join(ending.replace(".", r"\.") for ending in ENDINGS)
_MEMBER = re.compile(rf"(.*?(?:{_ENDINGS}))!/(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member's bytes lie.

    Attributes
    ----------
    version
        The packed file's own token; "" is not compared.
    kind
        zip, tar, tgz (a tar file inside gzip), or bad: it cannot be read.
    offset
        zip: of the member's local header. tar: of its first byte. tgz: of its first byte after inflation.
    length
        zip, tgz: bytes of the whole packed file.
    packed
        zip: bytes of the member as it is packed.
    method, crc
        zip: how it is packed (0 stored, 8 deflated, `ENCRYPTED`), and its CRC-32.
    why
        bad: what is wrong, see `echoprime.storage.packed_reading`.
    """

    version: str
    kind: Kind
    offset: int = 0
    length: int = 0
    packed: int = 0
    method: int = 0
    crc: int = 0
    why: str = ""

    def token(self) -> str:
        """As a manifest keeps it.

        Examples
        --------
        >>> Place("e1", "tar", offset=512).token()
        'e1!tar:512'
        """
        facts: tuple[int | str, ...] = (self.why,)
        if self.kind == "zip":
            facts = (self.offset, self.length, self.packed, self.method, self.crc)
        elif self.kind == "tar":
            facts = (self.offset,)
        elif self.kind == "tgz":
            facts = (self.offset, self.length)
        return f"{self.version}!{':'.join([self.kind, *map(str, facts)])}"


def read_place(token: str) -> Place:
    """The place that a member's token names.

    Raises
    ------
    ReadError
        CHANGED: it names none, so the manifest is of another make.

    Examples
    --------
    >>> read_place("e1!zip:0:1000:77:8:255")
    Place(version='e1', kind='zip', offset=0, length=1000, packed=77, method=8, crc=255, why='')
    """
    version, mark, rest = token.partition("!")
    kind, *facts = rest.split(":")
    try:
        if mark and kind == "bad":
            return Place(version, "bad", why=facts[0])
        numbers = [int(fact) for fact in facts]
        if mark and kind == "zip":
            offset, length, packed, method, crc = numbers
            return Place(version, "zip", offset, length, packed, method, crc)
        if mark and kind == "tar":
            (offset,) = numbers
            return Place(version, "tar", offset)
        if mark and kind == "tgz":
            offset, length = numbers
            return Place(version, "tgz", offset, length)
    except (ValueError, IndexError):
        pass
    raise ReadError(Reason.CHANGED, "its place in a zip or tar file is not known; make the manifest again")


def without_version(token: str) -> str:
    """A token for a copy of the archive, whose times and ETags differ: places stay, versions do not.

    Examples
    --------
    >>> without_version("1700000000"), without_version("1700000000!tar:512")
    ('', '!tar:512')
    """
    _, mark, place = token.partition("!")
    return mark + place


def is_packed(path: str) -> bool:
    """Whether a file is one that is looked into, by its name.

    Examples
    --------
    >>> is_packed("a/STUDY.ZIP"), is_packed("a/study.tar.gz"), is_packed("a/notes.gz")
    (True, True, False)
    """
    return path.lower().endswith(ENDINGS)


def split_member(path: str) -> tuple[str, str] | None:
    """(packed file, name within) of a member's path; None if it is not one.

    Examples
    --------
    >>> split_member("2024/study.zip!/DICOM/IM0001"), split_member("2024/IM0001")
    (('2024/study.zip', 'DICOM/IM0001'), None)
    """
    found = _MEMBER.fullmatch(path)
    return None if found is None else (found[1], found[2])


def member_path(packed: str, name: str) -> str:
    """A member's path.

    Examples
    --------
    >>> member_path("2024/study.zip", "DICOM/IM0001")
    '2024/study.zip!/DICOM/IM0001'
    """
    return f"{packed}!/{name}"


def clean_name(name: str) -> str | None:
    """A member's name as a path that stays below its packed file, as unpacking tools make it.

    Returns
    -------
    str or None
        With "/", without ".", ".." and a leading "/"; None if nothing is left, it is not UTF-8, or too long.

    Examples
    --------
    >>> clean_name("/DICOM/./IM1"), clean_name("..\\\\..\\\\etc\\\\passwd"), clean_name("..")
    ('DICOM/IM1', 'etc/passwd', None)
    """
    clean = posixpath.normpath("/" + name.replace("\\", "/")).lstrip("/")
    try:
        clean.encode()
    except UnicodeEncodeError:
        return None
    return clean if 0 < len(clean) <= MOST_NAME and "\0" not in clean else None
