"""The official release to a bundle: fetched, read safely, checked, and rewritten without pickles."""

from echoprime.release.fetching import fetch_release
from echoprime.release.importing import import_release
from echoprime.release.tuning import tune_bundle
from echoprime.release.unpickler import load_pickle
from echoprime.release.weights import read_weights

__all__ = ["fetch_release", "import_release", "load_pickle", "read_weights", "tune_bundle"]
