"""Which columns of a cohort hold known values of which phenotypes."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from echoprime.errors import CohortError, SettingError
from echoprime.interpretation.study_tables import number_in_limits
from echoprime.population.cohort import Cohort, of_cohort
from echoprime.population.columns import require_numbers
from echoprime.population.loading import Phenotypes
from echoprime.population.workspace import ask_one, count, quoted


def known_columns(cohort: Cohort, phenotypes: Phenotypes, asked: Sequence[str]) -> dict[str, str]:
    """Phenotype -> the cohort's column of its known values.

    A column named like a phenotype is taken by itself; `asked` names others, and wins.

    Parameters
    ----------
    cohort, phenotypes
        What there is.
    asked
        As users write it: "ejection_fraction=ef_by_hand".

    Raises
    ------
    SettingError
        One of `asked` is not written so, or names no phenotype, or one twice.
    CohortError
        The cohort has no such column.
    """
    known = {
        column.name.casefold(): column.name
        for column in cohort.columns
        if column.name.casefold() in phenotypes.units and column.kind != "text"
    }
    named: dict[str, str] = {}
    for each in asked:
        phenotype, equals, column = (part.strip() for part in each.partition("="))
        if not equals or not column:
            raise SettingError(
                f"--known {each}: write PHENOTYPE=COLUMN, such as ejection_fraction=ef_by_hand"
            )
        if phenotype not in phenotypes.units:
            raise SettingError(
                f"--known {each}: no phenotype {phenotype!r}; there are {', '.join(phenotypes.units)}"
            )
        if phenotype in named:
            raise SettingError(f"--known {each}: {phenotype} was named before; name one column for it")
        named[phenotype] = cohort.column(column, "--known").name
    return known | named


def require_no_texts(
    connection: duckdb.DuckDBPyConnection, cohort: Cohort, phenotypes: Phenotypes, known: dict[str, str]
) -> None:
    """Refuse columns named like a phenotype that a cell or more made a text: their numbers would be lost.

    Parameters
    ----------
    connection, cohort, phenotypes
        What there is.
    known
        From `known_columns`; a phenotype that has another column there needs not that of its name.

    Raises
    ------
    CohortError
        Saying in how many rows, and what it looks like.
    """
    for column in cohort.columns:
        phenotype = column.name.casefold()
        if column.kind == "text" and phenotype in phenotypes.units and phenotype not in known:
            require_numbers(
                connection, column.name, cohort.source, cohort.decimal_comma,
                f"correct it, or leave it out with --ignore {column.name}",
            )  # fmt: skip


def require_sound(
    connection: duckdb.DuckDBPyConnection, cohort: Cohort, phenotypes: Phenotypes, known: dict[str, str]
) -> None:
    """Refuse known values that cannot be the phenotype's.

    Raises
    ------
    CohortError
        A binary phenotype's are not 0 and 1, a continuous one's are no numbers or such as there are none of
        in its unit, or per cents lie in 0..1.
    """
    for phenotype, name in known.items():
        column, unit = cohort.column(name, "--known"), phenotypes.units[phenotype]
        if (not unit and not set(column.levels) <= {"0", "1"}) or (not unit and column.kind == "number"):
            raise CohortError(
                f"{cohort.source}: {name} is to be known values of {phenotype}, which is 0 or 1; write 0 and "
                f"1, or leave it out with --ignore {name}"
            )
        if unit and column.kind != "number":
            raise CohortError(
                f"{cohort.source}: {name} is to be known values of {phenotype}, in {unit}, and is not "
                f"numbers throughout; correct it, or leave it out with --ignore {name}"
            )
        value = quoted(of_cohort(name))
        if unit:
            allowed, good = number_in_limits(value, unit)
            wrong = count(connection, f"SELECT count(*) FROM cohort WHERE NOT ({good})")
            if wrong:
                raise CohortError(
                    f"{cohort.source}: {name} of {wrong:,} rows is not {allowed}; leave unknown ones empty"
                )
        if unit == "%":
            row = ask_one(connection, f"SELECT min({value}), max({value}) FROM cohort")
            if row and row[1] is not None and 0 <= row[0] <= row[1] <= 1:
                raise CohortError(
                    f"{cohort.source}: {name} lies between 0 and 1 in every row, and {phenotype} is in %; "
                    "multiply it by 100"
                )
