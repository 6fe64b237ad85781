"""What only a GPU can show: the same numbers as on cores, and the same bytes whatever is sent along."""

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


def test_embeddings(encoder_state, encoder, clips):
    frames, used = clips
    on_gpu = VideoEncoder("mvit_two_blocks", encoder_state, "cuda", micro_batch=4)
    together = on_gpu.embed(frames, used)
    np.testing.assert_allclose(together, encoder.embed(frames, used), rtol=0, atol=1e-4)
    alone = np.concatenate([on_gpu.embed(frames[i : i + 1], used[i : i + 1]) for i in range(5)])
    assert together.tobytes() == alone.tobytes()


def test_logits(classifier_state, classifier, clips):
    frames = clips[0][:, 0]
    on_gpu = ViewClassifier("convnext_two_blocks", classifier_state, "cuda", micro_batch=4)
    together = on_gpu.logits(frames)
    np.testing.assert_allclose(together, classifier.logits(frames), rtol=0, atol=1e-4)
    alone = np.concatenate([on_gpu.logits(frames[i : i + 1]) for i in range(5)])
    assert together.tobytes() == alone.tobytes()
