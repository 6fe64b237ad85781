from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from echoprime.errors import BundleError
from echoprime.networks import VideoEncoder, arithmetic, load_encoder, normalise_clips


def test_embeddings_are_float32_rows(encoder, clips):
    frames, used = clips
    embeddings = encoder.embed(frames, used)
    assert (embeddings.shape, embeddings.dtype) == ((5, 512), np.float32)
    assert len(np.unique(embeddings, axis=0)) == 5


def test_on_cores_clips_are_computed_alone_unless_asked_otherwise(encoder_state, encoder):
    assert encoder.micro_batch == 1
    assert VideoEncoder("mvit_two_blocks", encoder_state, micro_batch=4).micro_batch == 4
    with pytest.raises(ValueError, match="micro_batch is 0"):
        VideoEncoder("mvit_two_blocks", encoder_state, micro_batch=0)


def test_no_clips_give_no_rows(encoder, clips):
    assert encoder.embed(clips[0][:0], []).shape == (0, 512)


@pytest.fixture(scope="session")
def encoder_in_bf16(encoder_state):
    with pytest.MonkeyPatch.context() as patch:  # a CPU without it computes the same, only slower
        patch.setattr(arithmetic, "has_bf16", lambda device: True)
        return VideoEncoder("mvit_two_blocks", encoder_state, precision="bf16")


@pytest.fixture(params=["float32", "bf16"])
def either(request, encoder):
    return encoder if request.param == "float32" else request.getfixturevalue("encoder_in_bf16")


def test_bf16_keeps_the_direction_of_an_embedding(encoder, encoder_in_bf16, clips):
    exact, lowered = encoder.embed(*clips), encoder_in_bf16.embed(*clips)
    cosines = (exact * lowered).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(lowered, axis=1)
    assert 0.9998 < cosines.min() < 1 - 1e-8
    assert encoder_in_bf16.in_float32().embed(*clips).tobytes() == exact.tobytes()


def test_on_cores_the_same_bytes_whatever_the_batch(either, clips):
    encoder = either
    frames, used = clips
    together = encoder.embed(frames, used)
    backwards = encoder.embed(frames[::-1], used[::-1])[::-1]
    alone = np.concatenate([encoder.embed(frames[i : i + 1], used[i : i + 1]) for i in range(5)])
    assert together.tobytes() == alone.tobytes() == np.ascontiguousarray(backwards).tobytes()


def test_micro_batches_of_one_shape_with_the_last_one_padded(encoder_state, encoder, clips):
    frames, used = clips
    batched = VideoEncoder("mvit_two_blocks", encoder_state, micro_batch=2)
    shapes = set()
    inner = batched._compute
    batched._compute = lambda frames, used: shapes.add(tuple(frames.shape)) or inner(frames, used)
    np.testing.assert_allclose(batched.embed(frames, used), encoder.embed(frames, used), rtol=0, atol=1e-5)
    assert shapes == {(2, 16, 224, 224, 3)}


def test_frames_past_used_do_not_count(encoder, clips):
    frames = clips[0][:1].copy()
    before = encoder.embed(frames, [9])
    frames[:, 9:] = 200
    assert np.array_equal(encoder.embed(frames, [9]), before)
    assert not np.array_equal(encoder.embed(frames, [10]), before)


def test_read_only_arrays_are_taken(encoder, clips):
    frames = clips[0][:1].copy()
    before = encoder.embed(frames, [16])
    frames.flags.writeable = False
    assert np.array_equal(encoder.embed(frames, np.array([16], np.int32)), before)


@pytest.mark.parametrize(
    ("shape", "dtype", "used", "message"),
    [
        ((1, 16, 224, 224, 3), np.float32, [16], "not float32"),
        ((1, 3, 16, 224, 224), np.uint8, [16], r"\(1, 3, 16, 224, 224\)"),
        ((1, 16, 224, 224, 3), np.uint8, [16, 16], "each of 1 clips"),
        ((1, 16, 224, 224, 3), np.uint8, [0], "0 to 0"),
        ((1, 16, 224, 224, 3), np.uint8, [17], "17 to 17"),
    ],
)
def test_other_arrays_are_refused(encoder, shape, dtype, used, message):
    with pytest.raises(ValueError, match=message):
        encoder.embed(np.zeros(shape, dtype), used)


def test_a_file_and_a_state_dict_are_the_same(encoder, encoder_state, clips, tmp_path):
    save_file(encoder_state, tmp_path / "encoder.safetensors")
    bundle = SimpleNamespace(
        name="tiny",
        encoder=SimpleNamespace(architecture="mvit_two_blocks", file="encoder.safetensors"),
        file=lambda name: tmp_path / name,
    )
    frames, used = clips
    assert np.array_equal(
        load_encoder(bundle).embed(frames[:1], used[:1]), encoder.embed(frames[:1], used[:1])
    )


def test_a_bundle_without_weights_says_so():
    with pytest.raises(BundleError, match=r"'notes' has no encoder weights.*import a release that has them"):
        load_encoder(SimpleNamespace(name="notes", encoder=None))


def test_on_cores_the_same_bytes_however_many_threads(either, clips):
    encoder = either
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = encoder.embed(*clips)
        torch.set_num_threads(3)
        assert encoder.embed(*clips).tobytes() == one.tobytes()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


def test_normalised_clips_give_the_same_bytes(either, clips):
    encoder = either
    frames, used = clips
    normalised = normalise_clips(torch.from_numpy(frames), torch.as_tensor(used)).contiguous()
    assert encoder.embed_normalised(normalised).tobytes() == encoder.embed(frames, used).tobytes()
