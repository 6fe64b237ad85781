"""Damaged files in this process: a share of those that `make test-damage` sends through the job."""

from __future__ import annotations

from itertools import islice

import pytest

from echoprime.reading import Limits, read_file
from tests.damage.corpus import all_damaged, verdict
from tests.damage.good_files import MARKER, good_files

SHARE = 8
"""One of so many files."""


@pytest.mark.parametrize("name", good_files())
def test_sound_files_are_clips(name: str) -> None:
    assert read_file(good_files()[name]).require_clip().used == 3


def test_no_clip_is_wrong_where_the_damage_can_be_seen() -> None:
    sound = {name: read_file(data).facts.content for name, data in good_files().items()}
    wrong, files = [], 0
    for damaged in islice(all_damaged(), 0, None, SHARE):
        reading = read_file(damaged.data, limits=Limits(bytes=1 << 26))
        found = verdict(damaged, reading.outcome, reading.facts.content, sound.get(damaged.sound))
        message = reading.error.message if reading.error else ""
        if found or MARKER in message or "\n" in message:
            wrong.append(f"{damaged.sound} {damaged.name}: {found} {message}")
        files += 1
    assert wrong == []
    assert files > 250
