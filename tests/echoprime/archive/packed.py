"""Zip and tar files for tests."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping


def zipped(members: Mapping[str, bytes], *, stored: bool = False) -> bytes:
    """A zip file."""
    target = io.BytesIO()
    kind = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(target, "w", kind) as file:
        for name, data in members.items():
            file.writestr(zipfile.ZipInfo(name), data, kind)
    return target.getvalue()


def tarred(
    members: Mapping[str, bytes], *, packed: str = "", links: Mapping[str, str] | None = None
) -> bytes:
    """A tar file, plain or inside gzip ("gz")."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=f"w:{packed}") as file:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            file.addfile(header, io.BytesIO(data))
        for name, to in (links or {}).items():
            header = tarfile.TarInfo(name)
            header.type, header.linkname = tarfile.SYMTYPE, to
            file.addfile(header)
    return target.getvalue()
