"""Untrained weights from a seed: for tests, for the demonstration, and to tell torch versions apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from echoprime.networks.architectures import ENCODERS, VIEW_CLASSIFIERS, builder


def seeded_state(architecture: str, seed: int, outputs: int | None = None) -> dict[str, Tensor]:
    """Draw the untrained weights of an architecture.

    The seed is set, torchvision's module is built with its own initial values, then its last layer is
    replaced, all on the CPU. torch's global random state is left as it was.

    Parameters
    ----------
    architecture
        A name in `ENCODERS` or `VIEW_CLASSIFIERS`.
    seed
        For `torch.manual_seed`.
    outputs
        Outputs of the last layer; by default 512 for an encoder and 11 for a view classifier.

    Returns
    -------
    dict[str, Tensor]
        State dict, float32, detached. Other torch versions may draw others: `state_sha256` tells.

    Raises
    ------
    BundleError
        When the architecture is not known.

    Examples
    --------
    >>> seeded_state("convnext_two_blocks", seed=1)["classifier.2.weight"].shape
    torch.Size([11, 32])
    """
    build = builder(architecture, ENCODERS | VIEW_CLASSIFIERS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build() if outputs is None else build(outputs)
    return {key: tensor.detach() for key, tensor in module.state_dict().items()}


def state_sha256(state: Mapping[str, Tensor]) -> str:
    """Hash a state dict: its keys in sorted order, each followed by its tensor's bytes.

    Returns
    -------
    str
        SHA-256 in hexadecimal digits; the same for a state read from a file and for one in memory.

    Examples
    --------
    >>> state_sha256({"b": torch.zeros(1), "a": torch.ones(1)})[:16]
    'a965c04215d131e5'
    """
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(key.encode())
        digest.update(state[key].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
