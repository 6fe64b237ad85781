from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models.video.mvit import Pool

from echoprime.networks.pooling import Pooling, pooled_grid, touched_tokens

HEADS, DIM = 2, 4


def torchvisions(stride):
    torch.manual_seed(0)
    convolution = nn.Conv3d(DIM, DIM, 3, stride=stride, padding=1, groups=DIM, bias=False)
    pool = Pool(convolution, nn.LayerNorm(DIM, eps=1e-6)).requires_grad_(False)
    nn.init.normal_(pool.norm_act[0].weight)
    nn.init.normal_(pool.norm_act[0].bias)
    return pool


strides = st.sampled_from([(1, 1, 1), (1, 2, 2), (1, 4, 4), (1, 8, 8), (2, 3, 1)])


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3), st.integers(1, 17), st.sampled_from([1, 5, 8, 16]), strides)
def test_pooling_is_torchvisions_whichever_tokens_come(times, rows, columns, stride):
    grid = (times, rows, columns)
    pool = torchvisions(stride)
    tokens = torch.randn(2, 1 + times * rows * columns, HEADS * DIM)
    by_head = tokens.view(2, -1, HEADS, DIM).transpose(1, 2)
    with torch.inference_mode():
        expected, expected_grid = pool(by_head, grid)
        expected = expected.transpose(1, 2)
        assert pooled_grid(grid, stride) == expected_grid
        found = [Pooling(pool, HEADS, grid)(tokens)]
        touched = touched_tokens(grid, stride)
        if touched is not None:
            assert len(touched) < tokens.shape[1]
            found.append(Pooling(pool, HEADS, grid, touched_only=True)(tokens[:, touched]))
        for each in found:
            torch.testing.assert_close(torch.cat(each, dim=1), expected, rtol=1e-5, atol=1e-5)


def test_the_scale_multiplies_the_result():
    pool = torchvisions((1, 1, 1))
    tokens = torch.randn(1, 1 + 12, HEADS * DIM)
    plain = torch.cat(Pooling(pool, HEADS, (1, 3, 4))(tokens), dim=1)
    scaled = torch.cat(Pooling(pool, HEADS, (1, 3, 4), scale=0.25)(tokens), dim=1)
    torch.testing.assert_close(scaled, plain * 0.25, rtol=1e-6, atol=1e-6)


def test_mvit_projects_a_seventh_of_its_first_tokens():
    touched = touched_tokens((8, 56, 56), (1, 8, 8))
    assert touched is not None
    assert len(touched) == 1 + 8 * 20 * 20
