"""Every table's columns: Arrow types, units, order. What the README documents is this file.

Delta Lake has no unsigned integers and no fixed-size lists, so embeddings are `list<float>` of 512.
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from echoprime.tables.evidence_types import CONTRADICTION, PHENOTYPE, SECTION, SEVERITY

SCHEMA_VERSION = 3
"""Of manifests and encodings. Raised when a column's name, type or meaning changes; others are refused."""

INTERPRETATIONS_VERSION = 5
"""The same of interpretations, which are made anew in minutes: nothing is encoded again for their columns."""

EMBEDDING_LENGTH = 512
"""Numbers in one video's embedding."""

TIMESTAMP = pa.timestamp("us", tz="UTC")

MANIFEST = pa.schema(
    [
        pa.field("study_id", pa.string(), nullable=False),  # unique for one examination
        pa.field("path", pa.string(), nullable=False),  # below the archive's root, with "/"
        pa.field("size", pa.int64(), nullable=False),  # bytes; 0 = a DICOMweb service does not tell
        pa.field(
            "token", pa.string(), nullable=False
        ),  # ETag, modification time in ns, or a DICOM object's class and shape: the content's version
        pa.field("patient_id", pa.string()),  # null = unknown
        pa.field("acquired_at", TIMESTAMP),  # null = unknown
        pa.field("study_kind", pa.string()),  # one of STUDY_KINDS; null = no list says it
    ]
)
"""One row per video, sorted by (study_id, path); the archive's root is in the file's metadata."""

VIDEO = pa.struct(
    [
        pa.field("path", pa.string()),
        pa.field("size", pa.int64()),
        pa.field("token", pa.string()),
        pa.field("outcome", pa.string()),  # encoded, skipped or failed
        pa.field("reason", pa.string()),  # a code of echoprime.errors.Reason; "" when encoded
        pa.field("message", pa.string()),  # one line of detail; "" when encoded
        pa.field(
            "embedding", pa.int32()
        ),  # position in `embeddings` and `view_probabilities`; null = not encoded
        pa.field("view", pa.string()),  # most probable of the 11 views; null = not encoded
        pa.field("frames", pa.int32()),  # frames that the file says it has; null = unknown
        pa.field("frames_decoded", pa.int32()),  # fewer where it is cut, or no more were needed
        pa.field("frames_used", pa.int32()),  # of the clip's 16, those that are real; null = not encoded
        # What the file says of its video, encoded or not; null = unknown.
        pa.field("rows", pa.int32()),  # pixels
        pa.field("columns", pa.int32()),
        pa.field("frame_time", pa.float64()),  # milliseconds from frame to frame
        pa.field("manufacturer", pa.string()),  # of the scanner
        pa.field("model", pa.string()),
        pa.field("transfer_syntax", pa.string()),  # DICOM's identifier of the encoding
        pa.field("regions", pa.list_(pa.string())),  # of REGIONS, those that the picture has
        pa.field("kind", pa.string()),  # one of STUDY_KINDS, by this file alone; null = it does not say
        pa.field("instance", pa.string()),  # hash of the SOP Instance UID
        pa.field("content", pa.string()),  # hash of the clip; null = there is none
    ]
)
"""One video's outcome; every video of the manifest has exactly one."""

REGIONS = ("2d", "colour", "m_mode", "spectral", "waveform", "graphics")
"""What a picture may be made of (DICOM PS3.3 C.8.5.5, Sequence of Ultrasound Regions)."""

STUDY_KINDS = (
    "transthoracic",
    "transoesophageal",
    "stress",
    "contrast",
    "intracardiac",
    "paediatric",
    "other",
    "unknown",
)
"""What kind of examination a study is; `other` = said to be none of these, `unknown` = nothing says it."""

UNKNOWN = "unknown"
"""Of these: nothing says of what kind the study is."""

COMPLETE = "complete"
"""Every video of the study has its last outcome."""

INCOMPLETE = "incomplete"
"""A video failed for a passing reason: the next run takes the study up again."""

VANISHED = "vanished"
"""Was complete; the archive no longer has the study. Its row and its interpretations are kept."""

VANISHED_INCOMPLETE = "vanished_incomplete"
"""Was incomplete; the archive no longer has the study."""

STATUSES = (COMPLETE, INCOMPLETE, VANISHED, VANISHED_INCOMPLETE)
"""What `status` of an encodings row may be."""

INTERPRETABLE = (COMPLETE, VANISHED)
"""Studies whose encoding is whole, in the archive or no longer."""

ENCODINGS = pa.schema(
    [
        pa.field("study_id", pa.string(), nullable=False),
        pa.field(
            "study_key", pa.string(), nullable=False
        ),  # hash of study_id and its videos' paths, sizes, tokens
        pa.field("patient_id", pa.string()),
        pa.field("acquired_at", TIMESTAMP),
        pa.field("study_kind", pa.string(), nullable=False),  # one of STUDY_KINDS
        pa.field("status", pa.string(), nullable=False),  # one of STATUSES
        pa.field("videos", pa.list_(VIDEO), nullable=False),  # sorted by path
        pa.field(
            "embeddings", pa.list_(pa.list_(pa.float32())), nullable=False
        ),  # encoded videos x 512, by path; of several clips the mean
        pa.field(
            "view_probabilities", pa.list_(pa.list_(pa.float32())), nullable=False
        ),  # encoded videos x 11
        pa.field("encoding_id", pa.string(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("written_at", TIMESTAMP, nullable=False),  # the newest row of a study counts
    ]
)
"""OUT/encodings/: one row per study, where a video has one clip."""

CLIP = pa.struct(
    [
        pa.field("start", pa.int32()),  # the video's frame with which the clip begins; 0 = the published one
        pa.field("embedding", pa.list_(pa.float32())),  # 512, not normalised
    ]
)
"""One of several clips of a video."""

CLIPS = pa.field("clips", pa.list_(pa.list_(CLIP)), nullable=False)
"""Clips of each encoded video, in the order of `embeddings`, ascending by start: never none, at most as many
as were asked for."""


def encodings(clips_per_video: int = 1) -> pa.Schema:
    """Columns of OUT/encodings/ for so many clips a video.

    Of several clips `embeddings` has each video's mean (`echoprime.retrieval.video_embeddings`), so that it
    is what is interpreted, and `clips` what the mean is of; views are those of the first clip. With one clip
    the column would say nothing, so there is none: tables are as they were before there was a choice.

    Examples
    --------
    >>> encodings() is ENCODINGS, [name for name in encodings(3).names if name not in ENCODINGS.names]
    (True, ['clips'])
    """
    if clips_per_video == 1:
        return ENCODINGS
    place = ENCODINGS.get_field_index("view_probabilities")
    return ENCODINGS.insert(place, CLIPS)


def schema_version(columns: Collection[str]) -> int:
    """Version that a table with these columns has now.

    Examples
    --------
    >>> schema_version(["study_id", "embeddings"]), schema_version(["study_id", "interpretation_id"])
    (3, 5)
    """
    return INTERPRETATIONS_VERSION if "interpretation_id" in columns else SCHEMA_VERSION


def interpretations(phenotypes: list[str], called: list[str]) -> pa.Schema:
    """Columns of OUT/interpretations/NAME/ for a bundle's phenotypes.

    Parameters
    ----------
    phenotypes
        Names, each a float64 column: `ejection_fraction` in %, `pulmonary_artery_pressure_continuous`
        in mmHg, the others 0..1; null = not assessable, or no neighbour has the label.
    called
        Those with a threshold: each gets a boolean column `<name>_call`, value >= threshold.

    Examples
    --------
    >>> interpretations(["tavr"], ["tavr"]).names[11:14]
    ['tavr', 'tavr_call', 'calls_calibrated']
    """
    return pa.schema(
        [
            pa.field("study_id", pa.string(), nullable=False),
            pa.field("study_key", pa.string(), nullable=False),
            pa.field("patient_id", pa.string()),
            pa.field("acquired_at", TIMESTAMP),
            pa.field("study_kind", pa.string(), nullable=False),  # one of STUDY_KINDS
            pa.field("encoded_at", TIMESTAMP, nullable=False),  # `written_at` of the encodings row
            pa.field("videos", pa.int32(), nullable=False),  # in the manifest
            pa.field("videos_encoded", pa.int32(), nullable=False),
            pa.field(
                "views", pa.list_(pa.string()), nullable=False
            ),  # per encoded video, the one that counted; null = a view that no section uses
            pa.field(
                "views_given", pa.int32(), nullable=False
            ),  # of these, those from a table of the user's; the others are the classifier's
            pa.field(
                "candidates_left_out", pa.int32(), nullable=False
            ),  # candidates of the same study or patient: never neighbours
            *[pa.field(name, pa.float64()) for name in phenotypes],
            *[pa.field(f"{name}_call", pa.bool_()) for name in called],
            pa.field(
                "calls_calibrated", pa.bool_(), nullable=False
            ),  # whether every call's threshold comes from a calibration
            pa.field("report", pa.string(), nullable=False),  # sections' texts joined, each closed by [SEP]
            pa.field("phenotypes", pa.list_(PHENOTYPE), nullable=False),  # in the order of their columns
            pa.field("sections", pa.list_(SECTION), nullable=False),  # in the order of the section weights
            pa.field(
                "severity", pa.list_(SEVERITY)
            ),  # of the structures that the lexicon's phrases grade; null = none of them is above none
            pa.field("contradictions", pa.list_(CONTRADICTION)),  # null likewise
            pa.field(
                "notice", pa.string(), nullable=False
            ),  # what must be said beside every number; "" = nothing
            pa.field("interpretation_id", pa.string(), nullable=False),
            pa.field("encoding_id", pa.string(), nullable=False),
            pa.field("run_id", pa.string(), nullable=False),
            pa.field("written_at", TIMESTAMP, nullable=False),
        ]
    )
