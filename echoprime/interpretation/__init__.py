"""Neighbours to what people read: phenotype values, calls, report text, evidence."""

from echoprime.interpretation.clip_values import StudyClips
from echoprime.interpretation.given_views import GivenViews, read_given_views
from echoprime.interpretation.interpreter import Interpreter
from echoprime.interpretation.labels import LabelReader
from echoprime.interpretation.lexicon import decode_report, decode_section
from echoprime.interpretation.matched_views import MatchedViews, match_views, nothing_fits, require_listed
from echoprime.interpretation.phenotypes import PAIRINGS, Pairing
from echoprime.interpretation.recognition import PhraseRecogniser, RecognisedReport
from echoprime.interpretation.severity.grading import severity_identity

__all__ = [
    "PAIRINGS",
    "GivenViews",
    "Interpreter",
    "LabelReader",
    "MatchedViews",
    "Pairing",
    "PhraseRecogniser",
    "RecognisedReport",
    "StudyClips",
    "decode_report",
    "decode_section",
    "match_views",
    "nothing_fits",
    "read_given_views",
    "require_listed",
    "severity_identity",
]
