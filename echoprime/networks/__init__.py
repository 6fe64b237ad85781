"""Clips and frames to numbers: the video encoder, the view classifier, their weights and self-check."""

from __future__ import annotations

from echoprime.networks import selfcheck
from echoprime.networks.architectures import ENCODERS, VIEW_CLASSIFIERS
from echoprime.networks.arithmetic import PRECISIONS, Precision, arithmetic_for, has_bf16
from echoprime.networks.device import select_device
from echoprime.networks.encoder import VideoEncoder, load_encoder
from echoprime.networks.memory import keep_freed_memory
from echoprime.networks.normalising import normalise_clips, normalise_frames
from echoprime.networks.seeded import seeded_state, state_sha256
from echoprime.networks.selfcheck import SelfCheck, record_selfcheck
from echoprime.networks.text_encoder import TextEncoder, load_text_encoder
from echoprime.networks.views import ViewClassifier, load_view_classifier, softmax

__all__ = [
    "ENCODERS",
    "PRECISIONS",
    "VIEW_CLASSIFIERS",
    "Precision",
    "SelfCheck",
    "TextEncoder",
    "VideoEncoder",
    "ViewClassifier",
    "arithmetic_for",
    "has_bf16",
    "keep_freed_memory",
    "load_encoder",
    "load_text_encoder",
    "load_view_classifier",
    "normalise_clips",
    "normalise_frames",
    "record_selfcheck",
    "seeded_state",
    "select_device",
    "selfcheck",
    "softmax",
    "state_sha256",
]
