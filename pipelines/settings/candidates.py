"""Settings of what handles candidate sets.

The sentence under a field is what `--help` shows. Field names are flag names and TOML keys.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.settings.jobs import Device


@dataclass(frozen=True, kw_only=True)
class CandidatesBuildSettings:
    """Settings of `echoprime candidates build`."""

    encodings: str
    """Table of encoded studies: OUT/encodings."""

    bundle: str
    """Bundle whose lexicon, phenotypes and label sources are used."""

    candidates: str
    """Folder or s3:// prefix to write; must hold nothing yet."""

    reports: str | None = None
    """CSV with columns study_id, report."""

    labels: str | None = None
    """CSV with a column study_id and one for each phenotype that is known."""

    language: str = "en"
    """Language of the reports; the bundle must have a lexicon for it."""

    read_labels: bool = True
    """Read labels that --labels lacks out of the report's text."""


@dataclass(frozen=True, kw_only=True)
class CandidatesInfoSettings:
    """Settings of `echoprime candidates info`."""

    candidates: str
    """Bundle, or candidate set: folder or s3:// prefix."""

    bundle: str | None = None
    """For a set of your own: bundle with the lexicon that its reports are coded by. Of a bundle: another one
    of the same encoder in its place."""

    json: bool = False
    """Write JSON instead of tables."""


@dataclass(frozen=True, kw_only=True)
class CandidatesSearchSettings:
    """Settings of `echoprime candidates search`."""

    candidates: str
    """Bundle, candidate set, or table of encoded studies (OUT/encodings): folder or s3:// prefix."""

    row: int | None = None
    """The query is this candidate's embedding; rows are numbered from 0."""

    set: str | None = None
    """Of a stack: the set that --row is of. Default: the first."""

    study: str | None = None
    """The query is this study of --encodings: study_id. Others on this machine see a command line."""

    encodings: str | None = None
    """Table of encoded studies: OUT/encodings."""

    text: str | None = None
    """The query is what the bundle's text encoder makes of these words, such as "severe aortic stenosis"."""

    section: str | None = None
    """Report section: its query of the study, and its text of each candidate. Default: the mean of the
    videos, and whole reports."""

    k: int = 10
    """Candidates shown."""

    bundle: str | None = None
    """For a set of your own, or encoded studies: bundle with section weights, text encoder, and the lexicon
    that the reports are coded by. Of a bundle: another one of the same encoder in its place."""

    language: str | None = None
    """Language of the reports shown. Default: the set's."""

    json: bool = False
    """Write JSON instead of a table."""

    csv: bool = False
    """Write CSV instead of a table."""


@dataclass(frozen=True, kw_only=True)
class CandidatesRecallSettings:
    """Settings of `echoprime candidates recall`."""

    encodings: str
    """Table of encoded studies: OUT/encodings."""

    reports: str
    """CSV with columns study_id, report."""

    bundle: str
    """Bundle that encoded them, with a text encoder."""

    device: Device = "cpu"
    """Where the reports are encoded."""

    json: bool = False
    """Write JSON instead of a table."""

    progress: bool = True
    """Show how far it is."""


@dataclass(frozen=True, kw_only=True)
class CandidatesImportSettings:
    """Settings of `echoprime candidates import`."""

    candidates: str
    """Folder or s3:// prefix to write; must hold nothing yet."""

    rows: str
    """Parquet file or folder of them: study_id, embedding (512 float32; or --embeddings), and what is known
    of patient_id, phenotypes, report (text)."""

    bundle: str
    """Bundle whose phenotypes and lexicon are used."""

    embeddings: str | None = None
    """.npy file, float32 (rows, 512), in the order of the rows."""

    embedding_space: str | None = None
    """Which encoder made the embeddings, as `candidates info` names it. Default: what exported files say."""

    language: str = "en"
    """Language of the reports; the bundle must have a lexicon for it."""


@dataclass(frozen=True, kw_only=True)
class CandidatesExportSettings:
    """Settings of `echoprime candidates export`."""

    candidates: str
    """Bundle, or candidate set: folder or s3:// prefix."""

    directory: str
    """Folder or s3:// prefix to write; must hold nothing, or what an interrupted export left."""

    bundle: str | None = None
    """For a set of your own: bundle with the lexicon that its reports are coded by. Of a bundle: another one
    of the same encoder in its place."""

    progress: bool = True
    """Show how far it is."""


@dataclass(frozen=True, kw_only=True)
class CandidatesStackSettings:
    """Settings of `echoprime candidates stack`."""

    candidates: str
    """Folder or s3:// prefix to write; must hold nothing yet."""

    sets: tuple[str, ...]
    """Bundles and candidate sets, folders or s3:// prefixes: two at least."""

    names: str | None = None
    """What evidence calls them, separated by commas. Default: bundle, own."""

    bundle: str | None = None
    """Bundle with the lexicons that the reports are coded by, where none of the sets is one."""
