"""What an interpretation is made with: bundle, candidates, kinds of study, views; checked before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from echoprime.bundle import Bundle, open_bundle, with_thresholds
from echoprime.errors import SettingError
from echoprime.interpretation import GivenViews, read_given_views, severity_identity
from echoprime.retrieval import CandidateFiles, CandidateSet
from echoprime.retrieval.spaces import require_same_space
from echoprime.storage import Location, canonical_hash
from echoprime.tables import STUDY_KINDS, interpretations
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
        With the thresholds asked for.
    candidates
        The set that is searched.
    kinds
        Kinds of study that are interpreted, in the order of `STUDY_KINDS`.
    views
        Views in place of the classifier's; None = the classifier's.
    scratch
        Folder that is there as long as the choices are open.
    """

    settings: InterpretationChoices
    bundle: Bundle
    candidates: CandidateSet
    kinds: tuple[str, ...]
    views: GivenViews | None
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
        if isinstance(self.candidates.source, CandidateFiles):
            parts["candidates"] = self.candidates.source.hash
        return {"interpretation_id": canonical_hash(parts), **parts}

    def require_space(self, space: str) -> None:
        """Refuse candidates that the encodings cannot be compared with.

        Raises
        ------
        BundleError
            Naming both embedding spaces.
        """
        if isinstance(self.candidates.source, CandidateFiles):
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
        lexicon of the language, or thresholds, candidates or views are missing, damaged or of something else.
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
    candidates = _candidates(settings, bundle)
    with TemporaryDirectory(prefix="echoprime-interpret-") as folder:
        scratch = Path(folder)
        views = None
        if settings.views is not None:
            names = None if settings.view_names is None else Location.parse(settings.view_names)
            views = read_given_views(Location.parse(settings.views), names, bundle.views, scratch)
        yield Choices(settings, bundle, candidates, kinds, views, scratch)


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


def _candidates(settings: InterpretationChoices, bundle: Bundle) -> CandidateSet:
    if settings.candidates is None:
        return CandidateSet.open(bundle)
    files = CandidateFiles.open(Location.parse(settings.candidates))
    files.require_lexicon(bundle)
    return CandidateSet.open(files)
