"""Several candidate sets under one name: which they are is written, and all of them are searched."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from echoprime.bundle import open_bundle
from echoprime.errors import SettingError
from echoprime.interpretation.finished_set import require_nothing_there
from echoprime.retrieval import CandidateStack
from echoprime.storage import Location
from pipelines.candidate_sets.opening import STACK, STACK_FORMAT, OpenedSet, open_set, opened_stack
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import CandidatesStackSettings


def stack_sets(settings: CandidatesStackSettings) -> int:
    """Look whether the sets fit each other, write which they are, and show it.

    Raises
    ------
    UserError
        A set is missing, two of them are of different encoders or lexicons or called alike, or something is
        in the way; nothing is written.
    """
    target = Location.parse(settings.candidates)
    require_nothing_there(target)
    if len(settings.sets) < 2:
        raise SettingError(f"candidates stack: {len(settings.sets)} set; name two or more after {target}")
    parts = [open_set(place) for place in settings.sets]
    names = _names(settings.names, parts)
    _require_different(names, parts)
    bundle = None if settings.bundle is None else open_bundle(settings.bundle)
    opened = opened_stack(target, dict(zip(names, parts, strict=True)), bundle)
    content = {
        "format": STACK_FORMAT,
        "sets": [{"name": name, "place": str(part.place)} for name, part in zip(names, parts, strict=True)],
    }
    (target / STACK).write_bytes(json.dumps(content, indent=1, ensure_ascii=False).encode())
    assert isinstance(opened.candidates, CandidateStack)
    out = console()
    out.print(
        f"candidate sets stacked: {opened.candidates.rows:,} candidates (hash {opened.hash})", style="bold"
    )
    for name, each in zip(names, opened.candidates.sets, strict=True):
        out.print(f"{each.rows:,} of {name}")
        if lacking := [label for label in opened.candidates.labels if label not in each.labels]:
            out.print(f"labels that {name} lacks, unknown of its candidates: {', '.join(lacking)}")
    out.print(f"use it: echoprime interpret --candidates {target} --name stacked ...")
    return DONE


def _require_different(names: Sequence[str], parts: Sequence[OpenedSet]) -> None:
    """Refuse one set twice: each of its candidates would count as two neighbours.

    Raises
    ------
    SettingError
        Naming both.
    """
    there: dict[tuple[str, ...], str] = {}
    for name, part in zip(names, parts, strict=True):
        content = (part.hash, part.language, part.lexicon_sha256)
        if content in there:
            raise SettingError(
                f"candidates stack: {there[content]!r} and {name!r} are the same set; name it once"
            )
        there[content] = name


def _names(asked: str | None, parts: Sequence[OpenedSet]) -> list[str]:
    """What evidence calls the sets: as asked for, else bundle and own.

    Raises
    ------
    SettingError
        Too many or few of them, one twice, or none that a name can be.
    """
    names = [part.candidates.origins.names[0] for part in parts]
    if asked is not None:
        names = [name.strip() for name in asked.split(",")]
        if len(names) != len(parts):
            raise SettingError(f"--names {asked}: {len(names)} names for {len(parts)} sets; name each one")
        for name in names:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
                raise SettingError(f"--names {name!r}: letters, digits, '.', '_' and '-' only")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingError(
            f"two of the sets are called {twice[0]!r}; tell them apart by --names official,own"
        )
    return names
