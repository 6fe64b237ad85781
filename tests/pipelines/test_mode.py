"""The mode of reading, from the setting to the table: part of its identity, never mixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import echoprime
from echoprime.bundle import Bundle
from echoprime.errors import SettingError, TableError
from echoprime.reading import read_file
from pipelines.encode import encode, encoding_identity
from pipelines.settings import EncodeSettings
from tests.rows import rows


def settings(bundle: Bundle, **more: Any) -> EncodeSettings:
    return EncodeSettings(**{"manifest": "m", "bundle": str(bundle.location), "output": "o", **more})


def test_the_two_have_identities_of_their_own(bundle: Bundle) -> None:
    exact, fast = (encoding_identity(bundle, settings(bundle, mode=mode)) for mode in ("exact", "fast"))
    assert {name for name in exact if exact[name] != fast[name]} == {"encoding_id", "mode"}


def test_a_notebook_reads_in_it(bundle: Bundle, archive: Path) -> None:
    exact, fast = (echoprime.load(bundle, device="cpu", mode=mode) for mode in ("exact", "fast"))
    study = next(path for path in sorted(archive.iterdir()) if path.is_dir())
    assert exact.process_dicoms(study).shape == fast.process_dicoms(study).shape
    with pytest.raises(SettingError, match="mode 'quick' is not one of exact, fast"):
        echoprime.load(bundle, device="cpu", mode="quick")  # type: ignore[arg-type]


@pytest.mark.ray
def test_tables_of_the_two_do_not_mix(encoded: Path, bundle: Bundle, manifest: Path) -> None:
    before = rows(encoded / "encodings")
    places = {"manifest": str(manifest), "output": str(encoded)}
    with pytest.raises(TableError, match='mode is "exact" there and "fast" here'):
        encode(settings(bundle, **places, device="cpu", mode="fast"))
    assert rows(encoded / "encodings") == before


@pytest.mark.ray
@pytest.mark.slow
def test_a_job_in_mode_fast(archive: Path, bundle: Bundle, manifest: Path, tmp_path: Path) -> None:
    places = {"manifest": str(manifest), "output": str(tmp_path / "out")}
    encode(settings(bundle, **places, device="cpu", mode="fast", encoders=1, progress=False))
    for study in rows(tmp_path / "out" / "encodings"):
        for video in study["videos"]:
            facts = read_file((archive / video["path"]).read_bytes(), mode="fast").facts
            assert (video["content"], video["frames_decoded"]) == (facts.content, facts.frames_decoded)
