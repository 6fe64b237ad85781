"""The compare job: two interpretations -> what differs, as tables and one page."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.table import Table

from echoprime.comparison import Comparison, compare_tables, comparison_page, open_side
from echoprime.errors import SettingError
from echoprime.storage import Location
from pipelines.checks import require_writable
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import CompareSettings

PAGE = "comparison.html"


def compare(settings: CompareSettings) -> int:
    """Compare, write tables and page, and say the most of it.

    Raises
    ------
    UserError
        A table is missing or does not fit the other; nothing is written then.
    """
    first, second = (open_side(Location.parse(place)) for place in (settings.first, settings.second))
    target = _target(settings, first.table.location, second.table.location)
    with tempfile.TemporaryDirectory(prefix="echoprime-compare-") as scratch:
        folder = Path(scratch)
        comparison = compare_tables(first, second, folder)
        page = comparison_page(comparison, identifiers=settings.identifiers)
        (folder / PAGE).write_text(page, encoding="utf-8")
        require_writable(target)
        # An older page must not stand beside newer tables, should this end in between.
        (target / PAGE).remove()
        # The page last: it names the other files.
        for path in sorted(folder.iterdir(), key=lambda path: path.name == PAGE):
            (target / path.name).put_file(path)
    show_comparison(comparison, target)
    return DONE


def _target(settings: CompareSettings, first: Location, second: Location) -> Location:
    """Where it is written: asked for, or beside the `interpretations` folder of both."""
    if settings.directory is not None:
        return Location.parse(settings.directory)
    there, here = (place.uri.removesuffix(f"/{place.name}") for place in (first, second))
    above, _, folder = here.rpartition("/")
    if folder != "interpretations" or there != here:
        raise SettingError(
            f"tables {first} and {second} do not lie in the interpretations/ of one output; say where to "
            "write (--directory)"
        )
    # A folder each: "a-b" and "c" joined by a dash would be "a" and "b-c".
    return Location.parse(above) / "comparisons" / first.name / second.name


def show_comparison(comparison: Comparison, target: Location) -> None:
    """Counts, and the phenotypes whose values differ most."""
    out = console()
    out.print(
        f"\n{comparison.first} against {comparison.second}: {comparison.both:,} studies in both", style="bold"
    )
    for name, first, second in comparison.settings:
        if not name.endswith("_id"):
            out.print(f"{name}: {first} there, {second} here")
    for count, words in (
        (comparison.only_first, f"studies in {comparison.first} alone"),
        (comparison.only_second, f"studies in {comparison.second} alone"),
        (comparison.other_content, "studies with other videos"),
        (comparison.changed["value"], "studies with another value"),
        (comparison.changed["call"], "studies with another call"),
        (comparison.changed["report"], "studies with another report"),
    ):
        out.print(f"{count:,} {words}")
    shown = Table(box=None, pad_edge=False)
    shown.add_column("phenotype", overflow="fold")
    for label in ("studies", "changed", "mean difference", "mean absolute", "largest", "calls moved"):
        shown.add_column(label, justify="right")
    moved = {each.name: each.moved for each in comparison.calls}
    for each in comparison.values:
        if each.both_known:
            numbers = (each.mean_difference, each.mean_absolute, each.largest)
            shown.add_row(
                each.name.replace("_", " "),
                f"{each.both_known:,}",
                f"{each.changed:,}",
                *("" if number is None else f"{number:.3f}" for number in numbers),
                f"{moved[each.name]:,}" if each.name in moved else "",
            )
    out.print(shown)
    for notice in comparison.notices:
        out.print(notice)
    out.print(f"page: {target / PAGE}")
