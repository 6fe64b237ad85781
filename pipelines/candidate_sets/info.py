"""What a candidate set is: rows, sections, labels, embedding space, hash."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.table import Table

from echoprime.retrieval import CandidateStack
from echoprime.retrieval.coverage import coverage
from pipelines.candidate_sets.opening import OpenedSet, open_set
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import CandidatesInfoSettings


def show_info(settings: CandidatesInfoSettings) -> int:
    """Print it, as tables or as JSON.

    Raises
    ------
    BundleError
        There is no set.
    """
    opened = open_set(settings.candidates, settings.bundle)
    facts = describe(opened)
    if settings.json:
        sys.stdout.write(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
        return DONE
    out = console()
    rows = facts["rows"]
    pairs = f"{facts['files']} {'pair' if facts['files'] == 1 else 'pairs'} of files"
    out.print(f"{rows:,} candidates of {facts['dimension']} numbers in {pairs}", style="bold")
    for each in facts["sets"]:
        out.print(f"{each['rows']:,} of them of {each['name']} (hash {each['hash']})")
    out.print(f"hash {facts['hash']}")
    out.print(f"embedding space {facts['embedding_space']}")
    out.print(f"lexicon {facts['lexicon']['language']} ({facts['lexicon']['sha256'][:12]}...)")
    mean = facts["phrases"] / max(1, facts["reports"])
    out.print(f"{facts['reports']:,} reports of {mean:.1f} phrases on average")
    out.print(f"{facts['patients_known']:,} candidates of a known patient")
    out.print(_shares("labels of", facts["labels"], rows))
    out.print(_shares("reports that have", facts["sections"], rows))
    if facts["notice"]:
        out.print(facts["notice"])
    return DONE


def describe(opened: OpenedSet) -> dict[str, Any]:
    """The same as plain values; sections by name where a lexicon is at hand, else by number."""
    candidates = opened.candidates
    found = coverage(candidates)
    lexicon = opened.lexicon()
    names = {} if lexicon is None else dict(enumerate(lexicon.sections))
    return {
        "rows": candidates.rows,
        "dimension": candidates.dimension,
        "files": len(candidates.part_lengths),
        "hash": opened.hash,
        "sets": _sets(candidates) if isinstance(candidates, CandidateStack) else [],
        "embedding_space": candidates.embedding_space,
        "lexicon": {"language": opened.language, "sha256": opened.lexicon_sha256},
        "largest_norm": candidates.largest_norm,
        "reports": found.reports,
        "phrases": found.phrases,
        "patients_known": found.patients_known,
        "labels": found.labels,
        "sections": {names.get(bit, f"section {bit}"): count for bit, count in found.sections.items()},
        "notice": opened.notice,
    }


def _sets(stack: CandidateStack) -> list[dict[str, Any]]:
    return [
        {"name": name, "rows": each.rows, "hash": each.hash}
        for name, each in zip(stack.names, stack.sets, strict=True)
    ]


def _shares(title: str, counts: dict[str, int], rows: int) -> Table:
    shown = Table(title, box=None, pad_edge=False)
    shown.add_column("candidates", justify="right")
    shown.add_column("%", justify="right")
    for name, count in counts.items():
        shown.add_row(name, f"{count:,}", f"{100 * count / max(1, rows):.1f}")
    return shown
