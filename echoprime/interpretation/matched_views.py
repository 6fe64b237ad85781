"""A user's views found for the encoded videos of studies: fifty million of either need no memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from echoprime.archive import Manifest
from echoprime.archive.sorting import batches, connect, parquet
from echoprime.errors import SettingError
from echoprime.interpretation.given_views import GivenViews
from echoprime.retrieval import NO_VIEW

ROWS_AT_ONCE = 65_536

_VIDEOS = pa.schema([("number", pa.int64()), ("study_id", pa.string()), ("path", pa.string())])

# A row without a probability comes after those that have one.
_MATCHED = """
CREATE TABLE matched AS SELECT
    number,
    -(max({{'probability': chance, 'place': -view}}).place) AS view,
    max(chance) < 0 AND min(view) <> max(view) AS unclear
FROM (
    SELECT number, view::INTEGER AS view, coalesce(probability, -1) AS chance
    FROM {asked} JOIN {given} USING ({key})
) GROUP BY number
"""


@dataclass(frozen=True)
class MatchedViews:
    """What a table says of the encoded videos of some studies.

    Attributes
    ----------
    views
        pyarrow.ListArray of int8, one list a study, one value for each of its encoded videos: a position
        among the bundle's views, `NO_VIEW`, or null where the table does not name the video.
    given, not_given
        Encoded videos that the table names, and those that it does not.
    """

    views: pa.ListArray
    given: int
    not_given: int


def match_views(given: GivenViews, studies: Iterable[pa.Table], scratch: Path) -> MatchedViews:
    """Find the views of encoded videos.

    Of several rows of a video the most probable counts, of equally probable ones the first in the bundle's
    order.

    Parameters
    ----------
    given
        The table.
    studies
        Rows of the encodings: study_id, and videos with at least path and outcome.
    scratch
        Folder that is removed afterwards.

    Returns
    -------
    MatchedViews
        In the order of the studies.

    Raises
    ------
    SettingError
        A video has rows of several views, and none of them says how probable it is.
    """
    asked = scratch / "asked.parquet"
    counts = _write_asked(studies, asked)
    views = np.zeros(counts.sum(), np.int8)
    known = np.zeros(len(views), np.bool_)
    connection = connect(scratch)
    try:
        key = "path, study_id" if given.by_study else "path"
        connection.execute(_MATCHED.format(asked=parquet(asked), given=parquet(given.rows), key=key))
        (unclear,) = connection.execute("SELECT count(*) FROM matched WHERE unclear").fetchall()[0]
        if unclear:
            raise SettingError(
                f"--views {given.table}: {unclear:,} videos have rows of several views, and no probability "
                "says which counts; add a column probability, or keep one row for each video"
            )
        for batch in batches(connection, "SELECT number, view FROM matched", ROWS_AT_ONCE):
            numbers = batch["number"].to_numpy()
            views[numbers], known[numbers] = batch["view"].to_numpy(), True
    finally:
        connection.close()
    views[views == given.views] = NO_VIEW
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    lists = pa.ListArray.from_arrays(offsets, pa.array(views, mask=~known))
    return MatchedViews(lists, int(known.sum()), int((~known).sum()))


def require_listed(given: GivenViews, manifest: Manifest, scratch: Path) -> None:
    """Refuse a table of which no row is of a listed video: before an archive is encoded for it.

    Parameters
    ----------
    given
        The table.
    manifest
        Of the archive.
    scratch
        Folder that is removed afterwards.

    Raises
    ------
    SettingError
        Nothing fits.
    """
    connection = connect(scratch)
    try:
        names = ["study_id", "path"]
        schema = pa.schema([(name, pa.string()) for name in names])
        batches_of_it = (batch.select(names).cast(schema) for batch in manifest.batches(names))
        connection.register("listed", pa.RecordBatchReader.from_batches(schema, batches_of_it))
        key = "path, study_id" if given.by_study else "path"
        query = f"SELECT path FROM listed SEMI JOIN {parquet(given.rows)} USING ({key}) LIMIT 1"
        if not connection.execute(query).fetchall():
            raise SettingError(nothing_fits(given, f"the {manifest.rows:,} listed videos"))
    finally:
        connection.close()


def nothing_fits(given: GivenViews, videos: str) -> str:
    """What is said of a table that names none of so many videos."""
    return (
        f"--views {given.table}: none of its rows is of one of {videos}; path must be written as in the "
        "manifest, below the archive's root"
    )


def _write_asked(studies: Iterable[pa.Table], file: Path) -> NDArray[np.int64]:
    """Number the encoded videos in a scratch file; returns how many each study has."""
    counts = [np.zeros(0, np.int64)]
    first = 0
    with pq.ParquetWriter(file, _VIDEOS, compression="zstd", compression_level=1) as writer:
        for rows in studies:
            videos = rows["videos"].combine_chunks()
            flat = videos.flatten()
            encoded = pc.equal(flat.field("outcome"), "encoded")
            study = pc.list_parent_indices(videos).filter(encoded)
            columns = [
                pa.array(np.arange(first, first + len(study))),
                rows["study_id"].combine_chunks().take(study),
                flat.field("path").filter(encoded),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=_VIDEOS))
            counts.append(np.bincount(study.to_numpy(), minlength=len(rows)))
            first += len(study)
    return np.concatenate(counts)
