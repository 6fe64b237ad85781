"""A video's clips to the one embedding by which it counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def video_embeddings(clips: NDArray[np.float32], counts: NDArray[np.integer]) -> NDArray[np.float32]:
    """Mean of each video's clips; of one clip its embedding, bit for bit.

    Summed in float64 in the clips' order, so that a video's embedding does not depend on what is beside it.

    Parameters
    ----------
    clips
        float32 (clips of all videos, 512), video after video; not normalised.
    counts
        int (videos,): clips of each video, at least 1.

    Returns
    -------
    numpy.ndarray
        float32 (videos, 512).

    Examples
    --------
    >>> video_embeddings(np.array([[1, 2], [3, 6], [5, 5]], np.float32), np.array([2, 1])).tolist()
    [[2.0, 4.0], [5.0, 5.0]]
    """
    first = np.cumsum(counts) - counts
    total = clips[first].astype(np.float64)
    for turn in range(1, int(counts.max(initial=1))):
        more = counts > turn
        total[more] += clips[first[more] + turn]
    found: NDArray[np.float32] = (total / counts[:, None]).astype(np.float32)
    return found


def embeddings_of_turn(
    clips: NDArray[np.float32], counts: NDArray[np.integer], turn: int, means: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Each video's embedding had it only its clip of this number; its mean where it has fewer.

    Parameters
    ----------
    clips, counts
        As for `video_embeddings`.
    turn
        From 0.
    means
        float32 (videos, 512).

    Examples
    --------
    >>> clips, counts = np.array([[1, 2], [3, 6], [5, 5]], np.float32), np.array([2, 1])
    >>> embeddings_of_turn(clips, counts, 1, video_embeddings(clips, counts)).tolist()
    [[3.0, 6.0], [5.0, 5.0]]
    """
    found = means.copy()
    has = counts > turn
    found[has] = clips[(np.cumsum(counts) - counts)[has] + turn]
    return found
