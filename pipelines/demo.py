"""The demonstration: a drawn archive through the main job, and what came out of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from echoprime.demonstration import (
    NOTICE,
    DrawnStudy,
    draw_archive,
    write_cohort,
    write_demonstration_bundle,
)
from echoprime.storage import Location
from echoprime.tables import StudyTable, table_exists
from pipelines.console import console
from pipelines.run import run
from pipelines.settings import DemoSettings, RunAllSettings, ViewSettings
from pipelines.view import write_pages

NEIGHBOURS_SHOWN = 3
MONTAGE = "montage.png"
PAGE = "study.html"


def run_demo(settings: DemoSettings) -> int:
    """Draw, run, show. A second time there is nothing to do, and it says so.

    Parameters
    ----------
    settings
        Its directory will hold archive/, cohort.csv, bundle/, out/, montage.png and study.html.
    """
    started = time.monotonic()
    out = console(wrap=True)
    place = Path(settings.directory)
    out.print(Panel(Text(NOTICE, style="bold"), expand=False))
    drawn = draw_archive(place / "archive", progress=_drawing(out))
    write_cohort(place, drawn)
    if not (place / "bundle" / "bundle.json").exists():
        with out.status("writing the demonstration's bundle: seeded, untrained networks of full size"):
            write_demonstration_bundle(place / "bundle")
    before = _studies(place)
    code = run(
        RunAllSettings(
            archive=str(place / "archive"), bundle=str(place / "bundle"), output=str(place / "out")
        )
    )
    after = _studies(place)
    if after == before:
        out.print(f"\n{NOTICE}. Nothing was to do. `echoprime status {place / 'out'}` shows what is there.")
        return code
    show_results(out, place, drawn)
    out.print(f"\n{time.monotonic() - started:.0f} seconds in all")
    return code


def _drawing(out: Console) -> Callable[[int, int], None]:
    def show(done: int, files: int) -> None:
        if out.is_terminal or done == files:
            out.print(f"drawing the archive: {done} of {files} files", end="\n" if done == files else "\r")

    return show


def _studies(place: Path) -> dict[str, Any]:
    """Study -> stamp of its interpretation."""
    table = Location.parse(place / "out" / "interpretations" / "default")
    if not table_exists(table):
        return {}
    rows = StudyTable.existing(table).newest(["study_id", "written_at"])
    return dict(zip(rows["study_id"].to_pylist(), rows["written_at"].to_pylist(), strict=True))


def show_results(out: Console, place: Path, drawn: tuple[DrawnStudy, ...]) -> None:
    """One study in depth, then all studies' ejection fractions, a picture, and what to do next."""
    table = StudyTable.existing(Location.parse(place / "out" / "interpretations" / "default"))
    studies = {row["study_id"]: row for row in table.newest().to_pylist()}
    shown = studies[drawn[0].study_id]
    _show_report(out, shown)
    _show_phenotypes(out, shown)
    _show_ejection_fractions(out, studies, drawn)
    picture, page = write_montage(place, drawn[0].study_id), write_page(place, drawn[0].study_id)
    out.print(f"\nmontage of {drawn[0].study_id}: {picture}\nits page, with clips that play: {page}")
    _show_commands(out, place)


def _show_report(out: Console, study: dict[str, Any]) -> None:
    text = study["report"].replace("[SEP]", "\n").strip()
    out.print(Panel(text, title=f"report of {study['study_id']}", subtitle=NOTICE, expand=False))


def _show_phenotypes(out: Console, study: dict[str, Any]) -> None:
    out.print(f"\nphenotypes of {study['study_id']} - {NOTICE}", style="bold")
    shown = Table("phenotype", box=None, pad_edge=False)
    shown.add_column("value", justify="right", no_wrap=True)
    shown.add_column("call", no_wrap=True)
    for rank in range(1, NEIGHBOURS_SHOWN + 1):
        shown.add_column(f"neighbour {rank}", no_wrap=True, justify="right")
    unknown = []
    for section in study["sections"]:
        for position, phenotype in enumerate(section["phenotypes"]):
            if study[phenotype] is None:
                unknown.append(phenotype)
                continue
            call = study.get(f"{phenotype}_call")
            nearest = section["neighbours"][:NEIGHBOURS_SHOWN]
            shown.add_row(
                phenotype.replace("_", " "),
                _number(study[phenotype]),
                "" if call is None else "yes" if call else "no",
                *[f"{_number(each['labels'][position])} ({each['similarity']:.3f})" for each in nearest],
            )
    out.print(shown)
    out.print(
        f"value: mean label of the 50 nearest; neighbour: label (similarity), {study_neighbours(study)} are "
        f"in the table; calls are uncalibrated.\nNo drawn candidate has a label for: {', '.join(unknown)}.",
        style="dim",
    )


def study_neighbours(study: dict[str, Any]) -> int:
    """Neighbours that the study's row keeps as evidence, over all sections."""
    return sum(len(section["neighbours"]) for section in study["sections"])


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def _show_ejection_fractions(
    out: Console, studies: dict[str, dict[str, Any]], drawn: tuple[DrawnStudy, ...]
) -> None:
    out.print(f"\nejection fraction, % - {NOTICE}", style="bold")
    shown = Table("study", box=None, pad_edge=False)
    shown.add_column("drawn", justify="right")
    shown.add_column("estimated", justify="right")
    shown.add_column("20        40        60        80", no_wrap=True)
    for study in drawn:
        estimated = studies[study.study_id]["ejection_fraction"]
        shown.add_row(
            study.study_id,
            "unknown" if study.ejection_fraction is None else f"{study.ejection_fraction:.0f}",
            "-" if estimated is None else f"{estimated:.1f}",
            _scale(study.ejection_fraction, estimated),
        )
    out.print(shown)
    out.print("o drawn, x estimated, # both. The real loop's value is as arbitrary as its view.", style="dim")


def _scale(drawn: float | None, estimated: float | None) -> str:
    """Both values on a line from 20 to 80 %, half a character a per cent.

    Examples
    --------
    >>> _scale(40, 60).rstrip()
    '          o         x'
    """
    line = [" "] * 31
    for value, mark in ((drawn, "o"), (estimated, "x")):
        if value is not None:
            position = round((min(max(value, 20), 80) - 20) / 2)
            line[position] = "#" if line[position] == "o" else mark
    return "".join(line)


def write_montage(place: Path, study_id: str) -> Path:
    """Draw one study's clips with view and probability on each tile.

    Returns
    -------
    pathlib.Path
        The PNG.
    """
    from echoprime.pages import draw_montage, shown
    from echoprime.reading import read_clip

    table = StudyTable.existing(Location.parse(place / "out" / "encodings"))
    rows = table.newest(["study_id", "videos", "view_probabilities"]).to_pylist()
    study = next(row for row in rows if row["study_id"] == study_id)
    encoded = [video for video in study["videos"] if video["embedding"] is not None]
    picture = place / MONTAGE
    picture.write_bytes(
        draw_montage(
            # drawn: no name is in them, so what stands still may be shown
            [
                shown(read_clip((place / "archive" / video["path"]).read_bytes()), deidentified=True)
                for video in encoded
            ],
            [video["view"] for video in encoded],
            [max(study["view_probabilities"][video["embedding"]]) for video in encoded],
            notice=NOTICE,
            title=study_id,
        )
    )
    return picture


def write_page(place: Path, study_id: str) -> Path:
    """Write one study's page, as `echoprime view` does.

    Returns
    -------
    pathlib.Path
        The HTML file.
    """
    page = place / PAGE
    write_pages(
        ViewSettings(
            output=str(place / "out"),
            study=study_id,
            page=str(page),
            deidentified=True,  # drawn: no name is in its pictures
            identifiers=True,
        ),
        quiet=True,
    )
    return page


def _show_commands(out: Console, place: Path) -> None:
    out.print(
        "\nYour own archive, with the official weights (see README):\n"
        "  echoprime bundle fetch bundle/\n"
        "  echoprime run --archive ARCHIVE --bundle bundle/ --output out/\n"
        f"\nWhat is here:\n  echoprime status {place / 'out'}\n  echoprime failures {place / 'out'}\n"
        f"  echoprime export {place / 'out'} plain/\n"
        f"\nA population study of it, with a drawn cohort:\n  echoprime population --output {place / 'out'} "
        f"--cohort {place / 'cohort.csv'} --by sex,site,device "
        "--known ejection_fraction=drawn_ejection_fraction",
        markup=False,
    )
