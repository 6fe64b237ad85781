"""A place that a user names, as the candidates in it: a bundle's, a set of one's own, or a stack of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from echoprime.bundle import Bundle, Lexicon, open_bundle
from echoprime.bundle.bundle import CANDIDATES
from echoprime.errors import BundleError
from echoprime.interpretation.plain_facts import joined_notice
from echoprime.retrieval import CandidateFiles, Candidates, CandidateSet, CandidateStack
from echoprime.retrieval.candidate_files import SUMMARY, require_same_lexicon
from echoprime.retrieval.spaces import require_same_space
from echoprime.storage import Location

STACK = "stack.json"
"""In a folder of its own: which sets are searched as one."""

STACK_FORMAT = 1


@dataclass(frozen=True)
class OpenedSet:
    """Candidates and what they came with.

    Attributes
    ----------
    place
        As named.
    candidates
        The set, or the stack of sets.
    hash
        What is part of an `interpretation_id`.
    bundle
        The bundle that it lies in, or the one that was named; None = neither.
    language, lexicon_sha256
        Of the lexicon that its reports are coded by.
    notice
        What must be said beside its reports.
    coded_by
        Of each of its sets: place, language and hash of its lexicon.
    """

    place: Location
    candidates: Candidates
    hash: str
    bundle: Bundle | None
    language: str
    lexicon_sha256: str
    notice: str
    coded_by: tuple[tuple[Location, str, str], ...]

    def require_lexicon(self, bundle: Bundle) -> None:
        """Refuse a bundle whose lexicon numbers other phrases than the reports of one of the sets.

        Raises
        ------
        BundleError
            Naming the set.
        """
        for place, language, sha256 in self.coded_by:
            require_same_lexicon(place, language, sha256, bundle)

    def by_bundle(self, named: Bundle) -> OpenedSet:
        """A bundle's candidates with another bundle's text encoder, section weights and lexicons.

        Raises
        ------
        BundleError
            It is of another embedding space, or numbers other phrases.
        """
        require_same_space(
            f"--bundle {named.name!r} is",
            named.embedding_space,
            "the candidates are",
            self.candidates.embedding_space,
            "leave --bundle out, or give one of the same encoder",
        )
        self.require_lexicon(named)
        return replace(self, bundle=named)

    def lexicon(self, language: str | None = None) -> Lexicon | None:
        """What the reports are written in; None where no bundle is at hand.

        Raises
        ------
        BundleError
            The bundle has none of the language.
        """
        return None if self.bundle is None else self.bundle.lexicon(language or self.language)


def open_set(named: str, bundle: str | None = None) -> OpenedSet:
    """Open a bundle's set, one of one's own, or a stack.

    Parameters
    ----------
    named
        Folder or s3:// prefix.
    bundle
        For a set of one's own: the bundle with its lexicon. Of a bundle: another one in its place.

    Raises
    ------
    BundleError
        There is neither there, it is damaged, or the bundle is of another lexicon, or beside a bundle of
        another encoder.
    """
    place = Location.parse(named)
    place.require_reachable("candidates", BundleError, must_exist=True)
    return _open(place, bundle)


def _open(place: Location, bundle: str | None = None) -> OpenedSet:
    """What is known to be there."""
    named_bundle = None if bundle is None else open_bundle(bundle)
    if (place / "bundle.json").exists():
        return _of_bundle(place) if named_bundle is None else _of_bundle(place).by_bundle(named_bundle)
    if is_stack(place):
        return opened_stack(place, stacked_sets(place), named_bundle)
    if not (place / SUMMARY).exists():
        raise BundleError(
            f"{place}: neither bundle.json nor {SUMMARY} there; give a bundle, or a set made by `echoprime "
            "candidates build` or `import`"
        )
    files = CandidateFiles.open(place)
    if named_bundle is not None:
        files.require_lexicon(named_bundle)
    language, sha256 = (files.summary["lexicon"][name] for name in ("language", "sha256"))
    return OpenedSet(
        place,
        CandidateSet.open(files),
        files.hash,
        named_bundle,
        language,
        sha256,
        files.summary.get("notice", ""),
        ((place, language, sha256),),
    )


def _of_bundle(place: Location) -> OpenedSet:
    own = open_bundle(place)
    language = "en" if "en" in own.languages else own.languages[0]
    candidates, sha256 = CandidateSet.open(own), own.files[f"lexicon/{language}.json"].sha256
    return OpenedSet(
        place,
        candidates,
        own.files_hash(CANDIDATES),
        own,
        language,
        sha256,
        own.notice,
        ((place, language, sha256),),
    )


def is_stack(place: Location) -> bool:
    """Whether `candidates stack` wrote there."""
    return (place / STACK).exists()


def stacked_places(place: Location) -> dict[str, Location]:
    """Name -> place of each set that a stack names.

    Raises
    ------
    BundleError
        The stack is damaged, or of another format.
    """
    try:
        content = json.loads((place / STACK).read_bytes())
        found = content["format"]
        places = {str(each["name"]): Location.parse(str(each["place"])) for each in content["sets"]}
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{place}: {STACK} is damaged; stack the sets again") from error
    if found != STACK_FORMAT:
        raise BundleError(f"{place}: stack format {found!r}, this version reads {STACK_FORMAT}; stack again")
    if not places:
        raise BundleError(f"{place}: {STACK} names no set; stack the sets again")
    return places


def stacked_sets(place: Location) -> dict[str, OpenedSet]:
    """The sets that a stack names, as they lie now.

    Raises
    ------
    BundleError
        The stack is damaged, or of another format; or one of its sets is missing, damaged, or a stack.
    """
    found = {}
    for name, each in stacked_places(place).items():
        each.require_reachable("candidates", BundleError, must_exist=True)
        if is_stack(each):
            raise BundleError(f"{place}: {each} is a stack itself; name its sets")
        found[name] = _open(each)
    return found


def opened_stack(place: Location, parts: Mapping[str, OpenedSet], bundle: Bundle | None) -> OpenedSet:
    """Sets as one, if they fit each other.

    Parameters
    ----------
    place
        Of the stack.
    parts
        Name -> set; at least one.
    bundle
        The bundle that was named; None = the first one among the sets, if there is one.

    Raises
    ------
    BundleError
        Two sets are of different embedding spaces; or their reports are coded by lexicons of which no bundle
        at hand has all.
    """
    sets = list(parts.values())
    for each in sets:
        if not isinstance(each.candidates, CandidateSet):
            raise BundleError(f"{each.place}: is a stack itself; name its sets")
    candidates = CandidateStack.of(
        {name: each.candidates for name, each in parts.items() if isinstance(each.candidates, CandidateSet)}
    )
    coded_by = tuple(coded for each in sets for coded in each.coded_by)
    first = sets[0]
    bundles = [each.bundle for each in sets if each.bundle is not None] if bundle is None else [bundle]
    if not bundles:
        for other in sets[1:]:
            if (other.language, other.lexicon_sha256) != (first.language, first.lexicon_sha256):
                raise BundleError(
                    f"candidates {first.place} and {other.place} are coded by other lexicons "
                    f"({first.language!r}, {other.language!r}); give the --bundle that has both, or build "
                    "one of them again"
                )
    opened = OpenedSet(
        place,
        candidates,
        str(candidates.hash),
        None,
        first.language,
        first.lexicon_sha256,
        joined_notice(each.notice for each in sets),
        coded_by,
    )
    return replace(opened, bundle=_of_all_lexicons(opened, bundles)) if bundles else opened


def _of_all_lexicons(opened: OpenedSet, bundles: Sequence[Bundle]) -> Bundle:
    """The first bundle that has the lexicons of all sets; else what is wrong with the first one."""
    refused = []
    for each in bundles:
        try:
            opened.require_lexicon(each)
        except BundleError as error:
            refused.append(error)
        else:
            return each
    raise refused[0]
