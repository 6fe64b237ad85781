"""The calibrate job: OUT/interpretations/NAME and known values -> a calibration. Needs no Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from echoprime.bundle import Calibration
from echoprime.calibration import Fit, Fitted, Reference, Wanted, calibrate, calibration_page, read_reference
from echoprime.calibration.finding import RATES
from echoprime.calibration.fitting import NOT_KNOWN
from echoprime.errors import SettingError
from echoprime.storage import Location
from pipelines.checks import require_name, require_positive
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import CalibrateSettings

FEWEST_FOLDS = 2


def calibrate_output(settings: CalibrateSettings) -> int:
    """Read, fit, write file and page, and say how far it holds.

    Raises
    ------
    UserError
        A setting, the reference or a table is not what it should be; nothing was written.
    """
    # 1. Everything that can be wrong, and every number, before anything is written.
    fit = _fit(settings)
    source = Location.parse(settings.reference)
    file, page = _places(settings, source)
    reference = read_reference(
        Location.parse(settings.output),
        source,
        name=settings.name,
        known=settings.known,
        ignore=tuple(part.strip() for part in settings.ignore.split(",") if part.strip()),
    )
    fitted = calibrate(reference, fit)
    html = None if page is None else calibration_page(fitted)
    # 2. The page, then the file, whose presence says that all is there.
    if page is not None and html is not None:
        with _named_where_it_fails(page):
            page.write_bytes(html.encode())
    with _named_where_it_fails(file):
        fitted.calibration.write(file)
    _show(reference, fitted, settings)
    return DONE


def _fit(settings: CalibrateSettings) -> Fit:
    require_name("--name", settings.name)
    require_positive(minimum=settings.minimum)
    if settings.folds < FEWEST_FOLDS:
        raise SettingError(f"--folds {settings.folds}: must be at least {FEWEST_FOLDS}; 5 are usual")
    if not 0 < settings.coverage < 1:
        raise SettingError(f"--coverage {settings.coverage:g}: must lie between 0 and 1, such as 0.9")
    return Fit(
        method=settings.method,
        folds=settings.folds,
        wanted=Wanted.parse(settings.threshold),
        coverage=settings.coverage,
        minimum=settings.minimum,
    )


def _places(settings: CalibrateSettings, reference: Location) -> tuple[Location, Location | None]:
    """The files to write, refused before hours of nothing, and where something else would be lost."""
    file = _place("CALIBRATION", settings.calibration, reference)
    if file.exists() and not Calibration.is_one(file):
        raise SettingError(f"CALIBRATION {file}: is there, and is no calibration; name another file")
    if settings.page is None:
        return file, None
    page = _place("--page", settings.page, reference)
    if _followed(page) == _followed(file):
        raise SettingError(f"--page {page}: is CALIBRATION too; name another file")
    return file, page


def _place(what: str, text: str, reference: Location) -> Location:
    place = Location.parse(text)
    place.require_reachable(what, SettingError)
    if place.is_dir():
        raise SettingError(f"{what} {place}: is a folder; name a file")
    if _followed(place) == _followed(reference):
        raise SettingError(f"{what} {place}: is the reference itself; name another file")
    return place


def _followed(place: Location) -> str:
    """Where a file lies in the end: links followed."""
    return str(place.local_path.resolve() if place.is_local else place)


@contextmanager
def _named_where_it_fails(place: Location) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingError(
            f"{place}: cannot be written ({type(error).__name__}); give another place"
        ) from None


def _show(reference: Reference, fitted: Fitted, settings: CalibrateSettings) -> None:
    """What a person reads: who was fitted to, how far it holds, what was left, where it lies."""
    out = console()
    for notice in fitted.notices:
        out.print(notice)
    out.print(", ".join(f"{rows:,} {what}" for what, rows in reference.rows.items()))
    made = fitted.calibration.made_from
    out.print(f"{len(reference):,} studies of {made['patients']:,} patients")
    if made["studies_of_unknown_patient"]:
        out.print(
            f"{made['studies_of_unknown_patient']:,} studies are of an unknown patient: each is its own"
        )
    if reference.other_patient:
        out.print(f"{reference.other_patient:,} studies: reference and tables name different patients")
    if fitted.findings:
        out.print(_findings(fitted))
    if fitted.numbers:
        out.print(_numbers(fitted))
    out.print("after, sens., spec. and reached are cross-fitted: of patients that nothing was fitted to")
    _show_left(out, fitted)
    if settings.page is not None:
        out.print(f"page: {Location.parse(settings.page)}")
    out.print(f"calibration: {Location.parse(settings.calibration)}, SHA-256 {fitted.calibration.sha256}")


def _show_left(out: Console, fitted: Fitted) -> None:
    left = fitted.calibration.left
    for name, entry in fitted.calibration.phenotypes.items():
        if missing := entry["known_but_not_assessable"]:
            out.print(f"{name}: {missing:,} studies with a known value are not assessable")
    for name, finding in fitted.findings.items():
        threshold = finding.entry["threshold"]
        if threshold["why_not"]:
            out.print(f"{name}: {threshold['asked']}: {threshold['why_not']}")
    for name, why in left.items():
        if why != NOT_KNOWN:
            out.print(f"left as it is: {name}: {why}")
    if not_known := [name for name, why in left.items() if why == NOT_KNOWN]:
        out.print(f"left as they are: {len(not_known)} phenotypes that the reference has no column of")


def _findings(fitted: Fitted) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    shown.add_column("finding", overflow="fold")
    for label in ("studies", "with", "Brier", "after", "error", "after", "threshold", "sens.", "spec."):
        shown.add_column(label, justify="right")
    for name, finding in fitted.findings.items():
        entry = finding.entry
        before, after, threshold = entry["before"], entry["cross_fitted"], entry["threshold"]
        figures = ("brier", "calibration_error")
        moved = [f"{each[figure]:.3f}" for figure in figures for each in (before, after)]
        rates = [_share(threshold["cross_fitted"][rate]) for rate in RATES]
        counts = [f"{entry['studies']:,}", f"{entry['positives']:,}"]
        value = "none" if threshold["value"] is None else f"{threshold['value']:.3f}"
        shown.add_row(name.replace("_", " "), *counts, *moved, value, *rates)
    return shown


def _share(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.0%}"


def _numbers(fitted: Fitted) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    shown.add_column("number", overflow="fold")
    for label in ("studies", "patients", "error", "half width", "wanted", "reached"):
        shown.add_column(label, justify="right")
    for name, found in fitted.numbers.items():
        entry = found.entry
        shown.add_row(
            name.replace("_", " "),
            f"{entry['studies']:,}",
            f"{entry['patients']:,}",
            f"{entry['mean_absolute_error']:.1f} {entry['unit']}",
            f"{entry['half_width']:.1f} {entry['unit']}",
            f"{entry['coverage']:.0%}",
            f"{entry['coverage_cross_fitted']:.1%}",
        )
    return shown
