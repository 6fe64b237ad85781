"""A sample through the job's own stages, as many clips at once as the job has encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from echoprime.archive import open_manifest
from echoprime.bundle import Bundle
from echoprime.reading import Limits
from echoprime.storage import Location
from pipelines.forecasting.trial import SampledVideo, Trial, try_sample

CLIPS = 13
"""Of the tiny archive's 15 videos; a still and a damaged one give none."""


def tried(manifest: Path, bundle: Bundle, **more: Any) -> Trial:
    opened = open_manifest(Location.parse(str(manifest)))
    sample = [
        SampledVideo(*(row[name] for name in ("study_id", "path", "size", "token")))
        for batch in opened.batches(["study_id", "path", "size", "token"])
        for row in batch.to_pylist()
    ]
    settings = {"device": "cpu", "precision": "float32", "mode": "exact", "seconds": 240.0}
    job = {"limits": Limits(), "read_seconds": 60.0, "clips_per_video": 1}
    return try_sample(sample, opened.root, bundle, **{**job, **settings, **more})


def test_one_after_the_other_every_clip_counts(manifest: Path, bundle: Bundle) -> None:
    trial = tried(manifest, bundle)
    assert len(trial.outcomes) == 15
    assert len(trial.encode_seconds) == len(trial.classify_seconds) == len(trial.clip_studies) == CLIPS
    assert min(trial.encode_seconds) > 0 < trial.load_seconds


def test_several_at_once_leave_out_the_clip_that_was_alone(manifest: Path, bundle: Bundle) -> None:
    trial = tried(manifest, bundle, at_once=2)
    assert len(trial.encode_seconds) == CLIPS - 1
    assert trial.clip_bytes == pytest.approx(tried(manifest, bundle).clip_bytes, rel=0.2)


def test_without_time_for_the_networks_one_clip_tells_the_bytes_of_a_row(
    manifest: Path, bundle: Bundle
) -> None:
    trial = tried(manifest, bundle, networks_share=0.0)
    assert (len(trial.outcomes), len(trial.encode_seconds)) == (15, 1)
    # 512 numbers of four bytes and what goes with them; a file's footer of 10 kB is not one clip's
    assert 2048 < trial.clip_bytes < 3 * tried(manifest, bundle).clip_bytes
