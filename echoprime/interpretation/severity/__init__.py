"""How severe a finding is: coded phrases to grades, by tables of the guidelines' wording."""

from echoprime.interpretation.severity.grading import PhraseGrades
from echoprime.interpretation.severity.neighbours import severity_column
from echoprime.interpretation.severity.structures import Structure, read_structures
from echoprime.interpretation.severity.wording import Statement, Wording

__all__ = ["PhraseGrades", "Statement", "Structure", "Wording", "read_structures", "severity_column"]
