"""A place that a user names, as the candidate set in it: a bundle's, or one of one's own."""

from __future__ import annotations

from dataclasses import dataclass

from echoprime.bundle import Bundle, Lexicon, open_bundle
from echoprime.errors import BundleError
from echoprime.retrieval import CandidateFiles, CandidateSet
from echoprime.retrieval.candidate_files import SUMMARY
from echoprime.storage import Location


@dataclass(frozen=True)
class OpenedSet:
    """A candidate set and what it came with.

    Attributes
    ----------
    place
        As named.
    candidates
        The set.
    hash
        What is part of an `interpretation_id`.
    bundle
        The bundle that it lies in, or the one that was named for a set of one's own; None = neither.
    language, lexicon_sha256
        Of the lexicon that its reports are coded by.
    notice
        What must be said beside its reports.
    """

    place: Location
    candidates: CandidateSet
    hash: str
    bundle: Bundle | None
    language: str
    lexicon_sha256: str
    notice: str

    def lexicon(self, language: str | None = None) -> Lexicon | None:
        """What the reports are written in; None where no bundle is at hand.

        Raises
        ------
        BundleError
            The bundle has none of the language.
        """
        return None if self.bundle is None else self.bundle.lexicon(language or self.language)


def open_set(named: str, bundle: str | None = None) -> OpenedSet:
    """Open a bundle's set, or one of one's own.

    Parameters
    ----------
    named
        Folder or s3:// prefix.
    bundle
        For a set of one's own: the bundle with its lexicon.

    Raises
    ------
    BundleError
        There is neither there, it is damaged, or the bundle's lexicon is another one.
    """
    place = Location.parse(named)
    place.require_reachable("candidates", BundleError, must_exist=True)
    if (place / "bundle.json").exists():
        own = open_bundle(place)
        language = "en" if "en" in own.languages else own.languages[0]
        identity = own.interpretation_identity(1, "section", language)
        lexicon = own.files[f"lexicon/{language}.json"].sha256
        candidates = CandidateSet.open(own)
        return OpenedSet(place, candidates, identity["candidates"], own, language, lexicon, own.notice)
    if not (place / SUMMARY).exists():
        raise BundleError(
            f"{place}: neither bundle.json nor {SUMMARY} there; give a bundle, or a set made by `echoprime "
            "candidates build` or `import`"
        )
    files = CandidateFiles.open(place)
    named_bundle = None if bundle is None else open_bundle(bundle)
    if named_bundle is not None:
        files.require_lexicon(named_bundle)
    lexicon_of = files.summary["lexicon"]
    return OpenedSet(
        place,
        CandidateSet.open(files),
        files.hash,
        named_bundle,
        lexicon_of["language"],
        lexicon_of["sha256"],
        files.summary.get("notice", ""),
    )
