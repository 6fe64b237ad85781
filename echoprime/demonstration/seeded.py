"""The demonstration's networks: seeded and untrained, of the real sizes.

The encoder is as `torch.manual_seed(0)` draws it. Of the view classifier (`manual_seed(1)`) the layer scales
are set to 0.5, since with the initial 1e-6 its blocks are silent, and the last layer is fitted on drawn
loops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

ENCODER, ENCODER_SEED = "mvit_v2_s", 0
VIEW_CLASSIFIER, VIEW_CLASSIFIER_SEED = "convnext_base", 1
LAYER_SCALE = 0.5
HEAD = "classifier.2"
"""The view classifier's last layer, in its state dict."""
FEATURES, VIEWS = 1024, 11


def seeded_encoder_state() -> dict[str, Tensor]:
    """State dict of the encoder."""
    from echoprime.networks import seeded_state

    return seeded_state(ENCODER, ENCODER_SEED)


def seeded_view_state() -> dict[str, Tensor]:
    """State dict of the view classifier with its layer scales set, its last layer as drawn."""
    import torch

    from echoprime.networks import seeded_state

    state = seeded_state(VIEW_CLASSIFIER, VIEW_CLASSIFIER_SEED)
    return {
        key: torch.full_like(tensor, LAYER_SCALE) if key.endswith("layer_scale") else tensor
        for key, tensor in state.items()
    }


def fitted_view_state(weight: NDArray[np.float32], bias: NDArray[np.float32]) -> dict[str, Tensor]:
    """State dict of the view classifier with a fitted last layer: weight (11, 1024), bias (11,)."""
    import torch

    state = seeded_view_state()
    state[f"{HEAD}.weight"] = torch.from_numpy(np.array(weight, np.float32, order="C"))
    state[f"{HEAD}.bias"] = torch.from_numpy(np.array(bias, np.float32))
    return state


class FeatureNetwork:
    """The view classifier up to its last layer.

    The classifier hands out 11 numbers; its 1,024 features come out of it 11 at a time no more cheaply than
    all at once, so here the module is built with 1,024 outputs and a last layer that changes nothing.
    """

    def __init__(self) -> None:
        import torch

        from echoprime.networks.architectures import VIEW_CLASSIFIERS
        from echoprime.networks.weights import build_network

        state = seeded_view_state()
        state[f"{HEAD}.weight"], state[f"{HEAD}.bias"] = torch.eye(FEATURES), torch.zeros(FEATURES)
        self._network = build_network(VIEW_CLASSIFIERS[VIEW_CLASSIFIER], FEATURES, state)

    def features(self, first_frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features float32 (N, 1024) of frames uint8 (N, 224, 224, 3)."""
        import torch

        from echoprime.networks.normalising import normalise_frames

        with torch.inference_mode():
            found: NDArray[np.float32] = self._network(
                normalise_frames(torch.from_numpy(first_frames))
            ).numpy()
        return found
