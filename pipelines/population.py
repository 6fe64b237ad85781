"""The population study: OUT/interpretations/NAME and a cohort -> OUT/populations/NAME. Needs no Ray."""

from __future__ import annotations

from collections.abc import Callable

from echoprime.errors import SettingError
from echoprime.population import AFTER_READING, Bootstrap, Population, study_population, write_population
from echoprime.storage import Location
from pipelines.checks import require_name, require_positive, require_writable
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import PopulationSettings

MOST_DRAWS = 100_000


def study(settings: PopulationSettings) -> int:
    """Read, join, compute, and write all of it or nothing.

    Parameters
    ----------
    settings
        See `PopulationSettings`.

    Raises
    ------
    UserError
        A setting, the cohort or a table is not what it should be; nothing was written.
    """
    # 1. Everything that can be wrong, and every number, before anything is written.
    name = settings.population or settings.name
    _check(settings, name)
    output = Location.parse(settings.output)
    result = study_population(
        output,
        Location.parse(settings.cohort),
        name=settings.name,
        key=settings.key,
        by=_listed(settings.by),
        known=settings.known,
        ignore=_listed(settings.ignore),
        date_format=settings.date_format,
        period=None if settings.period == "auto" else settings.period,
        least_count=settings.least_count,
        bootstrap=Bootstrap(settings.draws, settings.seed),
        progress=_progress(),
    )
    # 2. The tables, then the page, whose presence says that all is there.
    require_writable(output)
    place = output / "populations" / name
    write_population(result, place, interpretation=settings.name)
    _show(result, place)
    return DONE


def _progress() -> Callable[[str], None]:
    """A line a stage, once everything is read and joined: what a mistake is answered with stands alone."""
    out, begun = console(stderr=True), False

    def show(stage: str) -> None:
        nonlocal begun
        begun = begun or stage == AFTER_READING
        if begun:
            out.print(f"population: {stage}")

    return show


def _check(settings: PopulationSettings, name: str) -> None:
    require_positive(least_count=settings.least_count, draws=settings.draws)
    if settings.draws > MOST_DRAWS:
        raise SettingError(f"--draws {settings.draws}: at most {MOST_DRAWS:,}; 2,000 are usual")
    if settings.seed < 0:
        raise SettingError(f"--seed {settings.seed}: must not be below 0")
    for flag, value in (("--name", settings.name), ("--population", name)):
        require_name(flag, value)


def _listed(text: str) -> tuple[str, ...]:
    """Names between commas, each once.

    Examples
    --------
    >>> _listed("sex, site,sex,")
    ('sex', 'site')
    """
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _show(result: Population, place: Location) -> None:
    """What a person reads: who was analysed, who was not, how close the estimates are, where it all lies."""
    out = console()
    for line in result.summary():
        out.print(line)
    out.print(f"page: {place / 'population.html'}")
    out.print(f"tables: {place} (Parquet and CSV)")
