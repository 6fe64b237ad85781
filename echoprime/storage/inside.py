"""Whether a name that comes from outside stays below the place that it is said to be below."""

from __future__ import annotations


def leads_out(path: str) -> bool:
    """Whether a path below a folder or prefix would lead out of it, or is no path at all.

    Asked of whatever names files and comes from somewhere else: manifests, keys of buckets, `bundle.json`, a
    candidate set's summary. Members of zip and tar files have cleaned names, and are never unpacked.

    Examples
    --------
    >>> [leads_out(path) for path in ("2024/IM1", "a..b/..c", "../IM1", "a/../../IM1", "/etc/passwd", "")]
    [False, False, True, True, True, True]
    """
    # most paths are asked here, fifty million of them in a plan: the cheap questions come first
    if not path or path[0] == "/" or "\0" in path:
        return True
    return ".." in path and ".." in path.split("/")
