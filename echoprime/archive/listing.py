"""Every object of an archive as a stream; never a list in memory."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from echoprime.archive.endings import left_out_as
from echoprime.errors import ArchiveError
from echoprime.storage import Location


@dataclass(frozen=True, slots=True)
class Entry:
    """One object that may be a video.

    Attributes
    ----------
    path
        Below the archive's root, with "/".
    size
        Bytes.
    token
        Its content's version: modification time in ns (folder), or ETag (bucket).
    """

    path: str
    size: int
    token: str


class Listing:
    """Objects of a folder or prefix that may be videos.

    A folder's come in the order of their paths' bytes, a bucket's as its store lists them (most do the same).

    Parameters
    ----------
    root
        The archive.

    Attributes
    ----------
    left_out
        Objects passed over so far, by ending or other cause.

    Raises
    ------
    ArchiveError
        While it is walked: the archive is missing, cannot be reached, or a folder of it may not be read.
    """

    def __init__(self, root: Location) -> None:
        self.root = root
        self.left_out: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Entry]:
        self.root.require_reachable("archive", ArchiveError, must_exist=True)
        if self.root.is_local and not self.root.is_dir():
            raise ArchiveError(f"archive {self.root}: is a file; give the folder that holds it")
        self.left_out.clear()
        found = _folder(self.root.uri, self.left_out) if self.root.is_local else _bucket(self.root)
        for entry in found:
            cause = left_out_as(entry.path)
            if cause is None:
                yield entry
            else:
                self.left_out[cause] += 1


def _folder(root: str, left_out: Counter[str]) -> Iterator[Entry]:
    """Depth first. Links are followed, but never into a folder that is being walked."""
    status = os.stat(root)  # noqa: PTH116  # os.scandir's world: no Path per file
    stack = [(_children(root, "", left_out), (status.st_dev, status.st_ino))]
    walked = {stack[0][1]}
    while stack:
        child = next(stack[-1][0], None)
        if child is None:
            walked.discard(stack.pop()[1])
            continue
        path, absolute, found = child
        place = (found.st_dev, found.st_ino)
        if not stat.S_ISDIR(found.st_mode):
            yield Entry(path, found.st_size, str(found.st_mtime_ns))
        elif place in walked:
            left_out["link into itself"] += 1
        else:
            walked.add(place)
            stack.append((_children(absolute, f"{path}/", left_out), place))


def _children(folder: str, prefix: str, left_out: Counter[str]) -> Iterator[tuple[str, str, os.stat_result]]:
    """(path, absolute path, status) of a folder's files and folders, a folder sorted as its name and "/"."""
    try:
        with os.scandir(folder) as entries:
            children = sorted(entries, key=lambda entry: entry.name + "/" * entry.is_dir())
    except OSError as error:
        # not its name: folders are often named by patients
        raise ArchiveError(
            f"a folder of the archive cannot be listed ({error.strerror}); correct its permissions"
        ) from None
    for child in children:
        try:
            child.name.encode()
            found = child.stat()
        except UnicodeEncodeError:
            left_out["name not in UTF-8"] += 1
            continue
        except OSError:
            left_out["broken link"] += 1
            continue
        if stat.S_ISDIR(found.st_mode) and child.name.startswith("."):
            left_out["hidden"] += 1
        elif stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
            yield prefix + child.name, child.path, found
        else:
            left_out["not a file"] += 1


def _bucket(root: Location) -> Iterator[Entry]:
    """Page by page of 1,000, as the store orders them."""
    prefix = f"{root.key}/" if root.key else ""
    more: dict[str, Any] = {}
    while True:
        page = root.filesystem.call_s3("list_objects_v2", Bucket=root.bucket, Prefix=prefix, **more)
        for item in page.get("Contents", ()):
            path = item["Key"][len(prefix) :]
            # a key that ends in "/" is a folder's marker of a console, not an object
            if path and not path.endswith("/"):
                yield Entry(path, int(item["Size"]), str(item["ETag"]).strip('"'))
        if not page.get("IsTruncated"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}
