"""The view classifier's last layer, fitted on drawn first frames: multinomial logistic regression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PENALTY = 0.02
"""Weight of the squared coefficients, on standardised features: keeps probabilities from running to 1."""
STEPS = 400


def fit_view_head(
    features: NDArray[np.float32], views: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit a linear layer from features to view logits.

    Features are standardised for the fit and the scaling is folded into the layer. Full-batch gradient
    descent with Nesterov's momentum, a fixed number of steps from zero: the same input gives the same layer.

    Parameters
    ----------
    features
        float32 (N, F).
    views
        int (N,), 0..count - 1.
    count
        Number of views.

    Returns
    -------
    weight float32 (count, F), bias float32 (count,).

    Examples
    --------
    >>> features = np.array([[0.0, 1.0], [0.1, 0.9], [1.0, 0.0], [0.9, 0.2]], np.float32)
    >>> weight, bias = fit_view_head(features, np.array([0, 0, 1, 1]), 2)
    >>> (features @ weight.T + bias).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    middle, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64) + 1e-6
    inputs = np.c_[(features - middle) / spread, np.ones(len(features))]
    target = np.eye(count)[views]
    # the curvature of the softmax is at most half of the inputs' own
    step = 1.0 / (0.5 * float(np.linalg.eigvalsh(inputs @ inputs.T)[-1]) / len(inputs) + PENALTY)
    layer = ahead = np.zeros((inputs.shape[1], count))
    for index in range(STEPS):
        slope = inputs.T @ (_softmax(inputs @ ahead) - target) / len(inputs)
        slope[:-1] += PENALTY * ahead[:-1]
        following = ahead - step * slope
        ahead = following + index / (index + 3) * (following - layer)
        layer = following
    weight = layer[:-1].T / spread
    bias = layer[-1] - weight @ middle
    return np.ascontiguousarray(weight, np.float32), bias.astype(np.float32)


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    share: Floats = raised / raised.sum(axis=1, keepdims=True)
    return share
