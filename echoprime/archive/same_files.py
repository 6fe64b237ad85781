"""Studies compared by the names and sizes of their files: for a copy of an archive elsewhere.

Times and ETags of a copy differ, though it holds the same videos.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from echoprime.storage import canonical_hash
from echoprime.tables import StudyTable


def files_key(study_id: str, files: Collection[tuple[str, int]]) -> str:
    """A study's files as one hash, whatever order they come in.

    Parameters
    ----------
    study_id
        Its id.
    files
        (path below the archive, size) of each.

    Examples
    --------
    >>> files_key("s", [("a.dcm", 1), ("b.dcm", 2)]) == files_key("s", [("b.dcm", 2), ("a.dcm", 1)])
    True
    >>> files_key("s", [("a.dcm", 1)]) == files_key("s", [("a.dcm", 2)])
    False
    """
    return canonical_hash({"study_id": study_id, "files": [list(file) for file in sorted(files)]})


def table_files(encodings: StudyTable) -> Iterator[tuple[str, str]]:
    """(study_id, `files_key`) of every study of an encodings table, read as a stream."""
    for batch in encodings.newest_batches(["study_id", "videos"]):
        offsets = batch["videos"].offsets.to_pylist()
        videos = batch["videos"].values
        paths, sizes = (videos.field(name).to_pylist() for name in ("path", "size"))
        for study, first, last in zip(batch["study_id"].to_pylist(), offsets[:-1], offsets[1:], strict=True):
            yield study, files_key(study, list(zip(paths[first:last], sizes[first:last], strict=True)))
