"""An interpretation with a calibration: other calls, probabilities and intervals beside the same values."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from echoprime.bundle import Calibration, with_calibration
from echoprime.bundle.calibrated import Isotonic
from tests.interpreted import write_interpretations
from tests.tiny import write_tiny_bundle

KNOTS = [[0.3, 0.0], [0.7, 0.8]]
CALIBRATION = Calibration(
    made_from={},
    phenotypes={
        "ejection_fraction": {"kind": "continuous", "unit": "%", "half_width": 0.25},
        "mitral_stenosis": {
            "kind": "binary", "unit": "", "method": "isotonic", "knots": KNOTS, "threshold": {"value": 0.5},
        },
    },
    left={},
)  # fmt: skip


def test_values_stay_and_what_is_calibrated_stands_beside_them(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "bundle", weights=False)
    rng = np.random.default_rng(0)
    studies = [
        (f"s{n}", rng.standard_normal((3, 512)).astype(np.float32), rng.integers(0, 11, 3)) for n in range(20)
    ]
    studies.append(("a5c", studies[0][1][:1], np.array([3])))  # no left ventricle
    plain, calibrated = (
        write_interpretations(tmp_path / name, each, studies, k=7, influence=True).newest().to_pylist()
        for name, each in (("plain", bundle), ("own", with_calibration(bundle, CALIBRATION)))
    )
    assert "mitral_stenosis_call" not in plain[0]
    mapping = Isotonic(*zip(*KNOTS, strict=True))
    for before, after in zip(plain, calibrated, strict=True):
        evidence = {each["phenotype"]: each for each in after["phenotypes"]}
        for each in bundle.phenotypes:
            assert after[each.name] == before[each.name]
        assert after["report"] == before["report"]
        assert after["calls_calibrated"] is False  # the other thirteen are not

        value, found = after["mitral_stenosis"], evidence["mitral_stenosis"]
        expected = None if value is None else float(mapping(np.array([value]))[0])
        assert found["calibrated"] == expected
        assert found["call"] == after["mitral_stenosis_call"] == (None if value is None else value >= 0.5)
        assert (found["threshold"], found["threshold_from"]) == (0.5, "calibration")
        assert found["conformal_low"] is found["conformal_high"] is None

        value, found = after["ejection_fraction"], evidence["ejection_fraction"]
        ends = (None, None) if value is None else (max(value - 0.25, 0), min(value + 0.25, 100))
        assert (found["conformal_low"], found["conformal_high"]) == ends
        assert (found["calibrated"], found["threshold"], found["threshold_from"]) == (None, None, None)
        assert evidence["tavr"]["threshold_from"] == "published"
        assert evidence["tavr"]["calibrated"] is None
        for each in before["phenotypes"]:
            assert (each["calibrated"], each["conformal_low"], each["conformal_high"]) == (None, None, None)
    assert {True, False} <= {each["mitral_stenosis_call"] for each in calibrated}
