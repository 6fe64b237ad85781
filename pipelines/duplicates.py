"""The same object twice in a study counts once: by its SOP Instance UID, or by its clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from echoprime.errors import Reason

SAME = {"instance": "SOP Instance UID", "content": "clip"}
"""What makes two videos one object, the first that is equal being named; null is equal to nothing."""

_ENCODED_ONLY = ("embedding", "view", "frames_used")


def without_duplicates(videos: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[bool]]:
    """Outcomes of a study in which every encoded video is another object.

    Parameters
    ----------
    videos
        All outcomes of one study, in the order of the paths, as `echoprime.tables.schema.VIDEO`.

    Returns
    -------
    tuple
        The outcomes: an encoded video that equals an earlier one that stays is `skipped` as a `duplicate`,
        and its message says by what it equals which; and for each video that was encoded whether it stays.

    Examples
    --------
    >>> first = {"outcome": "encoded", "reason": "", "message": "", "instance": "a1", "content": "c1"}
    >>> videos, stays = without_duplicates([first, {**first, "content": "c2"}])
    >>> videos[1]["reason"], videos[1]["message"], stays
    ('duplicate', 'the same SOP Instance UID as video 1 of the study, with another clip', [True, False])
    """
    found, stays = [], []
    there: dict[tuple[str, str], int] = {}
    for number, video in enumerate(videos, start=1):
        if video["outcome"] == "encoded":
            marks = [(name, video[name]) for name in SAME if video[name]]
            equal = next((mark for mark in marks if mark in there), None)
            stays.append(equal is None)
            if equal is None:
                there |= dict.fromkeys(marks, number)
            else:
                video = _duplicate(video, equal[0], there[equal], videos[there[equal] - 1])
        found.append(video)
    return found, stays


def _duplicate(video: dict[str, Any], by: str, number: int, of: dict[str, Any]) -> dict[str, Any]:
    """The outcome of a duplicate; its facts and hashes stay, so that it can be looked into."""
    message = f"the same {SAME[by]} as video {number} of the study"
    for name, words in SAME.items():
        # one identifier for several loops is what careless anonymisation leaves
        if name != by and video[name] and of[name] and video[name] != of[name]:
            message += f", with another {words}"
    return {
        **video,
        **dict.fromkeys(_ENCODED_ONLY),
        "outcome": "skipped",
        "reason": str(Reason.DUPLICATE),
        "message": message,
    }
