"""The analysed studies as columns of numbers, and the groups that they are told apart by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import duckdb
import numpy as np
from numpy.typing import NDArray

from echoprime.errors import CohortError
from echoprime.population.cohort import Cohort, of_cohort
from echoprime.population.loading import Phenotypes
from echoprime.population.workspace import quoted

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

UNKNOWN = "(unknown)"
"""Level of studies without a value."""

AGES = (0, 18, 40, 50, 60, 70, 80)
"""Lower ends of the age groups, years."""

MOST_GROUPS = 30


@dataclass(frozen=True)
class Grouping:
    """A way of telling studies apart.

    Attributes
    ----------
    by
        The cohort's column; "" = all studies together.
    levels
        Names of the groups.
    codes
        int (studies,): each study's position in `levels`.
    """

    by: str
    levels: tuple[str, ...]
    codes: Codes

    def __iter__(self) -> Iterator[tuple[str, Codes]]:
        """Level and the positions of its studies."""
        order = np.argsort(self.codes, kind="stable")
        ends = np.searchsorted(self.codes[order], np.arange(len(self.levels) + 1))
        for number, level in enumerate(self.levels):
            yield level, order[ends[number] : ends[number + 1]]


@dataclass(frozen=True)
class Analysed:
    """One entry a study, sorted by study_id.

    Attributes
    ----------
    values
        Phenotype -> float (studies,), NaN = not assessable.
    calls
        Phenotype -> float (studies,): 1, 0, NaN = no call.
    known
        Cohort's number or 0/1 column -> float (studies,), NaN = missing.
    patients
        int (studies,): whose study it is; a study of an unknown patient has a number of its own.
    patients_known
        bool (studies,).
    days
        datetime64[D] (studies,), NaT = unknown.
    first
        bool (studies,): the patient's first study, by day and then by study_id; those without a day last.
    groupings
        All together first, then one for each `--by`.
    """

    values: dict[str, Floats]
    calls: dict[str, Floats]
    known: dict[str, Floats]
    patients: Codes
    patients_known: NDArray[np.bool_]
    days: NDArray[np.datetime64]
    first: NDArray[np.bool_]
    groupings: tuple[Grouping, ...]

    def __len__(self) -> int:
        return len(self.patients)

    @property
    def patient_count(self) -> int:
        """Different patients; a study of an unknown one counts as one."""
        return int(self.patients.max()) + 1 if len(self.patients) else 0


def read_analysed(
    connection: duckdb.DuckDBPyConnection,
    phenotypes: Phenotypes,
    cohort: Cohort,
    by: Sequence[str],
    known: Sequence[str],
) -> Analysed:
    """Take the analysed studies out of the workspace: eight bytes a study and column.

    Parameters
    ----------
    connection
        After `join_cohort`.
    phenotypes
        From `load_tables`.
    cohort
        From `read_cohort`.
    by
        Columns of the cohort that make groups.
    known
        Columns of the cohort that hold known values: numbers, or categories 0 and 1.

    Raises
    ------
    CohortError
        A column of `by` does not exist or has too many levels.
    """
    picked = [quoted(name) for name in phenotypes.units]
    picked += [
        f"{quoted(name + '_call')}::DOUBLE AS {quoted(name + '_call')}" for name in phenotypes.thresholds
    ]
    picked += [
        f"try_cast({quoted(of_cohort(name))} AS DOUBLE) AS {quoted(of_cohort(name))}" for name in known
    ]
    picked += [
        "day",
        "patient IS NOT NULL AS patient_known",
        # a study of an unknown patient is a patient of its own: chr(1) before a name that no patient has
        "dense_rank() OVER (ORDER BY coalesce(patient, chr(1) || study_id)) - 1 AS patient_number",
        "row_number() OVER (PARTITION BY coalesce(patient, chr(1) || study_id) "
        "ORDER BY day NULLS LAST, study_id) = 1 AS first_study",
    ]
    query = f"SELECT {', '.join(picked)} FROM analysed ORDER BY study_id"
    found = connection.execute(query).fetchnumpy()
    return Analysed(
        values={name: _floats(found[name]) for name in phenotypes.units},
        calls={name: _floats(found[f"{name}_call"]) for name in phenotypes.thresholds},
        known={name: _floats(found[of_cohort(name)]) for name in known},
        patients=np.asarray(found["patient_number"], np.int64),
        patients_known=np.asarray(found["patient_known"], np.bool_),
        days=np.ma.filled(np.ma.asarray(found["day"]), np.datetime64("NaT")).astype("datetime64[D]"),
        first=np.asarray(found["first_study"], np.bool_),
        groupings=(
            Grouping("", ("all",), np.zeros(len(found["day"]), np.int64)),
            *[_grouping(connection, cohort, name) for name in by],
        ),
    )


def _floats(column: object) -> Floats:
    return np.ma.filled(np.ma.asarray(column, np.float64), np.nan)


def _grouping(connection: duckdb.DuckDBPyConnection, cohort: Cohort, name: str) -> Grouping:
    column = cohort.column(name, "--by")
    text = quoted(of_cohort(column.name))
    found = connection.execute(f"SELECT {text} AS value FROM analysed ORDER BY study_id").fetchnumpy()[
        "value"
    ]
    if column.kind == "number":
        return number_grouping(column.name, _floats(found))
    values = np.ma.filled(np.ma.asarray(found, object), UNKNOWN).astype(str)
    levels, codes = np.unique(values, return_inverse=True)
    # the unknown stand last
    order = np.argsort([level == UNKNOWN for level in levels], kind="stable")
    return Grouping(column.name, tuple(levels[order].tolist()), np.argsort(order)[codes].astype(np.int64))


def number_grouping(name: str, values: Floats) -> Grouping:
    """Groups of a column of numbers: age by `AGES`, few different numbers each, else quarters of the studies.

    Parameters
    ----------
    name
        The column.
    values
        float (studies,), NaN = unknown.

    Raises
    ------
    CohortError
        No study has a value.

    Examples
    --------
    >>> number_grouping("age", np.array([81.0, 45.0, np.nan, 44.0])).levels
    ('40-49', '80 and over', '(unknown)')
    >>> number_grouping("grade", np.array([2.0, 1.0, 2.0])).levels
    ('1', '2')
    >>> number_grouping("dose", np.arange(12.0)).levels
    ('under 2', '2 to 5', '5 to 8', '8 and over')
    """
    known = np.isfinite(values)
    if not known.any():
        raise CohortError(f"--by {name}: no analysed study has a value; name another column")
    different = np.unique(values[known])
    if name.casefold() == "age":
        edges = np.array(AGES, float)
        ends = [f"{low:g}-{high - 1:g}" for low, high in pairwise(AGES)]
        names = ["under 18", *ends[1:], f"{AGES[-1]} and over"]
    elif len(different) <= MOST_GROUPS / 3:
        edges, names = different, [_written(value) for value in different]
    else:
        quarters = np.unique(np.quantile(values[known], [0.25, 0.5, 0.75], method="lower"))
        edges = np.array([-np.inf, *quarters])
        # neither the least nor the largest value is named: each may be one person's
        middle = [f"{_written(low)} to {_written(top)}" for low, top in pairwise(quarters)]
        names = [f"under {_written(quarters[0])}", *middle, f"{_written(quarters[-1])} and over"]
    codes = np.full(len(values), len(names), np.int64)
    codes[known] = np.maximum(np.searchsorted(edges, values[known], side="right") - 1, 0)
    used, codes = np.unique(codes, return_inverse=True)
    return Grouping(name, tuple([*names, UNKNOWN][number] for number in used), codes.astype(np.int64))


def _written(value: float) -> str:
    """A number as a name, in full: two different numbers never have one name.

    Examples
    --------
    >>> _written(1000001.0), _written(0.5)
    ('1000001', '0.5')
    """
    return np.format_float_positional(value, trim="-")
