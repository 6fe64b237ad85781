"""Studies that have a video of certain outcomes: those that larger limits or a mended archive may help."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoprime.errors import Reason
from echoprime.tables import StudyTable


def studies_with_reasons(encodings: StudyTable, reasons: Collection[Reason]) -> Iterator[str]:
    """study_id of every study of an encodings table of which a video has one of the reasons, as a stream.

    Parameters
    ----------
    encodings
        Columns study_id and videos.reason are read.
    reasons
        Of skipped or failed videos; none of them: no study, and nothing is read.
    """
    if not reasons:
        return
    wanted = pa.array([str(reason) for reason in reasons])
    for batch in encodings.newest_batches(["study_id", "videos"]):
        videos = batch["videos"]
        found = pc.is_in(videos.flatten().field("reason"), value_set=wanted).to_numpy(zero_copy_only=False)
        rows = pc.list_parent_indices(videos).to_numpy()[found]
        yield from batch["study_id"].take(pa.array(np.unique(rows))).to_pylist()
