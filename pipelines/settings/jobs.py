"""Settings of the jobs of the main way: list, encode, interpret, all of it.

The sentence under a field is what `--help` shows. Field names are flag names and TOML keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from echoprime.reading import Mode
from echoprime.retrieval import FilterName

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bf16"]
Pairing = Literal["section", "position"]


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What every job that computes shares."""

    ray_address: str | None = None
    """Head of a Ray cluster that has this machine: HOST:PORT (6379), or auto. Default: a Ray of its own."""

    force: bool = False
    """Write although another run's heartbeat is on the table (only where that run is dead)."""

    progress: bool = True
    """Show a progress bar (on a terminal) or a line every 30 seconds (in a log)."""

    watch_seconds: float = 120.0
    """Say which stage the job waits for where nothing came out for so many seconds, and again later."""

    stall_seconds: float = 1800.0
    """Start anew what is at work where nothing came out for so long; the third time the job ends (3)."""


@dataclass(frozen=True, kw_only=True)
class StudySelection:
    """Which part of an archive a job takes."""

    studies: str | None = None
    """CSV with a column study_id: only these studies."""

    limit: int | None = None
    """Only the first so many studies, done or not."""


@dataclass(frozen=True, kw_only=True)
class ArchiveListing:
    """How an archive is listed: what a study of it is, and how far the listing reaches."""

    study_from: str = "folder"
    """folder: a study is a folder. dicom: StudyInstanceUID. mimic-iv-echo, echonet-dynamic,
    echonet-pediatric, echonet-lvh: by the data set's lists. Or a CSV or Parquet file: path, study_id."""

    columns: tuple[str, ...] = ()
    """NAME=COLUMN where that file's columns have other names: path=dicom_filepath. Once for each."""

    modalities: Annotated[tuple[str, ...], Parameter(negative="", show_default=",".join)] = ("US",)
    """Of a dicomweb:// archive: only series of these modalities, separated by commas, or all."""

    study_dates: str = ""
    """Of a dicomweb:// archive: only studies of these days, YYYYMMDD-YYYYMMDD; an end may be left out."""

    follow_links: bool = False
    """Follow links that lead out of a folder; without it they are left out and counted."""


@dataclass(frozen=True, kw_only=True)
class ArchiveChanges:
    """How a listed study is compared with what the table holds of it."""

    same_files: bool = False
    """A copy of the archive elsewhere: names and sizes decide what is encoded again, not times or ETags."""

    again: str = ""
    """Reasons, separated by commas: encode again every study that has a video of one, as too_large."""


@dataclass(frozen=True, kw_only=True)
class EncodingChoices:
    """What makes one encoding differ from another; part of its identity: each has a table of its own."""

    mode: Mode = "exact"
    """fast: decodes only the frames of a DICOM loop that its clip uses, and the last; the mask may differ."""

    precision: Precision = "float32"
    """bf16: bfloat16 products, faster; needs AVX512-BF16, AMX or a GPU that has it; a table of its own."""

    clips_per_video: int = 1
    """Clips from so many starts spread over each video; 1 is the published way, its first 32 frames."""


@dataclass(frozen=True, kw_only=True)
class EncoderPools:
    """How encoding uses a machine. The defaults suit it: they come from the cores and GPUs that Ray sees."""

    device: Device = "auto"
    """auto takes GPUs where there are any, else cores."""

    readers: int | None = None
    """Actors that read and decode. Default: one for four cores, at least one."""

    max_readers: int | None = None
    """On an autoscaling cluster: readers grow to so many as nodes come. Default: as many as at first."""

    encoders: int | None = None
    """Actors with the video encoder. Default: one a GPU, or one a core."""

    view_classifiers: int | None = None
    """Actors with the view classifier. Default: one a GPU, or one for four cores."""

    commit_studies: int = 256
    """Rows are committed to the table after so many studies ..."""

    commit_seconds: float = 30.0
    """... or so many seconds, whichever is first: at most this much work is redone after a kill."""


@dataclass(frozen=True, kw_only=True)
class ReadingLimits:
    """How large one video may be; a larger one is failed, and taken up again with --again."""

    max_bytes: int = 1 << 30
    """A larger file, or one that inflates to more, is failed as too_large."""

    max_pixels: int = 1 << 24
    """A video with larger frames (rows times columns) is failed as too_large."""

    max_frames: int = 20_000
    """A longer loop is failed as too_large."""

    decode_seconds: float = 120.0
    """A video whose decoding takes longer is failed as decoder_timeout."""

    read_seconds: float = 600.0
    """A video whose bytes take longer to arrive is failed as read_error, and taken up by the next run."""

    decode_memory: int = 4 << 30
    """Bytes of address space of each decoding process; a video that needs more is failed as too_large."""


@dataclass(frozen=True, kw_only=True)
class InterpretationChoices:
    """What makes one interpretation differ from another; part of its identity."""

    name: str = "default"
    """Name of the interpretation: its table is OUT/interpretations/NAME."""

    candidates: str | None = None
    """Candidate set of your own, written by `echoprime candidates build`. Default: the bundle's."""

    thresholds: str | None = None
    """CSV, columns phenotype, threshold: calls are made for these alone. Default: the bundle's."""

    calibration: str | None = None
    """File of `echoprime calibrate`: probabilities, intervals, and its thresholds where it has them."""

    study_kinds: Annotated[tuple[str, ...], Parameter(negative="", show_default=",".join)] = (
        "transthoracic",
        "unknown",
    )
    """Kinds of study that are interpreted, separated by commas, or all. Networks know transthoracic ones."""

    views: str | None = None
    """CSV or Parquet, columns path, view and if known probability, study_id: in place of the classifier's."""

    view_names: str | None = None
    """CSV, columns view, echoprime_view (empty: counts nowhere): what names of --views mean to the bundle."""

    k: int = 50
    """Neighbours that a phenotype is averaged over (the paper: 50)."""

    pairing: Pairing = "section"
    """section joins phenotypes to sections by name; position is what the original code computes."""

    language: str = "en"
    """Language of the report; the bundle must have a lexicon for it."""

    influence: bool = False
    """Values without each video and without each view, too: all takes some 18 times as long."""

    shards: int | None = None
    """Actors that hold the candidates. Default: one a core, from 2 to 64. Results stay the same."""

    search_filter: FilterName = "auto"
    """How candidates that cannot be among the nearest are told: it changes time and memory, no result."""

    include_incomplete: bool = False
    """Interpret studies too of which a video could not be read for a passing reason."""


@dataclass(frozen=True, kw_only=True)
class _EncodePlaces:
    manifest: str
    """Manifest written by `echoprime manifest` (folder or s3://)."""

    bundle: str
    """Bundle with weights, written by `echoprime bundle import`."""

    output: str
    """Folder or s3:// prefix; the table is OUTPUT/encodings."""


@dataclass(frozen=True, kw_only=True)
class _InterpretPlaces:
    bundle: str
    """Bundle with the candidate set; its weights are not needed."""

    output: str
    """Where `echoprime encode` wrote; reads OUTPUT/encodings, writes OUTPUT/interpretations/NAME."""


@dataclass(frozen=True, kw_only=True)
class _RunPlaces:
    archive: str
    """Folder or s3:// prefix with DICOM, MP4 and AVI files, in zip and tar files too; or dicomweb://HOST/PATH."""

    bundle: str
    """Bundle with weights, written by `echoprime bundle import`."""

    output: str
    """Folder or s3:// prefix for the tables; the manifest is OUTPUT/manifest.parquet."""


# Bases from last to first are the order of the fields, and so of `--help`: where, which, what, how.


@dataclass(frozen=True, kw_only=True)
class EncodeSettings(
    RunSettings,
    ReadingLimits,
    EncoderPools,
    EncodingChoices,
    ArchiveChanges,
    StudySelection,
    _EncodePlaces,
):
    """Settings of `echoprime encode`."""


@dataclass(frozen=True, kw_only=True)
class InterpretSettings(RunSettings, InterpretationChoices, StudySelection, _InterpretPlaces):
    """Settings of `echoprime interpret`."""


@dataclass(frozen=True, kw_only=True)
class RunAllSettings(
    RunSettings,
    ReadingLimits,
    EncoderPools,
    EncodingChoices,
    InterpretationChoices,
    ArchiveChanges,
    StudySelection,
    ArchiveListing,
    _RunPlaces,
):
    """Settings of `echoprime run`: manifest, encode and interpret in one."""


@dataclass(frozen=True, kw_only=True)
class _PlanPlaces:
    bundle: str
    """Bundle with weights, written by `echoprime bundle import`."""

    output: str
    """Where the job would write; its tables say what is done. Need not be there."""

    archive: str | None = None
    """Archive to list, as `echoprime run` does; the listing is thrown away. Or --manifest."""

    manifest: str | None = None
    """Manifest written by `echoprime manifest`, as `echoprime encode` takes it; the archive is not listed."""


@dataclass(frozen=True, kw_only=True)
class PlanSettings(
    ReadingLimits,
    EncoderPools,
    EncodingChoices,
    ArchiveChanges,
    StudySelection,
    ArchiveListing,
    _PlanPlaces,
):
    """Settings of `echoprime plan`: those of the job, and how much of it is tried."""

    sample: int = 64
    """Videos that are read for the forecast, drawn evenly over those that are to do."""

    seconds: float = 60.0
    """That the trial may take, half for reading and half for the networks; loading is not counted."""

    seed: int = 0
    """Of the sample: the same archive and seed give the same videos."""

    cores: int | None = None
    """Forecast for a cluster of so many cores like this machine's. Default: this machine's."""

    gpus: int | None = None
    """Forecast for a cluster of so many GPUs like this machine's. Default: this machine's."""

    gpu_clips_per_second: float | None = None
    """What one GPU of another kind does, both networks, measured on one: forecast where there is none."""

    price_per_hour: float | None = None
    """Of the whole machine or cluster, in any currency: says what the job would cost."""

    json: bool = False
    """Write one JSON object in place of tables."""


@dataclass(frozen=True, kw_only=True)
class ManifestSettings(ArchiveListing):
    """Settings of `echoprime manifest`."""

    archive: str
    """Folder or s3:// prefix with DICOM, MP4 and AVI files, in zip and tar files too; or dicomweb://HOST/PATH."""

    manifest: str
    """Parquet file to write."""

    studies: str | None = None
    """Of a dicomweb:// archive: CSV with a column study_id; only these StudyInstanceUIDs are listed."""


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """Settings of `echoprime demo`."""

    directory: str = "demo"
    """Folder for the archive, the bundle and the tables."""
