"""Neighbours to what people read: phenotype values, calls, report text, evidence."""

from echoprime.interpretation.interpreter import Interpreter
from echoprime.interpretation.lexicon import decode_report, decode_section
from echoprime.interpretation.phenotypes import PAIRINGS, Pairing

__all__ = ["PAIRINGS", "Interpreter", "Pairing", "decode_report", "decode_section"]
