"""What a recording must keep, with a recorder for cores; the GPU's own is in `test_gpu`."""

from __future__ import annotations

import logging
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from echoprime.networks import VideoEncoder
from echoprime.networks.graphs import Replayed, record


def on_cores(compute, inputs):
    """Like CUDA's: computes from the same inputs again, and writes over the same output."""
    output = compute(*inputs)

    def replay():
        output.copy_(compute(*inputs))
        return output

    return replay


def weighted(values, weights):
    return (values * weights[:, None]).sum(dim=0)


def test_every_call_computes_from_what_it_is_given():
    replayed = Replayed(weighted, on_cores)
    given = [(torch.full((2, 3), float(n)), torch.tensor([1.0, n])) for n in range(4)]
    found = [replayed(*each) for each in given]
    for each, expected in zip(found, given, strict=True):
        assert torch.equal(each, weighted(*expected))
    assert torch.equal(given[3][0], torch.full((2, 3), 3.0))


def test_it_records_once():
    recorded = []
    replayed = Replayed(weighted, lambda compute, inputs: recorded.append(1) or on_cores(compute, inputs))
    for _ in range(3):
        replayed(torch.ones(2, 3), torch.ones(2))
    assert recorded == [1]


def test_where_recording_fails_the_network_runs_as_it_is(caplog):
    tried = []

    def refused(compute, inputs):
        tried.append(1)
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    replayed = Replayed(weighted, refused)
    with caplog.at_level(logging.WARNING):
        for n in range(3):
            values, weights = torch.full((2, 3), float(n)), torch.ones(2)
            assert torch.equal(replayed(values, weights), weighted(values, weights))
    assert tried == [1]
    assert caplog.messages == [
        "no CUDA graph (CUDA error: operation not permitted when stream is capturing); "
        "kernels are started one by one"
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="here it can record")
def test_without_a_gpu_the_real_recorder_is_refused_and_the_numbers_stay(encoder, clips):
    frames, used = clips
    other = VideoEncoder("mvit_two_blocks", encoder._weights)
    other._compute = Replayed(other._embed, record)
    assert np.array_equal(other.embed(frames, used), encoder.embed(frames, used))
    assert other._compute._failed


@pytest.mark.skipif(torch.cuda.is_available(), reason="here it can record")
def test_it_records_on_the_device_of_what_it_computes(monkeypatch):
    """A recording on another device would be of nothing, and give the first portion's output for ever."""
    entered = []

    @contextmanager
    def device(index):
        entered.append(index)
        yield

    class OnTheSecond:
        def get_device(self):
            return 1

    monkeypatch.setattr(torch.cuda, "device", device)
    with pytest.raises(RuntimeError):
        record(weighted, (OnTheSecond(),))
    assert entered == [1]


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_recorded_encoder_gives_the_bytes_of_one_that_is_not(monkeypatch, encoder_state, clips, precision):
    monkeypatch.setattr("echoprime.networks.arithmetic.has_bf16", lambda device: True)
    frames, used = clips
    plain = VideoEncoder("mvit_two_blocks", encoder_state, precision=precision, micro_batch=2)
    expected = plain.embed(frames, used)
    plain._compute = Replayed(plain._embed, on_cores)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)  # a recording is for one caller at a time, as a GPU has
        assert plain.embed(frames, used).tobytes() == expected.tobytes()
    finally:
        torch.set_num_threads(threads)
