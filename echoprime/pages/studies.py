"""The index of several studies' pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from echoprime.bundle.phenotypes import UNITS
from echoprime.pages.page import render_page
from echoprime.pages.study import KEY_SHOWN, is_stale


def studies_page(
    studies: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]],
    files: Sequence[str],
    *,
    notice: str = "",
    identifiers: bool = False,
) -> str:
    """Write the index: a line for each study, with the way to its page.

    Parameters
    ----------
    studies
        Row of the encodings table, and of an interpretations table or None.
    files
        Their pages' names, in the same folder as the index.
    notice
        Said above everything.
    identifiers
        Whether the study's identifier stands in its line.

    Returns
    -------
    HTML, one file; the pages are its links.
    """
    rows = []
    for (encoding, interpretation), file in zip(studies, files, strict=True):
        stale = interpretation is not None and is_stale(encoding, interpretation)
        rows.append(
            {
                "file": file,
                "key": encoding["study_key"][:KEY_SHOWN],
                "study_id": encoding["study_id"],
                "kind": encoding["study_kind"],
                "status": encoding["status"],
                "videos": len(encoding["videos"]),
                "encoded": sum(video["outcome"] == "encoded" for video in encoding["videos"]),
                "interpreted": "no" if interpretation is None else "out of date" if stale else "yes",
                "numbers": [None if interpretation is None else interpretation.get(name) for name in UNITS],
            }
        )
    return render_page(
        "studies.html.j2",
        title="Studies",
        notice=notice,
        studies=rows,
        columns=[f"{name.removesuffix('_continuous')}, {unit}" for name, unit in UNITS.items()],
        identifiers=identifiers,
    )
