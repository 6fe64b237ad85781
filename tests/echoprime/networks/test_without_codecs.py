"""The networks need torch, torchvision and numpy: a machine that only encodes has no codec and no Ray."""

from __future__ import annotations

import subprocess
import sys

ABSENT = (
    "ray",
    "pyarrow",
    "safetensors",
    "pydicom",
    "imagecodecs",
    "cv2",
    "av",
    "deltalake",
    "s3fs",
    "pandas",
)

PROGRAM = f"""
import sys
for name in {ABSENT!r}:
    sys.modules[name] = None  # importing it fails
import numpy as np
from echoprime.networks import VideoEncoder, ViewClassifier, seeded_state
encoder = VideoEncoder("mvit_two_blocks", seeded_state("mvit_two_blocks", 0))
classifier = ViewClassifier("convnext_two_blocks", seeded_state("convnext_two_blocks", 1))
clip = np.zeros((1, 16, 224, 224, 3), np.uint8)
print(encoder.embed(clip, [16]).shape, classifier.logits(clip[:, 0]).shape)
"""


def test_they_run_without_codecs_tables_and_ray() -> None:
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split("\n")[0] == "(1, 512) (1, 11)"
