"""The release's coded reports: some thousands at a time out of one pickle, checked against the lexicon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from echoprime.bundle import Lexicon
from echoprime.errors import BundleError
from echoprime.release.streaming import NotPlain, stream_pickle
from echoprime.release.unpickler import load_pickle

ROWS_AT_ONCE = 8192
"""Reports handed on at once; with their embeddings 16 MB."""


class _Reports:
    """Hands reports on, `ROWS_AT_ONCE` at a time."""

    def __init__(self, take: Callable[[list[Any]], None]) -> None:
        self.take = take
        self.taken = 0
        self.waiting: list[Any] = []

    def extend(self, items: list[Any]) -> None:
        """The next reports."""
        self.waiting += items
        while len(self.waiting) >= ROWS_AT_ONCE:
            self.hand_on(ROWS_AT_ONCE)

    def hand_on(self, count: int) -> None:
        """The first `count` of those that wait."""
        block = self.waiting[:count]
        del self.waiting[:count]
        if block:
            self.take(block)
        self.taken += len(block)


def read_reports(source: Path, rows: int, take: Callable[[list[Any]], None]) -> None:
    """`candidate_reports.pkl`: hand its coded reports to `take`, some thousands at a time, in order.

    Raises
    ------
    BundleError
        When there are not `rows` of them. Those before may have been handed on.
    """
    file = "candidate_reports.pkl"
    reports = _Reports(take)
    try:
        content = stream_pickle(source / file, {(0, list): lambda _: reports})
    except NotPlain:
        content = load_pickle(source / file)
        if isinstance(content, list):
            # Some may have been streamed before the pickle turned out to need all of itself.
            reports.waiting = content[reports.taken :]
            content = reports
            reports.extend([])
    if content is not reports:
        raise BundleError(f"{file}: no list of reports; copy it from the release again")
    if reports.taken + len(reports.waiting) != rows:
        raise BundleError(
            f"{file}: {reports.taken + len(reports.waiting):,} reports, candidate_studies.csv has "
            f"{rows:,} rows; use the files of one release"
        )
    reports.hand_on(len(reports.waiting))


def check_reports(reports: Sequence[Any], first: int, lexicon: Lexicon) -> None:
    """Refuse a report whose numbers the lexicon does not have.

    Raises
    ------
    BundleError
        Naming the row.
    """
    sizes = [len(phrases) for phrases in lexicon.phrases]
    for number, report in enumerate(reports):
        try:
            good = all(
                0 <= section < len(sizes) and 0 <= phrase < sizes[section] for section, phrase, _ in report
            )
        except (TypeError, ValueError):
            good = False
        if not good:
            raise BundleError(
                f"candidate_reports.pkl: report {first + number:,} has a section or phrase that "
                "all_phr.json does not; use the files of one release"
            )
