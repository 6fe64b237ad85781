"""Which encoded studies an interpretation lacks, and which it leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from echoprime.tables import INCOMPLETE, INTERPRETABLE, STUDY_KINDS, StudyTable


@dataclass(frozen=True)
class Uninterpreted:
    """Encoded studies as an interpretation sees them.

    Attributes
    ----------
    rows
        Keys of those that have no interpretation yet, or one of an earlier encoding.
    left_out
        Kind of study -> studies of a kind that is not asked for; those that there are.
    interpreted_before
        Of these, those that have a row: of the time before their kind was known.
    incomplete
        Of the others, those that a run would take up again.
    """

    rows: pa.Table
    left_out: dict[str, int]
    interpreted_before: int
    incomplete: int


def uninterpreted(
    encoded: pa.Table, table: StudyTable | None, *, kinds: Sequence[str], include_incomplete: bool
) -> Uninterpreted:
    """Compare encoded studies with an interpretation.

    By the encoded row's stamp, not its key: a study that was incomplete and is complete now has the same key.

    Parameters
    ----------
    encoded
        The newest keys of the encodings, see `StudyTable.keys`.
    table
        The interpretation; None where there is none yet.
    kinds
        Kinds of study that it is of.
    include_incomplete
        Whether it has incomplete studies too.
    """
    asked_for = pc.is_in(encoded["study_kind"], pa.array(kinds, pa.string()))
    others = encoded.filter(pc.invert(asked_for))
    encoded = encoded.filter(asked_for)
    incomplete = before = 0
    if not include_incomplete:
        # Those that vanished incomplete stay so: another run will not take them up.
        incomplete = pc.sum(pc.equal(encoded["status"], INCOMPLETE)).as_py() or 0
        encoded = encoded.filter(pc.is_in(encoded["status"], pa.array(INTERPRETABLE)))
    if table is not None:
        there = table.newest(["study_id", "encoded_at"])
        before = pc.sum(pc.is_in(others["study_id"], there["study_id"].combine_chunks())).as_py() or 0
        encoded_at = there["encoded_at"].take(pc.index_in(encoded["study_id"], there["study_id"]))
        current = pc.fill_null(pc.equal(encoded["written_at"], encoded_at), False)
        encoded = encoded.filter(pc.invert(current))
    kinds_of = Counter(others["study_kind"].to_pylist())
    return Uninterpreted(
        rows=encoded,
        left_out={kind: kinds_of[kind] for kind in STUDY_KINDS if kinds_of[kind]},
        interpreted_before=before,
        incomplete=incomplete,
    )
