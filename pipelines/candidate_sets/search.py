"""The candidates nearest to a study, a text or another candidate, with their similarity and report."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import asdict, dataclass

import numpy as np
from rich.table import Table

from echoprime.bundle import Lexicon
from echoprime.errors import SettingError
from echoprime.interpretation import decode_report
from echoprime.interpretation.lexicon import CLOSING
from echoprime.retrieval.candidate_rows import CandidateRow, CodedReport, candidate_rows
from echoprime.storage import Location
from pipelines.candidate_sets.encoded import is_encodings, opened_for_search
from pipelines.candidate_sets.opening import OpenedSet
from pipelines.candidate_sets.query import Query, query_of_row, query_of_study, query_of_text
from pipelines.checks import require_positive
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import CandidatesSearchSettings

MOST = 1000
"""Candidates that are read one by one."""

SHOWN = 200
"""Characters of a report in the terminal's table; JSON and CSV have all of it."""


@dataclass(frozen=True)
class Neighbour:
    """One candidate that was found.

    Attributes
    ----------
    rank
        From 1.
    set, row, study
        Of the candidate: which set it is of, and its row there, as in an interpretation's evidence.
    similarity
        Dot product of the query, a unit vector where it is a study's or a text's, with the candidate's row.
    labels
        Those that are known.
    report
        Text of the section asked for, or of all; codes where no lexicon is at hand.
    """

    rank: int
    set: str
    row: int
    study: str
    similarity: float
    labels: dict[str, float]
    report: str


def show_search(settings: CandidatesSearchSettings) -> int:
    """Search, and print a table, JSON or CSV.

    Raises
    ------
    UserError
        Set, table, study, row or section is none, or the flags do not say one query.
    """
    require_positive(k=settings.k)
    if settings.k > MOST:
        raise SettingError(f"--k {settings.k}: at most {MOST}")
    _require_one_query(settings)
    if settings.json and settings.csv:
        raise SettingError("give one of --json and --csv")
    with opened_for_search(settings.candidates, settings.bundle) as opened:
        lexicon = opened.lexicon(settings.language)
        found = search(
            opened, _query(opened, settings), settings.k, section=settings.section, lexicon=lexicon
        )
        labels = opened.candidates.labels
    if settings.json:
        sys.stdout.write(json.dumps([asdict(each) for each in found], indent=1, ensure_ascii=False) + "\n")
    elif settings.csv:
        _write_csv(found, labels)
    else:
        out = console(wrap=True)
        out.print(_table(found, settings.section))
        if lexicon is None and any(each.report for each in found):
            out.print("--bundle writes the reports' codes (section/phrase) in words")
        if opened.notice:
            out.print(opened.notice)
    return DONE


def _require_one_query(settings: CandidatesSearchSettings) -> None:
    asked = [each for each in (settings.row, settings.study, settings.text) if each is not None]
    if len(asked) != 1:
        raise SettingError("give one of --row, --study and --text")
    among_encoded = settings.study is not None and is_encodings(Location.parse(settings.candidates))
    if not among_encoded and (settings.study is None) != (settings.encodings is None):
        raise SettingError("--study is looked up in --encodings (OUT/encodings); give both")


def _query(opened: OpenedSet, settings: CandidatesSearchSettings) -> Query:
    if settings.row is not None:
        return query_of_row(opened, settings.row, settings.set)
    if settings.text is not None:
        return query_of_text(opened, settings.text)
    assert settings.study is not None
    encodings = settings.encodings or settings.candidates
    return query_of_study(opened, encodings, settings.study, settings.section)


def search(
    opened: OpenedSet, query: Query, k: int, *, section: str | None = None, lexicon: Lexicon | None = None
) -> list[Neighbour]:
    """The k nearest candidates, none of the query's own study or patient.

    Parameters
    ----------
    opened
        The set.
    query
        Vector and whose candidates are left out.
    k
        How many.
    section
        Whose text is wanted; None = the whole report.
    lexicon
        What reports are written in.

    Raises
    ------
    SettingError
        The section is none of the lexicon's.
    """
    number = _section_number(section, lexicon)
    hits = opened.candidates.shard().search(
        query.vector[None],
        np.array([-1]),
        min(k, max(1, opened.candidates.rows)),
        [query.study],
        [query.patient],
    )
    kept = [
        (int(row), float(score)) for row, score in zip(hits.rows[0], hits.scores[0], strict=True) if row >= 0
    ]
    rows = [row for row, _ in kept]
    candidates = candidate_rows(opened.candidates, rows)
    origins, found = opened.candidates.origins, np.array(rows, np.int64)
    sets = [origins.names[place] for place in origins.of(found).tolist()]
    within = origins.within(found).tolist()
    return [
        Neighbour(rank, name, row, each.study, score, each.labels, _text(each, number, lexicon))
        for rank, (name, row, (_, score), each) in enumerate(
            zip(sets, within, kept, candidates, strict=True), 1
        )
    ]


def _section_number(section: str | None, lexicon: Lexicon | None) -> int | None:
    if section is None:
        return None
    if lexicon is None:
        raise SettingError("--section: sections have their names in the bundle; give --bundle")
    if section not in lexicon.sections:
        raise SettingError(f"--section {section}: no such section; there are {', '.join(lexicon.sections)}")
    return lexicon.sections.index(section)


def _text(candidate: CandidateRow, section: int | None, lexicon: Lexicon | None) -> str:
    report: CodedReport = tuple(each for each in candidate.report if section is None or each[0] == section)
    if not report:
        return ""
    if lexicon is None:
        return " ".join(
            f"{part}/{phrase}" + ("" if value is None else f"={value}") for part, phrase, value in report
        )
    return decode_report(lexicon, report)


def _table(found: list[Neighbour], section: str | None) -> Table:
    shown = Table("rank", "set", "row", "study", "similarity", section or "report", box=None, pad_edge=False)
    for column in shown.columns[:5]:
        column.no_wrap = True
        column.justify = "right"
    for each in found:
        text = each.report.replace(f" {CLOSING}", "")
        text = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        shown.add_row(str(each.rank), each.set, f"{each.row}", each.study, f"{each.similarity:.4f}", text)
    return shown


def _write_csv(found: list[Neighbour], labels: tuple[str, ...]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["rank", "set", "row", "study", "similarity", *labels, "report"])
    for each in found:
        known = [each.labels.get(name, "") for name in labels]
        writer.writerow(
            [each.rank, each.set, each.row, each.study, repr(each.similarity), *known, each.report]
        )
