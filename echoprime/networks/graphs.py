"""A network's many small kernels, recorded once on a GPU and started by one call from then on.

`mvit_v2_s` starts about a thousand kernels a portion; started one by one from Python they take longer than
they run. Portions have one fixed shape (see `batching`), which is what a CUDA graph needs. Where recording
fails the network runs as it is, with a warning: slower, the same numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

log = logging.getLogger(__name__)

Compute = Callable[..., Tensor]
"""From tensors of fixed shapes to a tensor, on one device, without a look at their values."""

WARM_UPS = 3
"""Runs before the recording, in which libraries choose kernels and take their workspaces."""


def replayed(compute: Compute, device: torch.device) -> Compute:
    """Make a function that records `compute` in its first call, where the device can.

    Examples
    --------
    >>> replayed(torch.add, torch.device("cpu")) is torch.add
    True
    """
    return Replayed(compute, record) if device.type == "cuda" else compute


class Replayed:
    """A function that is recorded in its first call.

    Parameters
    ----------
    compute
        What is recorded. Every call gives tensors of the same shapes and types.
    recorder
        From `compute` and its fixed inputs to what computes the fixed output from them again.
    """

    def __init__(self, compute: Compute, recorder: Callable[..., Callable[[], Tensor]]) -> None:
        self._compute, self._recorder = compute, recorder
        self._inputs: tuple[Tensor, ...] = ()
        self._replay: Callable[[], Tensor] | None = None
        self._failed = False

    def __call__(self, *given: Tensor) -> Tensor:
        """Compute, from values that are copied to where the recording reads them."""
        if self._failed:
            return self._compute(*given)
        if self._replay is None:
            self._inputs = tuple(each.clone() for each in given)
            try:
                self._replay = self._recorder(self._compute, self._inputs)
            except RuntimeError as error:
                said = str(error).partition("\n")[0]
                log.warning("no CUDA graph (%s); kernels are started one by one", said)
                self._failed = True
                return self._compute(*given)
        for fixed, each in zip(self._inputs, given, strict=True):
            fixed.copy_(each)
        return self._replay().clone()


def record(compute: Compute, inputs: tuple[Tensor, ...]) -> Callable[[], Tensor]:
    """Record one run on a GPU.

    Raises
    ------
    RuntimeError
        When CUDA cannot record it.
    """
    # streams are of the current device: on another than that of the inputs nothing would be recorded
    with torch.cuda.device(inputs[0].get_device()):
        beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch leaves it so
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):  # a recording must not begin on the default stream
            for _ in range(WARM_UPS):
                compute(*inputs)
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = compute(*inputs)

    def replay() -> Tensor:
        graph.replay()
        return output

    return replay
