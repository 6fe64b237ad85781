"""What a run needs, hashed and safe to load: weights, section weights, phenotypes, lexicons, candidates."""

from echoprime.bundle.bundle import Bundle, Network, TunedFrom, open_bundle
from echoprime.bundle.calibration import Calibration, with_calibration
from echoprime.bundle.lexicon import Lexicon
from echoprime.bundle.phenotypes import Phenotype
from echoprime.bundle.sections import VIEWS, SectionWeights
from echoprime.bundle.thresholds import with_thresholds
from echoprime.bundle.writing import write_bundle

__all__ = [
    "VIEWS",
    "Bundle",
    "Calibration",
    "Lexicon",
    "Network",
    "Phenotype",
    "SectionWeights",
    "TunedFrom",
    "open_bundle",
    "with_calibration",
    "with_thresholds",
    "write_bundle",
]
