"""A candidate set of one's own as files: hashed, from a folder or copied once from a bucket to each node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echoprime.bundle import Bundle
from echoprime.bundle.cache import cache_directory, local_file, require_inside
from echoprime.errors import BundleError
from echoprime.storage import Location, canonical_hash

SUMMARY = "summary.json"
"""What the set was made of, how it was counted, and the hash of every file; written last."""

SUMMARY_FORMAT = 1

_MAKE = "make it with `echoprime candidates build`"


@dataclass(frozen=True, eq=False)
class CandidateFiles:
    """The files of a set that `echoprime candidates build` wrote. Frozen; travels to actors by pickle.

    Attributes
    ----------
    location
        Folder or prefix.
    summary
        Content of `summary.json`.
    """

    location: Location
    summary: Mapping[str, Any] = field(repr=False)

    @classmethod
    def open(cls, location: Location) -> CandidateFiles:
        """Read `summary.json`, and see that a folder's files are there.

        Raises
        ------
        BundleError
            There is no set, it is of another format, or a file is missing or of another size.
        """
        location.require_reachable("candidates", BundleError)
        try:
            summary = json.loads((location / SUMMARY).read_bytes())
            found = summary["format"]
            if found != SUMMARY_FORMAT:
                raise BundleError(
                    f"candidates {location}: format {found!r}, this version reads {SUMMARY_FORMAT}; "
                    f"{_MAKE} again"
                )
            opened = cls(location, summary)
            for name in summary["files"]:
                require_inside(name, f"candidates {location}: {SUMMARY}", f"{_MAKE} again")
                if location.is_local:  # from a bucket each node fetches and verifies its own copy
                    opened.file(name)
        except OSError as error:
            raise BundleError(f"candidates {location}: no {SUMMARY} there; {_MAKE}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"candidates {location}: {SUMMARY} is damaged; {_MAKE} again") from error
        return opened

    @property
    def hash(self) -> str:
        """BLAKE2b-128 of all files' hashes: part of `interpretation_id`, and the name of a node's copy."""
        return files_hash({name: entry["sha256"] for name, entry in self.summary["files"].items()})

    def file(self, name: str) -> Path:
        """Local path of one of its files; from a bucket it is copied once to this node and verified.

        Raises
        ------
        BundleError
            When it is not the file that `summary.json` names.
        """
        entry = self.summary["files"].get(name)
        if entry is None:
            raise BundleError(f"{name}: not in the candidate set; {_MAKE} again")
        return local_file(
            self.location,
            name,
            entry["size"],
            entry["sha256"],
            cache_directory(self.hash),
            listed_in=SUMMARY,
            cure=f"{_MAKE} again",
        )

    def require_lexicon(self, bundle: Bundle) -> None:
        """Refuse a bundle whose lexicon numbers other phrases than these reports were coded by.

        Raises
        ------
        BundleError
            Naming the language.
        """
        language, sha256 = (self.summary["lexicon"][name] for name in ("language", "sha256"))
        require_same_lexicon(self.location, language, sha256, bundle)


def require_same_lexicon(place: Location, language: str, sha256: str, bundle: Bundle) -> None:
    """Refuse a bundle that does not have the lexicon of that hash.

    Raises
    ------
    BundleError
        Naming the place whose reports are coded by it, and the language.
    """
    entry = bundle.files.get(f"lexicon/{language}.json")
    if entry is None or entry.sha256 != sha256:
        raise BundleError(
            f"candidates {place}: their reports are coded by another {language!r} lexicon than bundle "
            f"{bundle.name!r} has; build the set again with this bundle"
        )


def files_hash(sha256: Mapping[str, str]) -> str:
    """BLAKE2b-128 of files' names and hashes.

    Examples
    --------
    >>> files_hash({"a": "1", "b": "2"}) == files_hash({"b": "2", "a": "1"})
    True
    """
    return canonical_hash(dict(sorted(sha256.items())))
