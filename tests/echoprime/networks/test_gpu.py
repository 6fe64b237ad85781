"""What only a GPU can show: the cores' numbers, the same bytes whatever is sent along, a recorded graph."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from echoprime.networks import VideoEncoder, ViewClassifier, normalise_clips
from echoprime.reading.clip import normalise

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is visible"),
]


def test_normalisation_is_numpys_to_the_bit(clips):
    frames, used = clips
    tensor = normalise_clips(torch.from_numpy(frames).cuda(), torch.from_numpy(used).cuda()).cpu()
    for clip, real, normalised in zip(frames, used, tensor, strict=True):
        assert np.array_equal(normalised.numpy(), normalise(clip, int(real)))


@pytest.mark.parametrize(("precision", "share"), [("float32", 1e-4), ("bf16", 0.02)])
def test_embeddings(encoder_state, encoder, clips, precision, share):
    frames, used = clips
    on_gpu = VideoEncoder("mvit_two_blocks", encoder_state, "cuda", precision=precision, micro_batch=4)
    together, expected = on_gpu.embed(frames, used), encoder.embed(frames, used)
    assert np.linalg.norm(together - expected) < share * np.linalg.norm(expected)
    alone = np.concatenate([on_gpu.embed(frames[i : i + 1], used[i : i + 1]) for i in range(5)])
    assert together.tobytes() == alone.tobytes()


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_the_graph_is_recorded_and_gives_what_its_kernels_give(encoder_state, clips, precision):
    frames, used = clips
    on_gpu = VideoEncoder("mvit_two_blocks", encoder_state, "cuda", precision=precision, micro_batch=4)
    recorded = on_gpu.embed(frames, used)
    assert not on_gpu._compute._failed
    on_gpu._compute = on_gpu._embed
    assert on_gpu.embed(frames, used).tobytes() == recorded.tobytes()


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("bf16", 1e-2)])
def test_logits(classifier_state, classifier, clips, precision, tolerance):
    frames = clips[0][:, 0]
    on_gpu = ViewClassifier(
        "convnext_two_blocks", classifier_state, "cuda", precision=precision, micro_batch=4
    )
    together = on_gpu.logits(frames)
    np.testing.assert_allclose(together, classifier.logits(frames), rtol=0, atol=tolerance)
    alone = np.concatenate([on_gpu.logits(frames[i : i + 1]) for i in range(5)])
    assert together.tobytes() == alone.tobytes()
