"""The demonstration: a drawn archive through the main job, and what came out of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from echoprime.demonstration import NOTICE, DrawnStudy, draw_archive, write_demonstration_bundle
from echoprime.storage import Location
from echoprime.tables import StudyTable
from pipelines.run import run
from pipelines.settings import RunAllSettings

NEIGHBOURS_SHOWN = 3
MONTAGE = "montage.png"


def run_demo(directory: str) -> int:
    """Draw, run, show. A second time there is nothing to do, and it says so.

    Parameters
    ----------
    directory
        Holds archive/, bundle/, out/ and montage.png.
    """
    started = time.monotonic()
    console = Console(highlight=False)
    place = Path(directory)
    console.print(Panel(f"[bold]{NOTICE}[/bold]", expand=False))
    drawn = draw_archive(place / "archive", progress=_drawing(console))
    if not (place / "bundle" / "bundle.json").exists():
        with console.status("writing the demonstration's bundle: seeded, untrained networks of full size"):
            write_demonstration_bundle(place / "bundle")
    before = _studies(place)
    code = run(
        RunAllSettings(
            archive=str(place / "archive"), bundle=str(place / "bundle"), output=str(place / "out")
        )
    )
    after = _studies(place)
    if after == before:
        console.print(
            f"\n{NOTICE}. Nothing was to do. `echoprime status {place / 'out'}` shows what is there."
        )
        return code
    show_results(console, place, drawn)
    console.print(f"\n{time.monotonic() - started:.0f} seconds in all")
    return code


def _drawing(console: Console) -> Callable[[int, int], None]:
    def show(done: int, files: int) -> None:
        if console.is_terminal or done == files:
            console.print(
                f"drawing the archive: {done} of {files} files", end="\n" if done == files else "\r"
            )

    return show


def _studies(place: Path) -> dict[str, Any]:
    """Study -> stamp of its interpretation."""
    from echoprime.tables import table_exists

    table = Location.parse(place / "out" / "interpretations" / "default")
    if not table_exists(table):
        return {}
    rows = StudyTable.existing(table).newest(["study_id", "written_at"])
    return dict(zip(rows["study_id"].to_pylist(), rows["written_at"].to_pylist(), strict=True))


def show_results(console: Console, place: Path, drawn: tuple[DrawnStudy, ...]) -> None:
    """One study in depth, then all studies' ejection fractions, a picture, and what to do next."""
    table = StudyTable.existing(Location.parse(place / "out" / "interpretations" / "default"))
    studies = {row["study_id"]: row for row in table.newest().to_pylist()}
    shown = studies[drawn[0].study_id]
    _show_report(console, shown)
    _show_phenotypes(console, shown)
    _show_ejection_fractions(console, studies, drawn)
    picture = write_montage(place, drawn[0].study_id)
    console.print(f"\nmontage of {drawn[0].study_id}: {picture}")
    _show_commands(console, place)


def _show_report(console: Console, study: dict[str, Any]) -> None:
    text = study["report"].replace("[SEP]", "\n").strip()
    console.print(Panel(text, title=f"report of {study['study_id']}", subtitle=NOTICE, expand=False))


def _show_phenotypes(console: Console, study: dict[str, Any]) -> None:
    console.print(f"\n[bold]phenotypes of {study['study_id']}[/bold] - {NOTICE}")
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
    console.print(shown)
    console.print(
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
    console: Console, studies: dict[str, dict[str, Any]], drawn: tuple[DrawnStudy, ...]
) -> None:
    console.print(f"\n[bold]ejection fraction, %[/bold] - {NOTICE}")
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
    console.print(shown)
    console.print(
        "o drawn, x estimated, # both. The real loop's value is as arbitrary as its view.", style="dim"
    )


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
    from echoprime.pages import draw_montage
    from echoprime.reading import read_clip

    table = StudyTable.existing(Location.parse(place / "out" / "encodings"))
    rows = table.newest(["study_id", "videos", "view_probabilities"]).to_pylist()
    study = next(row for row in rows if row["study_id"] == study_id)
    encoded = [video for video in study["videos"] if video["embedding"] is not None]
    picture = place / MONTAGE
    picture.write_bytes(
        draw_montage(
            [read_clip((place / "archive" / video["path"]).read_bytes()) for video in encoded],
            [video["view"] for video in encoded],
            [max(study["view_probabilities"][video["embedding"]]) for video in encoded],
            notice=NOTICE,
            title=study_id,
        )
    )
    return picture


def _show_commands(console: Console, place: Path) -> None:
    console.print(
        "\nYour own archive, with the official weights (see README):\n"
        "  echoprime bundle import RELEASE bundle/\n"
        "  echoprime run --archive ARCHIVE --bundle bundle/ --output out/\n"
        f"\nWhat is here:\n  echoprime status {place / 'out'}\n  echoprime failures {place / 'out'}\n"
        f"  echoprime export {place / 'out'} plain/",
        markup=False,
    )
