"""The reordered attention against torchvision's, over the kinds of grids and strides that MViT has."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models.video.mvit import MultiscaleAttention

from echoprime.networks import attention as attention_module
from echoprime.networks.arithmetic import Arithmetic
from echoprime.networks.attention import Attention, attend_fused, attend_in_products
from tests.echoprime.networks.differences import typical


def torchvisions(grid, heads, query_stride, key_stride):
    torch.manual_seed(0)
    attention = MultiscaleAttention(
        list(grid),
        embed_dim=12,
        output_dim=8 * heads,
        num_heads=heads,
        kernel_q=[3, 3, 3],
        kernel_kv=[3, 3, 3],
        stride_q=[1, query_stride, query_stride],
        stride_kv=[1, key_stride, key_stride],
        residual_pool=True,
        residual_with_cls_embed=False,
        rel_pos_embed=True,
    )
    for table in (attention.rel_pos_t, attention.rel_pos_h, attention.rel_pos_w):
        nn.init.normal_(table)  # torchvision's own are too small for a mistake to show
    return attention.eval().requires_grad_(False)


over_grids = given(
    times=st.integers(1, 3),
    side=st.sampled_from([4, 8, 16]),
    heads=st.sampled_from([1, 2, 4]),
    query_stride=st.sampled_from([1, 2, 4]),
    key_stride=st.sampled_from([1, 2, 4]),
)


@settings(deadline=None, max_examples=25)
@over_grids
@torch.inference_mode()
def test_it_is_torchvisions(times, side, heads, query_stride, key_stride):
    grid = (times, side, side)
    theirs = torchvisions(grid, heads, query_stride, key_stride)
    tokens = torch.randn(2, 1 + times * side * side, 12)
    expected, expected_grid = theirs(tokens, grid)
    for fused in (True, False):
        ours = Attention(theirs, grid, arithmetic=Arithmetic(fused=fused))
        assert ours.grid == expected_grid
        torch.testing.assert_close(ours(tokens), expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(ours(tokens, class_only=True), expected[:, :1], rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=8)
@over_grids
@torch.inference_mode()
def test_in_bfloat16_it_is_torchvisions_to_three_digits(times, side, heads, query_stride, key_stride):
    grid = (times, side, side)
    theirs = torchvisions(grid, heads, query_stride, key_stride)
    tokens = torch.randn(2, 1 + times * side * side, 12).bfloat16()
    expected, _ = theirs(tokens.float(), grid)
    for fused in (True, False):
        ours = Attention(theirs, grid, arithmetic=Arithmetic(torch.bfloat16, fused=fused))
        assert ours(tokens).dtype is torch.bfloat16
        assert typical(ours(tokens), expected) < 0.02


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_two_products_a_few_queries_at_a_time_are_the_kernel(monkeypatch, dtype):
    draw = torch.Generator().manual_seed(2)
    queries, keys, values = (
        torch.randn(2, rows, 3, width, generator=draw).to(dtype)
        for rows, width in ((37, 24), (11, 24), (11, 16))
    )
    expected = attend_fused(queries.float(), keys.float(), values.float())
    monkeypatch.setattr(attention_module, "SCORES_AT_ONCE", 10 * 11)
    tolerance = 1e-5 if dtype is torch.float32 else 1e-2
    for attend in (attend_fused, attend_in_products):
        assert typical(attend(queries, keys, values), expected) < tolerance
