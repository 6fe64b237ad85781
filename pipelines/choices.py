"""What an interpretation is made with: bundle, candidates, kinds of study, views; checked before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from echoprime.bundle import Bundle, Calibration, open_bundle, with_calibration, with_thresholds
from echoprime.errors import BundleError, SettingError
from echoprime.interpretation import GivenViews, read_given_views, severity_identity
from echoprime.retrieval import CandidateFiles, Candidates, CandidateSet, CandidateStack
from echoprime.retrieval.spaces import require_same_space
from echoprime.storage import Location, canonical_hash
from echoprime.tables import STUDY_KINDS, interpretations
from echoprime.tables.identity import differences, values_identity
from pipelines.candidate_sets.opening import is_stack, opened_stack, stacked_sets
from pipelines.checks import require_name, require_positive
from pipelines.settings import InterpretationChoices, InterpretSettings, RunAllSettings

EXCLUSIONS = "same study, same patient"
"""Candidates that are never a study's neighbours: the study itself, and others of its patient."""

ALL = "all"
"""Every kind of study, known or not."""


@dataclass(frozen=True)
class Choices:
    """What one interpretation is made with.

    Attributes
    ----------
    settings
        As asked for.
    bundle
        With the thresholds and the calibration asked for.
    candidates
        The set that is searched, or the stack of sets.
    kinds
        Kinds of study that are interpreted, in the order of `STUDY_KINDS`.
    views
        Views in place of the classifier's; None = the classifier's.
    calibration
        What was asked for; None = none.
    scratch
        Folder that is there as long as the choices are open.
    """

    settings: InterpretationChoices
    bundle: Bundle
    candidates: Candidates
    kinds: tuple[str, ...]
    views: GivenViews | None
    calibration: Calibration | None
    scratch: Path

    @property
    def schema(self) -> pa.Schema:
        """Columns of the interpretation."""
        return interpretations(
            [phenotype.name for phenotype in self.bundle.phenotypes],
            [phenotype.name for phenotype in self.bundle.phenotypes if phenotype.threshold is not None],
        )

    def identity(self, encoding_id: str) -> dict[str, Any]:
        """What a row's values depend on; `interpretation_id` is its hash."""
        settings = self.settings
        parts = {
            "encoding_id": encoding_id,
            "include_incomplete": settings.include_incomplete,
            **self.bundle.interpretation_identity(settings.k, settings.pairing, settings.language),
            "embedding_space": self.candidates.embedding_space,
            "exclusions": EXCLUSIONS,
            "severity": severity_identity(self.bundle),
            "study_kinds": list(self.kinds),
            "views": None if self.views is None else self.views.identity,
            "influence": settings.influence,
        }
        if isinstance(self.candidates, CandidateStack):
            # the order too, which JSON objects do not keep: of equal scores the earlier set's row is nearer
            parts |= {"candidates": self.candidates.hashes, "candidate_sets": list(self.candidates.names)}
        elif settings.candidates is not None:
            parts["candidates"] = self.candidates.hash
        return {"interpretation_id": canonical_hash(parts), **parts}

    def calibrated_elsewhere(self, encoding_id: str) -> list[str]:
        """What the calibration's values rested on where it is something else than here: a phrase each."""
        if self.calibration is None:
            return []
        return differences(
            self.calibration.made_from.get("values_from", {}), values_identity(self.identity(encoding_id))
        )

    def require_space(self, space: str) -> None:
        """Refuse candidates that the encodings cannot be compared with.

        Raises
        ------
        BundleError
            Naming both embedding spaces.
        """
        if self.settings.candidates is not None:
            whose = "the candidate set is"
            cure = "build it from these encodings (echoprime candidates build)"
        else:
            whose = f"the candidates of bundle {self.bundle.name!r} are"
            cure = (
                "interpret with the bundle that encoded, or name the space when importing it "
                "(--embedding-space)"
            )
        require_same_space("the encodings are", space, whose, self.candidates.embedding_space, cure)


@contextmanager
def opened_choices(settings: InterpretSettings | RunAllSettings) -> Iterator[Choices]:
    """Open and check all of it; `run` does so before it encodes.

    Raises
    ------
    UserError
        A number is not above 0, the name cannot be a folder's, a kind of study is none, the bundle has no
        lexicon of the language, or thresholds, calibration, candidates or views are missing, damaged or of
        something else.
    """
    require_positive(k=settings.k, shards=settings.shards)
    require_name("--name", settings.name)
    kinds = study_kinds(settings.study_kinds)
    if settings.view_names is not None and settings.views is None:
        raise SettingError(f"--view-names {settings.view_names}: says what names in --views mean; give both")
    bundle = open_bundle(settings.bundle)
    bundle.lexicon(settings.language)
    if settings.thresholds is not None:
        bundle = with_thresholds(bundle, Location.parse(settings.thresholds))
    calibration = None
    if settings.calibration is not None:
        file = Location.parse(settings.calibration)
        calibration = Calibration.read(file)
        bundle = with_calibration(bundle, calibration, f"--calibration {file}")
    candidates = _candidates(settings, bundle)
    with TemporaryDirectory(prefix="echoprime-interpret-") as folder:
        scratch = Path(folder)
        views = None
        if settings.views is not None:
            names = None if settings.view_names is None else Location.parse(settings.view_names)
            views = read_given_views(Location.parse(settings.views), names, bundle.views, scratch)
        yield Choices(settings, bundle, candidates, kinds, views, calibration, scratch)


def study_kinds(asked: Sequence[str]) -> tuple[str, ...]:
    """The kinds of study that a list names, in the order of `STUDY_KINDS`; `all` is every one.

    Parameters
    ----------
    asked
        Each entry one kind or several, separated by commas.

    Raises
    ------
    SettingError
        Naming what is no kind, and those that are.

    Examples
    --------
    >>> study_kinds(["unknown,stress", "transthoracic"])
    ('transthoracic', 'stress', 'unknown')
    """
    words = [word.strip() for entry in asked for word in entry.split(",") if word.strip()]
    allowed = f"there are {', '.join(STUDY_KINDS)}, and {ALL}"
    if not words:
        raise SettingError(f"--study-kinds is empty; {allowed}")
    for word in words:
        if word not in (*STUDY_KINDS, ALL):
            raise SettingError(f"--study-kinds {word}: no kind of study; {allowed}")
    return tuple(kind for kind in STUDY_KINDS if kind in words or ALL in words)


def _candidates(settings: InterpretationChoices, bundle: Bundle) -> Candidates:
    if settings.candidates is None:
        return CandidateSet.open(bundle)
    place = Location.parse(settings.candidates)
    place.require_reachable("candidates", BundleError)
    if is_stack(place):
        return opened_stack(place, stacked_sets(place), bundle).candidates
    files = CandidateFiles.open(place)
    files.require_lexicon(bundle)
    return CandidateSet.open(files)
