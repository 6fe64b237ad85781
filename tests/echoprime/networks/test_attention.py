"""The reordered attention against torchvision's, over the kinds of grids and strides that MViT has."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models.video.mvit import MultiscaleAttention

from echoprime.networks.attention import Attention


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


@settings(deadline=None, max_examples=40)
@given(
    times=st.integers(1, 4),
    side=st.sampled_from([4, 8, 16]),
    heads=st.sampled_from([1, 2, 4]),
    query_stride=st.sampled_from([1, 2, 4]),
    key_stride=st.sampled_from([1, 2, 4]),
)
def test_it_is_torchvisions(times, side, heads, query_stride, key_stride):
    grid = (times, side, side)
    theirs = torchvisions(grid, heads, query_stride, key_stride)
    ours = Attention(theirs, grid)
    tokens = torch.randn(1 + times * side * side, 12)
    with torch.inference_mode():
        expected, expected_grid = theirs(tokens[None], grid)
        assert ours.grid == expected_grid
        torch.testing.assert_close(ours(tokens), expected[0], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(ours(tokens, class_only=True), expected[0, :1], rtol=1e-5, atol=1e-5)
