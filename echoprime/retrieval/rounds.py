"""A search among several shards in rounds: each answers its likely share, then what turns out to be missing.

Of k neighbours a shard of s has k / s on average. One that answers all k ranks, scores and sends s times what
is needed. So:

1. Every shard answers its `share` best rows, and of the reports only those among them.
2. A shard whose whole share of a query is among the k best of all may have more: it answers k rows of that
   query. Of any other its last answered row is not among the k best, so none of those that rank below is.
3. Where no neighbour has a query's section, every shard looks for its nearest row that has it.

The answer is that of one shard with all rows, to the bit. Where like rows lie together more is asked again,
which costs time and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from math import ceil, exp, lgamma, log, log1p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoprime.errors import EchoPrimeError
from echoprime.retrieval.hits import ShardHits
from echoprime.retrieval.left_out import LeftOut
from echoprime.retrieval.merge import merge, named

CHANCE = 1e-4
"""Of a query that a shard is asked for again, were rows in no order: few such queries cost a shard nearly as
much as a whole batch."""

AskShards = Callable[[Sequence[Mapping[str, Any] | None]], Sequence[ShardHits | None]]
"""Asks shards, at once where it can: arguments of `Shard.search`, one a shard, None for a shard that is not
asked. Answers in their order, None where a shard was not asked."""


def search_shards(ask: AskShards, shards: int, **arguments: Any) -> ShardHits:  # noqa: ANN401
    """The nearest rows of each query among all shards.

    Parameters
    ----------
    ask
        Asks them.
    shards
        How many there are; they share no row.
    arguments
        Of `Shard.search`: `queries`, `section_bits`, `k`, and what else is wanted but `share` and `having`.

    Raises
    ------
    EchoPrimeError
        As `Shard.search` does, or a shard has not answered.
    """
    if shards == 1:
        return _answered(ask([arguments]))[0]
    k: int = arguments["k"]
    first = _answered(ask([{**arguments, "share": share(k, shards)}] * shards))
    found = merge(first, k)
    lacking = [_lacking(each, found) for each in first]
    if any(len(lines) for lines in lacking):
        found = _asked_again(ask, arguments, first, found, lacking)
    return _with_farther_reports(ask, shards, arguments, found)


@cache
def share(k: int, shards: int) -> int:
    """Neighbours that each of so many shards answers first.

    Examples
    --------
    >>> [share(50, shards) for shards in (1, 2, 8, 64)], share(1, 8)
    ([50, 39, 19, 8], 1)
    """
    least = max(1, ceil(k / shards))
    if shards == 1:
        return least
    chance, part = 0.0, 1 / shards
    for number in range(k, least - 1, -1):
        ways = lgamma(k + 1) - lgamma(number + 1) - lgamma(k - number + 1)
        chance += shards * exp(ways + number * log(part) + (k - number) * log1p(-part))
        if chance > CHANCE:
            return min(k, number + 1)
    return least


def _answered(answers: Sequence[ShardHits | None]) -> list[ShardHits]:
    found = [each for each in answers if each is not None]
    if len(found) < len(answers):
        raise EchoPrimeError(
            f"search: {len(answers) - len(found)} of {len(answers)} shards have not answered"
        )
    return found


def _lacking(answer: ShardHits, found: ShardHits) -> NDArray[np.int64]:
    """Queries of which a shard may have more neighbours than it answered: its last one is a neighbour."""
    last, score = answer.rows[:, -1], answer.scores[:, -1]
    ahead = (score > found.scores[:, -1]) | ((score == found.scores[:, -1]) & (last <= found.rows[:, -1]))
    return np.flatnonzero((last >= 0) & ahead) if answer.k < found.k else np.zeros(0, np.int64)


def _asked_again(
    ask: AskShards,
    arguments: Mapping[str, Any],
    first: Sequence[ShardHits],
    found: ShardHits,
    lacking: Sequence[NDArray[np.int64]],
) -> ShardHits:
    """What was found, with more rows of those shards that may have them."""
    lines = np.unique(np.concatenate(lacking))
    again = ask([_of(arguments, each, share=arguments["k"]) if len(each) else None for each in lacking])
    whole = []
    for answer, more, these in zip(first, again, lacking, strict=True):
        mine = _chosen(answer, lines)
        if more is not None:
            mine = _replaced(mine, np.searchsorted(lines, these), more)
        whole.append(mine)
    return _replaced(found, lines, merge(whole, found.k))


def _with_farther_reports(
    ask: AskShards, shards: int, arguments: Mapping[str, Any], found: ShardHits
) -> ShardHits:
    """What was found, with the nearest reports that no neighbour's is."""
    among = (found.rows == found.report_rows[:, None]).any(axis=1) & (found.report_rows >= 0)
    # Where there are no k rows all are ranked already.
    lines = np.flatnonzero((found.section_bits >= 0) & ~among & (found.rows[:, -1] >= 0))
    if not len(lines):
        return found
    nothing = {"k": 1, "columns": np.zeros((len(lines), 0), np.int64), "near_left_out": False}
    asked = _of(arguments, lines, having=True, **nothing)
    farther = merge(_answered(ask([asked] * shards)))
    report_rows, report_scores = found.report_rows.copy(), found.report_scores.copy()
    report_rows[lines], report_scores[lines] = farther.rows[:, 0], farther.scores[:, 0]
    kept = {each.name: getattr(found, each.name) for each in fields(found) if each.name not in _NAMED}
    return named([found, farther], **{**kept, "report_rows": report_rows, "report_scores": report_scores})


_BY_QUERY = ("queries", "section_bits", "columns", "exclude_study", "exclude_patient")
_NAMED = ("named_rows", "names", "text_keys", "texts")


def _of(
    arguments: Mapping[str, Any],
    lines: NDArray[np.int64],
    **other: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """The arguments of some queries."""
    chosen = dict(arguments)
    for name in _BY_QUERY:
        values = arguments.get(name)
        if values is not None:
            chosen[name] = values[lines] if isinstance(values, np.ndarray) else [values[at] for at in lines]
    return {**chosen, **other}


def _chosen(hits: ShardHits, lines: NDArray[np.int64]) -> ShardHits:
    """The answer to some queries, with names and texts of all."""
    near = hits.near_left_out
    mine = np.isin(near.query, lines)
    return ShardHits(
        rows=hits.rows[lines],
        scores=hits.scores[lines],
        labels=hits.labels[lines],
        section_bits=hits.section_bits[lines],
        report_rows=hits.report_rows[lines],
        report_scores=hits.report_scores[lines],
        left_out=hits.left_out[lines],
        near_left_out=LeftOut(
            np.searchsorted(lines, near.query[mine]), near.rows[mine], near.scores[mine], near.labels[mine]
        ),
        **{name: getattr(hits, name) for name in _NAMED},
    )


def _replaced(hits: ShardHits, lines: NDArray[np.int64], other: ShardHits) -> ShardHits:
    """An answer with other ones to some queries; padded where they have more rows than it."""
    changed: dict[str, Any] = {}
    for name, missing in (("rows", -1), ("scores", -np.inf), ("labels", np.nan)):
        values: NDArray[Any] = getattr(hits, name)
        wide = np.full((len(values), other.k, *values.shape[2:]), missing, values.dtype)
        wide[:, : hits.k] = values
        wide[lines] = getattr(other, name)
        changed[name] = wide
    for name in ("report_rows", "report_scores"):
        values = getattr(hits, name).copy()
        values[lines] = getattr(other, name)
        changed[name] = values
    one, two = hits.near_left_out, other.near_left_out
    stay = ~np.isin(one.query, lines)
    query = np.concatenate([one.query[stay], lines[two.query]])
    order = np.argsort(query, kind="stable")
    rest = (
        np.concatenate([getattr(one, name)[stay], getattr(two, name)])[order]
        for name in ("rows", "scores", "labels")
    )
    return named(
        [hits, other],
        section_bits=hits.section_bits,
        left_out=hits.left_out,
        near_left_out=LeftOut(query[order], *rest),
        **changed,
    )
