"""What is known locally beside what is estimated: the pairs that a calibration is fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echoprime.errors import CohortError
from echoprime.population.analysed import Codes, Floats, read_analysed
from echoprime.population.cohort import STUDY, read_cohort
from echoprime.population.flow import count_cohort
from echoprime.population.joining import join_cohort
from echoprime.population.known import known_columns, require_no_texts, require_sound
from echoprime.population.loading import load_tables
from echoprime.population.workspace import workspace
from echoprime.storage import JSON, Location
from echoprime.tables import StudyTable


@dataclass(frozen=True)
class Reference:
    """One entry a study that both the reference and the interpretation have, sorted by study_id.

    Attributes
    ----------
    values
        Phenotype -> float64 (studies,): as the interpretation's column has it; NaN = not assessable.
    known
        Phenotype -> float64 (studies,): as the reference has it; NaN = not known. Only those that it names.
    patients
        int64 (studies,): whose study it is; a study of an unknown patient has a number of its own.
    patients_known
        bool (studies,).
    units
        Phenotype -> unit, of all that the interpretation has; "" = binary.
    rows
        Of the reference: what became of them, in words -> how many.
    other_patient
        Studies of which reference and tables name different patients; the reference's counts.
    identity
        What the interpretation was made with.
    notices
        What must be said beside every number.
    """

    values: Mapping[str, Floats]
    known: Mapping[str, Floats]
    patients: Codes
    patients_known: NDArray[np.bool_]
    units: Mapping[str, str]
    rows: Mapping[str, int]
    other_patient: int
    identity: Mapping[str, JSON]
    notices: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.patients)


def read_reference(
    output: Location,
    reference: Location,
    *,
    name: str = "default",
    known: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Reference:
    """Join known values to OUT/interpretations/NAME.

    Parameters
    ----------
    output
        Where the jobs wrote.
    reference
        CSV or Parquet with study_id, as a population study's cohort; patient_id there wins over the tables'.
        Dates are not read.
    name
        Of the interpretation.
    known
        "PHENOTYPE=COLUMN"; a column named like a phenotype needs none.
    ignore
        Columns that are not looked at.

    Raises
    ------
    CohortError, TableError, SettingError
        A file or table is missing or not what it should be, no study joins, or no phenotype is known.
    """
    with workspace() as connection:
        people = read_cohort(connection, reference, key=STUDY, ignore=ignore, dated=False)
        phenotypes = load_tables(connection, output, name)
        columns = known_columns(people, phenotypes, known)
        require_no_texts(connection, people, phenotypes, columns)
        if not columns:
            raise CohortError(
                f"{people.source}: no column of a phenotype; name them like the interpretation's, or say "
                f"--known PHENOTYPE=COLUMN; there are {', '.join(phenotypes.units)}"
            )
        require_sound(connection, people, phenotypes, columns)
        other_patient = join_cohort(connection, people)
        analysed = read_analysed(connection, phenotypes, people, (), tuple(dict.fromkeys(columns.values())))
        flow = count_cohort(connection).to_pylist()
    return Reference(
        values=analysed.values,
        known={each: analysed.known[columns[each]] for each in phenotypes.units if each in columns},
        patients=analysed.patients,
        patients_known=analysed.patients_known,
        units=phenotypes.units,
        rows={line["what"]: line["rows"] for line in flow},
        other_patient=other_patient,
        identity=StudyTable.existing(output / "interpretations" / name).identity,
        notices=phenotypes.notices,
    )
