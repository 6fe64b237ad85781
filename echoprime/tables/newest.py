"""Which row of a study counts: the newest."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def newest_rows(keys: pa.Table) -> pa.Table:
    """Keep the newest row of every study.

    Parameters
    ----------
    keys
        Rows with `study_id` and `written_at`, as from `StudyTable.keys`; where two rows of a study bear the
        same stamp, the one further down counts.

    Returns
    -------
    pyarrow.Table
        Same columns, sorted by `study_id`.

    Examples
    --------
    >>> newest_rows(pa.table({"study_id": ["b", "a", "b"], "written_at": [1, 1, 2]})).to_pydict()
    {'study_id': ['a', 'b'], 'written_at': [1, 2]}
    """
    if keys.num_rows == 0:
        return keys
    return keys.take(pa.array(_newest_positions(keys)))


def superseded_rows(keys: pa.Table) -> pa.Table:
    """Rows of which a newer one is there; rows that share the newest stamp are none of them.

    Examples
    --------
    >>> superseded_rows(pa.table({"study_id": ["b", "a", "b"], "written_at": [1, 1, 2]})).to_pydict()
    {'study_id': ['b'], 'written_at': [1]}
    """
    if keys.num_rows == 0:
        return keys
    newest = newest_rows(keys.select(["study_id", "written_at"]))
    position = pc.index_in(keys["study_id"], newest["study_id"])
    return keys.filter(pc.less(keys["written_at"], newest["written_at"].take(position)))


def _newest_positions(keys: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    ordered = pa.table(
        {"study_id": keys["study_id"], "written_at": keys["written_at"], "row": np.arange(keys.num_rows)}
    ).sort_by([("study_id", "ascending"), ("written_at", "ascending"), ("row", "ascending")])
    study = ordered["study_id"].combine_chunks()
    last = np.ones(len(study), dtype=bool)
    last[:-1] = pc.not_equal(study[1:], study[:-1]).to_numpy(zero_copy_only=False)
    return np.asarray(ordered["row"].to_numpy())[last]
