"""The networks' precision from the setting to the table: refused where it is not, never mixed, checked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import echoprime
from echoprime.bundle import Bundle
from echoprime.errors import SettingError, TableError
from echoprime.networks import arithmetic
from operators.classify_views import ClassifyViews
from operators.encode_videos import EncodeVideos
from pipelines.checks import require_precision
from pipelines.encode import check_encoding, encode, encoding_identity
from pipelines.run import run
from pipelines.settings import EncodeSettings, RunAllSettings
from tests.rows import rows

REFUSED = "precision 'bf16': this CPU has neither AVX512-BF16 nor AMX; use float32"


@pytest.fixture
def cpu_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True})


@pytest.fixture
def cpu_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "has_bf16", lambda device: True)


def settings(bundle: Bundle, **more: Any) -> EncodeSettings:
    return EncodeSettings(**{"manifest": "m", "bundle": str(bundle.location), "output": "o", **more})


def test_a_cpu_without_it_is_refused_before_anything_is_started(
    cpu_without: None, bundle: Bundle, manifest: Path, archive: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    places = {"manifest": str(manifest), "output": str(output), "device": "cpu", "precision": "bf16"}
    with pytest.raises(SettingError, match=REFUSED):
        encode(settings(bundle, **places))
    everything = {**places, "archive": str(archive), "bundle": str(bundle.location)}
    del everything["manifest"]
    with pytest.raises(SettingError, match=REFUSED):
        run(RunAllSettings(**everything))
    assert not output.exists()


def test_on_another_machine_only_its_own_actor_can_say(cpu_without: None, bundle: Bundle) -> None:
    elsewhere = settings(bundle, precision="bf16", ray_address="10.0.0.1:6379")
    require_precision(elsewhere)
    check_encoding(settings(bundle, precision="bf16"), bundle)  # all that a submitted job is asked here
    table: Any = None  # not looked at: the networks come first
    for stage in (EncodeVideos, ClassifyViews):
        with pytest.raises(SettingError, match=REFUSED):
            stage(bundle, "cpu", "bf16")(table)


def test_in_a_notebook_too(cpu_without: None, bundle: Bundle) -> None:
    with pytest.raises(SettingError, match=REFUSED):
        echoprime.load(bundle, device="cpu", precision="bf16")
    with pytest.raises(SettingError, match="precision 'half' is not one of float32, bf16"):
        echoprime.load(bundle, device="cpu", precision="half")


def test_a_notebook_computes_in_it(cpu_with: None, bundle: Bundle) -> None:
    clips = torch.randn(2, 3, 16, 224, 224)
    exact, lowered = (echoprime.load(bundle, device="cpu", precision=each) for each in ("float32", "bf16"))
    found = torch.cosine_similarity(lowered.embed_videos(clips), exact.embed_videos(clips))
    assert 0.9998 < float(found.min()) < 1 - 1e-8
    assert 0 < float((lowered.view_logits(clips) - exact.view_logits(clips)).abs().max()) < 1e-2
    assert lowered.check().tolerance > exact.check().tolerance


def test_the_two_have_identities_of_their_own(bundle: Bundle) -> None:
    exact, lowered = (
        encoding_identity(bundle, settings(bundle, precision=each)) for each in ("float32", "bf16")
    )
    assert exact["encoding_id"] != lowered["encoding_id"]
    assert {name for name in exact if exact[name] != lowered[name]} == {"encoding_id", "precision"}


@pytest.mark.ray
def test_tables_of_the_two_do_not_mix(cpu_with: None, encoded: Path, bundle: Bundle, manifest: Path) -> None:
    before = rows(encoded / "encodings")
    places = {"manifest": str(manifest), "output": str(encoded)}
    with pytest.raises(TableError, match="precision"):
        encode(settings(bundle, **places, device="cpu", precision="bf16"))
    assert rows(encoded / "encodings") == before


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.skipif(not arithmetic.has_bf16(torch.device("cpu")), reason="this CPU has no bfloat16")
def test_a_job_in_bf16(encoded: Path, bundle: Bundle, manifest: Path, tmp_path: Path) -> None:
    places = {"manifest": str(manifest), "output": str(tmp_path / "out")}
    encode(settings(bundle, **places, device="cpu", precision="bf16", encoders=1, progress=False))
    exact, lowered = rows(encoded / "encodings"), rows(tmp_path / "out" / "encodings")
    for one, other in zip(exact, lowered, strict=True):
        a, b = (np.array(each["embeddings"], np.float64).reshape(-1, 512) for each in (one, other))
        assert not np.array_equal(a, b)
        cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        assert cosines.min() > 0.9998
        assert [v["view"] for v in one["videos"]] == [v["view"] for v in other["videos"]]


def test_the_setting_is_recorded(bundle: Bundle) -> None:
    assert asdict(settings(bundle))["precision"] == "float32"
