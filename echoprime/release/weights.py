"""Network weights of a release: `.pt` and `.ckpt` to safetensors."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from echoprime.errors import BundleError

LIGHTNING_PREFIX = "model."
"""What the keys of a Lightning checkpoint's `state_dict` begin with (README, "The method", 2)."""


def load_tensors(path: Path, cure: str = "download it again") -> object:
    """What a `.pt` file holds; only tensors and plain containers, memory-mapped where its format allows.

    Parameters
    ----------
    path
        The file.
    cure
        What to do where it is damaged or holds anything else.

    Raises
    ------
    BundleError
        When it is missing, damaged, or holds anything else.
    """
    try:
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as error:
            if "mmap" not in str(error):
                raise
            # The format before torch 1.6 cannot be mapped.
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise BundleError(f"{path.name}: missing from the release; download it") from error
    except (RuntimeError, EOFError, ValueError, OSError, pickle.UnpicklingError) as error:
        reason = str(error).split("GLOBAL ")[-1].split(" was not")[0].splitlines()[0][:80]
        raise BundleError(
            f"{path.name}: not read, it is damaged or holds more than tensors ({reason}); {cure}"
        ) from error


def read_weights(path: Path, cure: str = "download it again") -> dict[str, Tensor]:
    """State dict of one network.

    Parameters
    ----------
    path
        A plain state dict, or a Lightning checkpoint whose `state_dict` keys begin with `model.`.
    cure
        What to do where it is neither.

    Raises
    ------
    BundleError
        When it is neither.
    """
    content = load_tensors(path, cure)
    prefix = ""
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content, prefix = content["state_dict"], LIGHTNING_PREFIX
    if not isinstance(content, Mapping) or not content:
        raise BundleError(f"{path.name}: holds no state dict; {cure}")
    state = {}
    for key, tensor in content.items():
        if not isinstance(key, str) or not isinstance(tensor, Tensor):
            raise BundleError(f"{path.name}: {key!r} is no weight; it must be a state dict of tensors")
        state[key.removeprefix(prefix)] = tensor.detach()
    return state


def save_weights(state: Mapping[str, Tensor], path: Path) -> None:
    """Write a state dict as safetensors; tensors that share memory are written apart."""
    save_file(
        {key: tensor.clone(memory_format=torch.contiguous_format) for key, tensor in state.items()}, path
    )
