"""Types of an interpretation's nested columns: neighbours, sections, severity, and what a value rests on."""

from __future__ import annotations

import pyarrow as pa

NEIGHBOUR = pa.struct(
    [
        pa.field(
            "set", pa.string()
        ),  # candidate set, by its name in the stack: `bundle`, `own` or the user's
        pa.field("row", pa.int64()),  # row of that set
        pa.field("candidate", pa.string()),  # the candidate's study
        pa.field("similarity", pa.float64()),  # dot product of query and candidate
        pa.field(
            "labels", pa.list_(pa.float64())
        ),  # in the order of the section's `phenotypes`; null = unknown
    ]
)

SENTENCE = pa.struct(
    [
        pa.field("phrase", pa.int32()),  # its number in the lexicon's section
        pa.field("text", pa.string()),
        pa.field("value", pa.string()),  # what stands in its gap; null = it has none, or it is not recorded
        pa.field("said_by", pa.int32()),  # of `of`, those that say the phrase, whatever the value
        pa.field("same_value", pa.int32()),  # of these, those with this value; null where there is none
        pa.field("of", pa.int32()),  # the neighbours beside the report's candidate
    ]
)
"""A sentence of the report; its candidate and similarity are the section's."""

SECTION = pa.struct(
    [
        pa.field("section", pa.string()),
        pa.field("assessable", pa.bool_()),  # false: no video has weight in this section
        pa.field("report", pa.string()),  # this section's text, without the closing [SEP]
        pa.field("report_set", pa.string()),  # candidate set that the text comes from; null = none
        pa.field("report_row", pa.int64()),  # candidate of that set; null likewise
        pa.field("report_similarity", pa.float64()),
        pa.field("sentences", pa.list_(SENTENCE)),  # the report's, in their order
        pa.field("describing", pa.int32()),  # of the sentences' `of`, those whose report has the section
        pa.field(
            "shares", pa.list_(pa.float64())
        ),  # per encoded video: its part of the section's weights, sums to 1
        pa.field("phenotypes", pa.list_(pa.string())),  # those averaged over these neighbours
        pa.field("neighbours", pa.list_(NEIGHBOUR)),  # k nearest, best first; empty when not assessable
        pa.field(
            "left_out", pa.int32()
        ),  # of the same study or patient, and among the k nearest had they not been left out
    ]
)
"""Evidence of one report section."""

GRADES = ("none", "trivial", "mild", "mild to moderate", "moderate", "moderate to severe", "severe")
"""How severe a finding is. Of a function: how far it is reduced, none = normal."""

GRADE_SCALE = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
"""The same as numbers: 1 = mild, 2 = moderate, 3 = severe, what lies between them half way."""

SEVERITY = pa.struct(
    [
        pa.field("structure", pa.string()),
        pa.field("grade", pa.string()),  # the neighbours' median, of two the lower; null = none says one
        pa.field("expected", pa.float64()),  # mean on GRADE_SCALE; null likewise
        pa.field("probabilities", pa.list_(pa.float64())),  # shares, in the order of GRADES; null likewise
        pa.field("neighbours", pa.int32()),  # that say a grade
        pa.field("ungraded", pa.int32()),  # that name the finding without a grade that can be read
    ]
)
"""How severe a finding of one structure is, by the neighbours' phrases in its section."""

CONTRADICTION = pa.struct(
    [
        pa.field("structure", pa.string()),
        pa.field("section", pa.string()),
        pa.field("sentence", pa.string()),
        pa.field("grade", pa.string()),  # that the sentence says
        # Against another sentence, which says less ...
        pa.field("other_section", pa.string()),
        pa.field("other_sentence", pa.string()),
        pa.field("other_grade", pa.string()),
        # ... or against a phenotype of the same study.
        pa.field("phenotype", pa.string()),
        pa.field("value", pa.float64()),
    ]
)
"""Two things that one study's report and values say of a structure, and that do not fit each other."""

NOTHING_ENCODED = "nothing_encoded"
"""No value: no video of the study was encoded."""

NO_VIDEO_COUNTS = "no_video_counts"
"""No value: the view of no video has weight in the section."""

NO_LABEL = "no_label"
"""No value: none of the neighbours has the label."""

NOT_ASSESSABLE = (NOTHING_ENCODED, NO_VIDEO_COUNTS, NO_LABEL)
"""Why a phenotype has no value."""

VIDEO_INFLUENCE = pa.struct(
    [
        pa.field("share", pa.float64()),  # the video's part of the section's weights
        pa.field(
            "value_without", pa.float64()
        ),  # the phenotype's value had the study not had it; null = none, or not asked for
    ]
)

VIEW_INFLUENCE = pa.struct(
    [
        pa.field("view", pa.string()),
        pa.field("share", pa.float64()),  # that the videos of this view have of the section's weights
        pa.field("value_without", pa.float64()),  # had the study no video of this view; null likewise
    ]
)

CLIP_SPREAD = pa.struct(
    [
        pa.field(
            "values", pa.list_(pa.float64())
        ),  # with the first clip of each video alone, with the second ...; null = no neighbour has the label
        pa.field("min", pa.float64()),  # of these; null = none is known
        pa.field("max", pa.float64()),
        pa.field("sd", pa.float64()),  # standard deviation (n - 1); null = fewer than two are known
        pa.field("stable", pa.bool_()),  # false: the call is another one with some of them; null = no call
    ]
)
"""How far a value moves with the part of the videos that is looked at."""
SET_SHARE = pa.struct(
    [
        pa.field("set", pa.string()),  # candidate set
        pa.field("neighbours", pa.int32()),  # of the phenotype's neighbours, those of this set
        pa.field("labelled", pa.int32()),  # of these, those that have the label
    ]
)
"""What one candidate set gave to a value."""

PHENOTYPE = pa.struct(
    [
        pa.field("phenotype", pa.string()),
        pa.field("section", pa.string()),  # whose neighbours it is averaged over
        pa.field("value", pa.float64()),  # as in the column of its name
        pa.field("assessable", pa.bool_()),  # whether it has a value
        pa.field("reason", pa.string()),  # one of NOT_ASSESSABLE; "" where it has a value
        pa.field("neighbours", pa.int32()),  # found, at most k
        pa.field("labelled", pa.int32()),  # of these, those that have the label
        pa.field("positive", pa.int32()),  # of these, those with the finding; null for a number
        # A number's quantiles among the labels, weighted by similarity; null for a finding.
        pa.field("p10", pa.float64()),
        pa.field("p25", pa.float64()),
        pa.field("p50", pa.float64()),
        pa.field("p75", pa.float64()),
        pa.field("p90", pa.float64()),
        # 95 % interval of the mean (Student's t) or of the share (Wilson) over so many neighbours.
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        # By a calibration; null = made without one, or it says nothing of the phenotype.
        pa.field("calibrated", pa.float64()),  # of a finding: its probability, 0..1; null for a number
        pa.field("conformal_low", pa.float64()),  # of a number: where the known one lies, in its unit
        pa.field("conformal_high", pa.float64()),
        pa.field("nearest", pa.float64()),  # similarity of the nearest neighbour
        pa.field(
            "nearest_percentile", pa.float64()
        ),  # 0..100: candidates that are no nearer to their own nearest; null = fewer than 500 were compared
        pa.field("threshold", pa.float64()),  # null = no call is made
        pa.field("threshold_from", pa.string()),  # published, own, calibration; null likewise
        pa.field("call", pa.bool_()),  # value >= threshold
        pa.field("stable", pa.bool_()),  # false: the call flips without some view; null = not asked, no call
        pa.field("videos", pa.list_(VIDEO_INFLUENCE)),  # one an encoded video; empty = none counts
        pa.field("views", pa.list_(VIEW_INFLUENCE)),  # of those that count, in the bundle's order
        pa.field("clips", CLIP_SPREAD),  # null = no video that counts has several clips
        pa.field("sets", pa.list_(SET_SHARE)),  # one a candidate set, in their order; empty = no neighbours
        pa.field("left_out", pa.int32()),  # as of the section
        pa.field(
            "value_with_left_out", pa.float64()
        ),  # the value had they been neighbours: an optimism that evaluations must not have
    ]
)
"""Evidence of one phenotype's value."""
