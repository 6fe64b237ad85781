"""Every object of an archive as a stream; never a list in memory."""

from __future__ import annotations

import os
import stat
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from echoprime.archive.endings import left_out_as
from echoprime.archive.entries import Entry
from echoprime.archive.packed_index import PackedIndex, index_packed
from echoprime.errors import ArchiveError, ReadError
from echoprime.storage import Location, leads_out
from echoprime.storage.packed_path import is_packed, split_member
from echoprime.storage.s3_listing import list_objects

OPENED = 8
"""Zip and tar files that are looked into at once: a bucket answers in some 20 ms, twice or more for each."""

WAITING = 10_000
"""Objects that are kept while a zip or tar file before them is looked into."""


LINK_OUT = "link out of the archive (--follow-links takes it)"


class Listing:
    """Objects of a folder or prefix that may be videos, and members of the zip and tar files there.

    A folder's come in the order of their paths' bytes, a bucket's as its store lists them (most do the same);
    members come where their zip or tar file stands.

    Parameters
    ----------
    root
        The archive.
    follow_links
        Whether links that lead out of the archive are followed; others always are.

    Attributes
    ----------
    left_out
        Objects and members passed over so far, by ending or other cause.
    packed, damaged
        Zip and tar files so far, and those of them of which not everything can be read.

    Raises
    ------
    ArchiveError
        While it is walked: the archive is missing, cannot be reached, or a folder of it may not be read.
    """

    def __init__(self, root: Location, *, follow_links: bool = False) -> None:
        self.root = root
        self._within = "/" if follow_links else os.path.realpath(root.uri)
        self.left_out: Counter[str] = Counter()
        self.packed = self.damaged = 0

    def __iter__(self) -> Iterator[Entry]:
        self.root.require_reachable("archive", ArchiveError, must_exist=True)
        if self.root.is_local and not self.root.is_dir():
            raise ArchiveError(f"archive {self.root}: is a file; give the folder that holds it")
        self.left_out.clear()
        self.packed = self.damaged = 0
        if self.root.is_local:
            found = _folder(self.root.uri, self._within, self.left_out)
        else:
            found = _bucket(self.root, self.left_out)
        for item in self._opened(self._taken(found)):
            if isinstance(item, Entry):
                yield item
                continue
            self.packed += 1
            self.damaged += not item.whole
            self.left_out.update(item.left_out)
            yield from item.members

    def _taken(self, found: Iterable[Entry]) -> Iterator[Entry]:
        """Without what its name says is no video."""
        for entry in found:
            cause = left_out_as(entry.path)
            if split_member(entry.path) is not None:
                cause = "name like a zip or tar file's member"
            if cause is None or (is_packed(entry.path) and cause != "hidden"):
                yield entry
            else:
                self.left_out[cause] += 1

    def _opened(self, entries: Iterable[Entry]) -> Iterator[Entry | PackedIndex]:
        """Zip and tar files replaced by what they hold, in the same order, several of them at once."""
        waiting: deque[Entry | Future[PackedIndex]] = deque()
        opening = 0
        with ThreadPoolExecutor(OPENED) as pool:
            for entry in entries:
                if is_packed(entry.path):
                    waiting.append(pool.submit(index_packed, self.root, entry))
                    opening += 1
                elif not waiting:
                    yield entry
                    continue
                else:
                    waiting.append(entry)
                while opening > OPENED or len(waiting) > WAITING:
                    opening -= isinstance(waiting[0], Future)
                    yield _arrived(waiting.popleft())
            while waiting:
                yield _arrived(waiting.popleft())


def _arrived(item: Entry | Future[PackedIndex]) -> Entry | PackedIndex:
    return item.result() if isinstance(item, Future) else item


def _folder(root: str, within: str, left_out: Counter[str]) -> Iterator[Entry]:
    """Depth first. Links are followed below `within`, but never into a folder that is being walked."""
    status = os.stat(root)  # noqa: PTH116  # os.scandir's world: no Path per file
    stack = [(_children(root, "", within, left_out), (status.st_dev, status.st_ino))]
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
            stack.append((_children(absolute, f"{path}/", within, left_out), place))


def _children(
    folder: str, prefix: str, within: str, left_out: Counter[str]
) -> Iterator[tuple[str, str, os.stat_result]]:
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
        if child.is_symlink() and not _is_below(child.path, within):
            left_out[LINK_OUT] += 1
        elif stat.S_ISDIR(found.st_mode) and child.name.startswith("."):
            left_out["hidden"] += 1
        elif stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
            yield prefix + child.name, child.path, found
        else:
            left_out["not a file"] += 1


def _is_below(path: str, within: str) -> bool:
    """Whether a link leads to somewhere below a folder; `within` is a real path."""
    return f"{os.path.realpath(path)}/".startswith(f"{within.rstrip('/')}/")


def _bucket(root: Location, left_out: Counter[str]) -> Iterator[Entry]:
    """As the store orders them."""
    prefix = f"{root.key}/" if root.key else ""
    try:
        for item in list_objects(root.bucket, prefix):
            path = item.key[len(prefix) :]
            # a key that ends in "/" is a folder's marker of a console, not an object
            if path and not path.endswith("/") and leads_out(path):
                left_out["key with a leading / or .."] += 1
            elif path and not path.endswith("/"):
                yield Entry(path, item.size, item.etag)
    except ReadError as error:
        raise ArchiveError(f"archive {root}: cannot be listed ({error.message}); run again") from None
