"""Weights into a network: a safetensors file or a state dict, checked key by key, held once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from echoprime.errors import BundleError
from echoprime.networks.architectures import Builder

Weights = Mapping[str, Tensor] | Path | str
"""A state dict, or the path of a safetensors file that holds one."""


CACHE_LINE = 64
"""Bytes; torch's own tensors start on one."""


def build_network(build: Builder, outputs: int, weights: Weights) -> nn.Module:
    """Build a network around existing weights.

    The module is built without memory of its own and takes the given tensors as they are, so a state dict
    must not be changed afterwards. Only tensors that do not start on a cache line, as most of a memory-mapped
    file's, are copied, one by one: matrix products round differently on them, and a network must not depend
    on where its weights came from.

    Parameters
    ----------
    build
        From `ENCODERS` or `VIEW_CLASSIFIERS`.
    outputs
        Outputs of the last layer.
    weights
        State dict of float32 tensors, or a safetensors file with one.

    Returns
    -------
    nn.Module
        On the CPU, in evaluation mode, without gradients.

    Raises
    ------
    BundleError
        When the file cannot be read, or a key, shape or type is not the network's; the first one is named.
    """
    with torch.device("meta"):
        module = build(outputs)
    state = weights if isinstance(weights, Mapping) else read_state(weights)
    _check_fit(module.state_dict(), state)
    aligned = {key: _on_cache_line(tensor) for key, tensor in state.items()}
    module.load_state_dict(aligned, strict=True, assign=True)
    return module.requires_grad_(False).eval()


def read_state(file: Path | str) -> dict[str, Tensor]:
    """Read a state dict from a safetensors file, memory-mapped.

    Raises
    ------
    BundleError
        When there is no such file, or it is not a whole safetensors file.
    """
    # here, so that a state dict needs no more than torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except FileNotFoundError:
        raise BundleError(f"{Path(file).name} is missing; import the release again") from None
    except (SafetensorError, OSError) as error:
        raise BundleError(
            f"{Path(file).name} is not a whole safetensors file ({error}); import the release again"
        ) from error


def _on_cache_line(tensor: Tensor) -> Tensor:
    if tensor.is_contiguous() and tensor.data_ptr() % CACHE_LINE == 0:
        return tensor
    return tensor.clone(memory_format=torch.contiguous_format)


def _check_fit(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    cure = "these are another network's weights: import the release again, with its architecture"
    for key, tensor in expected.items():
        if key not in given:
            raise BundleError(f"the weights lack {key!r}; {cure}")
        if given[key].shape != tensor.shape:
            raise BundleError(
                f"weight {key!r} has shape {tuple(given[key].shape)}, the network needs "
                f"{tuple(tensor.shape)}; {cure}"
            )
        if given[key].dtype != tensor.dtype:
            raise BundleError(
                f"weight {key!r} is {given[key].dtype}, the network needs {tensor.dtype}; {cure}"
            )
    for key in given:
        if key not in expected:
            raise BundleError(f"the weights have {key!r}, which the network lacks; {cure}")
