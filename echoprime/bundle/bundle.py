"""`bundle.json` and what it names: the one thing a job is given beside its input."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echoprime.bundle.cache import cache_directory, file_sha256, local_file, require_inside
from echoprime.bundle.lexicon import Lexicon
from echoprime.bundle.phenotypes import Phenotype, phenotypes_from_csv
from echoprime.bundle.sections import VIEWS, SectionWeights
from echoprime.errors import BundleError
from echoprime.storage import Location, canonical_hash

FORMAT = 1
"""Version of the bundle's layout; another one is refused."""

CANDIDATES = "candidates/"
"""Where the candidate set lies inside a bundle."""


@dataclass(frozen=True)
class Network:
    """Weights of one network.

    Attributes
    ----------
    architecture
        Its name in the registries of `echoprime.networks`.
    file
        Of the bundle, safetensors.
    sha256
        Of that file.
    """

    architecture: str
    file: str
    sha256: str


@dataclass(frozen=True)
class TunedFrom:
    """What a tuned bundle was made of.

    Attributes
    ----------
    bundle
        The name of the bundle that its view classifier, lexicons and tables are from.
    embedding_space
        That of that bundle, whose candidates and text encoder do not fit any more.
    """

    bundle: str
    embedding_space: str


@dataclass(frozen=True)
class BundleFile:
    """What `bundle.json` says of one file: its size in bytes, SHA-256, and where it came from."""

    size: int
    sha256: str
    origin: str


@dataclass(frozen=True, eq=False)
class Bundle:
    """An opened bundle: small tables in memory, large files by path. Frozen; travels to actors by pickle.

    Attributes
    ----------
    location
        Folder or bucket prefix.
    name
        The user's name for it.
    trained
        False = random weights; every output says so.
    notice
        What must be said beside every number; empty = nothing.
    embedding_space
        What embeddings its candidates can be compared with: `sha256:` and the encoder weights' hash, or
        a name.
    views
        The 11 views, in the classifier's order.
    sections
        Weight of each view in each section.
    phenotypes
        In the order of the release's `section_to_phenotypes`.
    encoder, view_classifier
        None where the bundle has no weights: it interprets, but does not encode.
    preprocessing
        Constants of the clip, as `echoprime.reading` names them.
    languages
        Those that it has a lexicon for.
    candidates_rows
        Rows of its candidate set; 0 = it has none.
    files
        Every file but `bundle.json`, by its name relative to the bundle.
    calibration
        SHA-256 of the calibration that its phenotypes have; None = they have none.
    text_encoder
        None where it is not searched by text.
    tuned_from
        What its video encoder was tuned from; None = it is not tuned.
    """

    location: Location
    name: str
    trained: bool
    notice: str
    embedding_space: str
    sections: SectionWeights
    phenotypes: tuple[Phenotype, ...]
    encoder: Network | None
    view_classifier: Network | None
    preprocessing: Mapping[str, Any]
    candidates_rows: int
    files: Mapping[str, BundleFile] = field(repr=False)
    views: tuple[str, ...] = VIEWS
    calibration: str | None = None
    text_encoder: Network | None = None
    tuned_from: TunedFrom | None = None

    @property
    def encodes(self) -> bool:
        """Whether it holds the weights of both networks."""
        return self.encoder is not None and self.view_classifier is not None

    @property
    def has_candidates(self) -> bool:
        """Whether a candidate set lies in it; not in a tuned one."""
        return f"{CANDIDATES}candidates.json" in self.files

    def require_candidates(self) -> None:
        """Refuse a bundle without a candidate set.

        Raises
        ------
        BundleError
            Naming why it has none, and the cure.
        """
        if self.has_candidates:
            return
        if self.tuned_from is None:
            raise BundleError(f"bundle {self.name!r} has no candidates; import the release again")
        raise BundleError(
            f"bundle {self.name!r} has no candidates: it encodes into the embedding space "
            f"{self.embedding_space!r}, and those of bundle {self.tuned_from.bundle!r} are of "
            f"{self.tuned_from.embedding_space!r}; build a set of studies that it encoded (echoprime "
            "candidates build) and give --candidates"
        )

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of its lexicons, sorted."""
        return tuple(
            sorted(
                name[8:-5] for name in self.files if name.startswith("lexicon/") and name.endswith(".json")
            )
        )

    @property
    def hash(self) -> str:
        """BLAKE2b-128 of all files' hashes: the name of this bundle's cache."""
        return canonical_hash({name: each.sha256 for name, each in sorted(self.files.items())})

    def files_hash(self, prefix: str) -> str:
        """BLAKE2b-128 of the names and hashes of those files whose names begin so."""
        return canonical_hash(
            {name: each.sha256 for name, each in sorted(self.files.items()) if name.startswith(prefix)}
        )

    def file(self, name: str) -> Path:
        """Local path of one of its files; from a bucket it is copied once to this node and verified.

        Raises
        ------
        BundleError
            When the bundle has no such file, or what lies there is not what `bundle.json` names.
        """
        if name not in self.files:
            raise BundleError(f"{name}: not in bundle {self.name!r}; import the release again")
        entry = self.files[name]
        return local_file(self.location, name, entry.size, entry.sha256, cache_directory(self.hash))

    def check_files(self) -> int:
        """Hash every file; returns how many there are.

        Raises
        ------
        BundleError
            Naming the first file that is missing or differs.
        """
        for name, entry in self.files.items():
            if file_sha256(self.file(name)) != entry.sha256:
                raise BundleError(f"{name}: SHA-256 differs from bundle.json's; import the release again")
        return len(self.files)

    def lexicon(self, language: str = "en") -> Lexicon:
        """The lexicon of one language.

        Raises
        ------
        BundleError
            When the bundle has none for it, naming those that it has.
        """
        if language not in self.languages:
            raise BundleError(
                f"language {language!r}: bundle {self.name!r} has {', '.join(self.languages) or 'none'}"
            )
        name = f"lexicon/{language}.json"
        return Lexicon.from_json(self.file(name).read_bytes(), name)

    def label_sources(self) -> dict[str, dict[str, Any]]:
        """Phenotype -> {section, mode, label_sources}: how labels are read back out of reports."""
        content: dict[str, dict[str, Any]] = json.loads(self.file("label_sources.json").read_bytes())
        return content

    def encoding_identity(self) -> dict[str, Any]:
        """What of this bundle an encoding depends on: goes into `encoding_id`, shown where tables differ."""
        return {
            "encoder": self.encoder.sha256 if self.encoder else None,
            "view_classifier": self.view_classifier.sha256 if self.view_classifier else None,
        }

    def interpretation_identity(self, k: int, pairing: str, language: str) -> dict[str, Any]:
        """What of this bundle and these choices an interpretation depends on, as plain JSON values."""
        return {
            "candidates": self.files_hash(CANDIDATES),
            "embedding_space": self.embedding_space,
            "section_weights": self.files_hash("sections.csv"),
            "phenotypes": canonical_hash([[each.name, each.section, each.kind] for each in self.phenotypes]),
            "thresholds": {
                each.name: each.threshold for each in self.phenotypes if each.threshold is not None
            },
            "calibration": self.calibration,
            "lexicon": self.files_hash(f"lexicon/{language}.json"),
            "notice": self.notice,
            "language": language,
            "k": k,
            "pairing": pairing,
        }


def open_bundle(location: str | Path | Location) -> Bundle:
    """Open a bundle: reads `bundle.json`, `sections.csv` and `phenotypes.csv`; nothing large.

    Parameters
    ----------
    location
        Folder or `s3://` prefix.

    Raises
    ------
    BundleError
        When nothing is there, or it is damaged or of another format version; names the cure.
    """
    place = location if isinstance(location, Location) else Location.parse(location)
    place.require_reachable("bundle", BundleError)
    try:
        content = json.loads((place / "bundle.json").read_bytes())
    except OSError as error:
        raise BundleError(
            f"{place}: no bundle.json there; make a bundle with `echoprime bundle fetch BUNDLE`, or "
            "`echoprime bundle import RELEASE BUNDLE`"
        ) from error
    except ValueError as error:
        raise BundleError(f"{place}: bundle.json is damaged; import the release again") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise BundleError(
            f"{place}: bundle format {found!r}, this version reads {FORMAT}; import the release again"
        )
    return _bundle(place, content)


def _bundle(place: Location, content: dict[str, Any]) -> Bundle:
    try:
        files = {name: BundleFile(**entry) for name, entry in content["files"].items()}
        for name in files:
            require_inside(name, f"{place}: bundle.json", "import the release again")
        if tuple(content["views"]) != VIEWS:
            raise BundleError(f"{place}: bundle.json lists other views than {', '.join(VIEWS)}")
        encoder, view_classifier = (
            Network(**content[key]) if content[key] else None for key in ("encoder", "view_classifier")
        )
        text_encoder, tuned_from = content.get("text_encoder"), content.get("tuned_from")
        return Bundle(
            location=place,
            name=content["name"],
            trained=content["trained"],
            notice=content["notice"],
            embedding_space=content["embedding_space"],
            sections=SectionWeights.from_csv(_small(place, files, "sections.csv")),
            phenotypes=phenotypes_from_csv(_small(place, files, "phenotypes.csv")),
            encoder=encoder,
            view_classifier=view_classifier,
            preprocessing=content["preprocessing"],
            candidates_rows=content["candidates_rows"],
            files=files,
            text_encoder=Network(**text_encoder) if text_encoder else None,
            tuned_from=TunedFrom(**tuned_from) if tuned_from else None,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{place}: bundle.json is damaged ({error}); import the release again") from error


def _small(place: Location, files: Mapping[str, BundleFile], name: str) -> bytes:
    """A small file's bytes, hash checked, without the cache: opening leaves no trace on this machine."""
    try:
        data = (place / name).read_bytes()
    except FileNotFoundError as error:
        raise BundleError(f"{place}: {name} is missing; import the release again") from error
    if hashlib.sha256(data).hexdigest() != files[name].sha256:
        raise BundleError(f"{place}: {name} differs from bundle.json's SHA-256; import the release again")
    return data
