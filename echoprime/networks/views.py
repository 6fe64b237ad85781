"""The view classifier: a clip's first frame to the logits of 11 views."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from echoprime.errors import BundleError
from echoprime.networks.architectures import VIEW_CLASSIFIERS, VIEWS, builder
from echoprime.networks.arithmetic import arithmetic_for
from echoprime.networks.batching import FRAMES_ON_GPU, in_portions, portion_size
from echoprime.networks.convnext import FrameClassifier
from echoprime.networks.graphs import replayed
from echoprime.networks.normalising import normalise_frames
from echoprime.networks.weights import Weights, build_network

if TYPE_CHECKING:
    from echoprime.bundle import Bundle

FRAME_SHAPE = (224, 224, 3)
"""Rows, columns, channels of a frame."""


class ViewClassifier:
    """Turns first frames into view logits; the view is their argmax, its names are the bundle's.

    torchvision's arithmetic is reordered for speed (see `convnext`). On cores each frame is computed alone,
    on a GPU in micro-batches of one fixed shape (see `VideoEncoder`).

    Parameters
    ----------
    architecture
        A name in `VIEW_CLASSIFIERS`.
    weights
        Its state dict (float32), or a safetensors file with it. Taken as it is, without a copy.
    device
        A torch device name; `select_device` finds one.
    precision
        `float32` or `bf16`: in the latter the perceptrons' products alone are bfloat16.
    micro_batch
        Frames computed together; by default 1 on cores and 64 elsewhere.

    Raises
    ------
    BundleError
        When the architecture is not known or the weights are not its own.
    SettingError
        When the device does not have the precision.
    """

    def __init__(
        self,
        architecture: str,
        weights: Weights,
        device: str = "cpu",
        *,
        precision: str = "float32",
        micro_batch: int | None = None,
    ) -> None:
        self.architecture = architecture
        self.device = torch.device(device)
        self.precision = precision
        arithmetic = arithmetic_for(precision, self.device)
        self.micro_batch = portion_size(self.device, micro_batch, FRAMES_ON_GPU)
        self._weights = weights
        module = build_network(builder(architecture, VIEW_CLASSIFIERS), VIEWS, weights)
        self._network = FrameClassifier(module.to(self.device), arithmetic=arithmetic)
        self._compute = replayed(self._logits, self.device)

    def in_float32(self) -> ViewClassifier:
        """The same weights on the same device in float32 (see `VideoEncoder.in_float32`)."""
        return ViewClassifier(
            self.architecture, self._weights, str(self.device), micro_batch=self.micro_batch
        )

    def logits(self, first_frames: np.ndarray) -> np.ndarray:
        """Compute view logits.

        Parameters
        ----------
        first_frames
            uint8 (N, 224, 224, 3): the first frame of each clip, `frames[:, 0]`.

        Returns
        -------
        np.ndarray
            float32 (N, 11). N may be 0.

        Raises
        ------
        ValueError
            When shape or type is not as above.
        """
        if first_frames.dtype != np.uint8 or first_frames.shape[1:] != FRAME_SHAPE:
            raise ValueError(
                f"frames must be uint8 (N, 224, 224, 3), not {first_frames.dtype} {first_frames.shape}"
            )
        return in_portions(
            self._compute, (first_frames,), size=self.micro_batch, device=self.device, outputs=VIEWS
        )

    def logits_normalised(self, first_frames: Tensor) -> np.ndarray:
        """The same for frames that are normalised already: float32 (N, 3, 224, 224)."""
        laid = np.ascontiguousarray(first_frames.detach().cpu().permute(0, 2, 3, 1).numpy())
        return in_portions(
            lambda values: self._network(values.permute(0, 3, 1, 2)),
            (laid,),
            size=self.micro_batch,
            device=self.device,
            outputs=VIEWS,
        )

    def _logits(self, frames: Tensor) -> Tensor:
        logits: Tensor = self._network(normalise_frames(frames))
        return logits


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits into probabilities.

    Parameters
    ----------
    logits
        float (..., V).

    Returns
    -------
    np.ndarray
        float32 (..., V), 0 to 1, each last axis sums to 1.

    Examples
    --------
    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)
    """
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    probabilities: np.ndarray = (raised / raised.sum(axis=-1, keepdims=True)).astype(np.float32)
    return probabilities


def load_view_classifier(
    bundle: Bundle, device: str = "cpu", *, precision: str = "float32", micro_batch: int | None = None
) -> ViewClassifier:
    """Load a bundle's view classifier.

    Raises
    ------
    BundleError
        When the bundle has no weights for it, or they are not those of its architecture.
    SettingError
        When the device does not have the precision.
    """
    network = bundle.view_classifier
    if network is None:
        raise BundleError(
            f"bundle {bundle.name!r} has no view classifier weights, so it cannot tell views; "
            "import a release that has them"
        )
    return ViewClassifier(
        network.architecture,
        bundle.file(network.file),
        device,
        precision=precision,
        micro_batch=micro_batch,
    )
