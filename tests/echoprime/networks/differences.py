"""How far one result is from another, in the measure that an arithmetic is held to."""

from __future__ import annotations

import torch


def largest(found, expected):
    """Largest difference, as a share of the largest value."""
    assert found.shape == expected.shape
    return float((found.float() - expected).abs().max() / expected.abs().max())


def typical(found, expected):
    """Root of the mean square of the difference, as a share of the values' own."""
    assert found.shape == expected.shape
    return float((found.float() - expected).norm() / expected.norm())


def cosine(found, expected):
    """Least cosine of two rows."""
    return float(torch.cosine_similarity(found.float(), expected, dim=-1).min())
