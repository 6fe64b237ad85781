"""Neighbours to what people read: phenotype values, calls, report text, evidence."""

from echoprime.interpretation.interpreter import Interpreter
from echoprime.interpretation.labels import LabelReader
from echoprime.interpretation.lexicon import decode_report, decode_section
from echoprime.interpretation.phenotypes import PAIRINGS, Pairing
from echoprime.interpretation.recognition import PhraseRecogniser, RecognisedReport

__all__ = [
    "PAIRINGS",
    "Interpreter",
    "LabelReader",
    "Pairing",
    "PhraseRecogniser",
    "RecognisedReport",
    "decode_report",
    "decode_section",
]
