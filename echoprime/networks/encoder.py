"""The video encoder: clips to embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from echoprime.errors import BundleError
from echoprime.networks.architectures import EMBEDDING, ENCODERS, builder
from echoprime.networks.arithmetic import arithmetic_for
from echoprime.networks.batching import CLIPS_ON_GPU, in_portions, portion_size
from echoprime.networks.graphs import replayed
from echoprime.networks.mvit import ClipEncoder
from echoprime.networks.normalising import normalise_clips
from echoprime.networks.weights import Weights, build_network

if TYPE_CHECKING:
    from echoprime.bundle import Bundle

CLIP_SHAPE = (16, 224, 224, 3)
"""Frames, rows, columns, channels of a clip."""


class VideoEncoder:
    """Turns clips into embeddings.

    torchvision's arithmetic is reordered for speed (see `mvit`), which moves an embedding by 1e-5 at most. On
    cores each clip is computed alone and by one thread, so that the same bytes come out whatever it is sent
    with and however many threads torch may use, for a given CPU and library version. On a GPU clips go
    through the same network in micro-batches of one fixed shape.

    Parameters
    ----------
    architecture
        A name in `ENCODERS`.
    weights
        Its state dict (float32), or a safetensors file with it. Taken as it is, without a copy.
    device
        A torch device name; `select_device` finds one.
    precision
        `float32` or `bf16` (see `arithmetic`).
    micro_batch
        Clips computed together; by default 1 on cores and 8 elsewhere.

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
        self.micro_batch = portion_size(self.device, micro_batch, CLIPS_ON_GPU)
        self._weights = weights
        module = build_network(builder(architecture, ENCODERS), EMBEDDING, weights)
        self._network = ClipEncoder(module.to(self.device), arithmetic=arithmetic)
        self._compute = replayed(self._embed, self.device)

    def in_float32(self) -> VideoEncoder:
        """The same weights on the same device in float32; the self-check of a lower precision needs it."""
        return VideoEncoder(self.architecture, self._weights, str(self.device), micro_batch=self.micro_batch)

    def embed(self, frames: np.ndarray, used: ArrayLike) -> np.ndarray:
        """Compute the embeddings of clips.

        Parameters
        ----------
        frames
            uint8 (N, 16, 224, 224, 3): frame, row, column, channel in the order that the network sees.
        used
            int (N,), 1 to 16: how many frames of each clip are real; the others are zero after normalisation.

        Returns
        -------
        np.ndarray
            float32 (N, 512), not normalised. N may be 0.

        Raises
        ------
        ValueError
            When shapes, types or `used` are not as above.
        """
        used = np.asarray(used, dtype=np.int64)
        _check_clips(frames, used)
        return in_portions(
            self._compute, (frames, used), size=self.micro_batch, device=self.device, outputs=EMBEDDING
        )

    def embed_normalised(self, clips: Tensor) -> np.ndarray:
        """The same for clips that are normalised already.

        Parameters
        ----------
        clips
            float32 (N, 3, 16, 224, 224), as `echoprime.reading.normalise` gives them.

        Returns
        -------
        np.ndarray
            float32 (N, 512): the bytes of `embed` where the clips are its own.
        """
        # channels innermost in memory, as `normalise_clips` lays them: the layout decides the kernels
        laid = np.ascontiguousarray(clips.detach().cpu().permute(0, 2, 3, 4, 1).numpy())
        return in_portions(
            lambda values: self._network(values.permute(0, 4, 1, 2, 3)),
            (laid,),
            size=self.micro_batch,
            device=self.device,
            outputs=EMBEDDING,
        )

    def _embed(self, frames: Tensor, used: Tensor) -> Tensor:
        embeddings: Tensor = self._network(normalise_clips(frames, used))
        return embeddings


def _check_clips(frames: np.ndarray, used: np.ndarray) -> None:
    if frames.dtype != np.uint8 or frames.shape[1:] != CLIP_SHAPE:
        raise ValueError(f"clips must be uint8 (N, 16, 224, 224, 3), not {frames.dtype} {frames.shape}")
    if used.shape != frames.shape[:1]:
        raise ValueError(f"used must have one value for each of {len(frames)} clips, not shape {used.shape}")
    if len(used) and not (used.min() >= 1 and used.max() <= CLIP_SHAPE[0]):
        raise ValueError(f"used must be 1 to {CLIP_SHAPE[0]}, not {used.min()} to {used.max()}")


def load_encoder(
    bundle: Bundle, device: str = "cpu", *, precision: str = "float32", micro_batch: int | None = None
) -> VideoEncoder:
    """Load a bundle's video encoder.

    Raises
    ------
    BundleError
        When the bundle has no encoder weights, or they are not those of its architecture.
    SettingError
        When the device does not have the precision.
    """
    network = bundle.encoder
    if network is None:
        raise BundleError(
            f"bundle {bundle.name!r} has no encoder weights, so it cannot encode; "
            "import a release that has them"
        )
    return VideoEncoder(
        network.architecture,
        bundle.file(network.file),
        device,
        precision=precision,
        micro_batch=micro_batch,
    )
