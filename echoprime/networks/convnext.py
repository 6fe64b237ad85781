"""ConvNeXt for frames: torchvision's arithmetic with packed linear layers, channels innermost.

Built from torchvision's module, layer by layer. Exact but for rounding: GELU is fused into the first linear
layer of a block, the layer scale is folded into the second, and channels lie innermost from the first layer
to the last, so that no layer has to turn the picture around for the next. Where products are computed in
bfloat16, those are the two of each block's perceptron alone, nine tenths of the work: with the convolutions
too the logits would differ five times as much, and on cores it would be slower.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models import ConvNeXt
from torchvision.models.convnext import CNBlock

from echoprime.networks.arithmetic import FLOAT32, Arithmetic
from echoprime.networks.linear import Linear
from echoprime.networks.norms import Norm


class FrameClassifier:
    """The whole network.

    Parameters
    ----------
    module
        torchvision's, on the device that frames will come from.
    arithmetic
        How the perceptrons' products are computed; all else is float32.
    """

    def __init__(self, module: ConvNeXt, *, arithmetic: Arithmetic = FLOAT32) -> None:
        self.layers: list[Callable[[Tensor], Tensor]] = []
        # stem and downsampling between stages are modules of their own; the others are sequences of blocks
        for stage in module.features:
            blocks = [each for each in stage if isinstance(each, CNBlock)]
            if blocks:
                self.layers += [Block(block, arithmetic=arithmetic) for block in blocks]
            else:
                self.layers.append(stage.to(memory_format=torch.channels_last))
        self._classifier = module.classifier

    def __call__(self, frames: Tensor) -> Tensor:
        """Float32 (N, 3, 224, 224), channels innermost in memory, to float32 logits (N, outputs)."""
        for layer in self.layers:
            frames = layer(frames)
        logits: Tensor = self._classifier(frames.mean(dim=(2, 3), keepdim=True))
        return logits


class Block:
    """One block: depthwise convolution, norm, perceptron, scale; added to what came in.

    Parameters
    ----------
    block
        torchvision's.
    arithmetic
        How the perceptron's products are computed.
    """

    def __init__(self, block: CNBlock, *, arithmetic: Arithmetic = FLOAT32) -> None:
        convolution, _, norm, rise, _, fall, _ = block.block
        self._kernel = convolution.weight.contiguous(memory_format=torch.channels_last)
        self._bias, self._padding = convolution.bias, convolution.padding
        self._norm = Norm(norm, torch.float32, arithmetic.dtype)
        scale = block.layer_scale.flatten()
        self._rise = Linear.of(rise, "gelu", arithmetic=arithmetic)
        self._fall = Linear(fall.weight * scale[:, None], fall.bias * scale, arithmetic=arithmetic)

    def __call__(self, frames: Tensor) -> Tensor:
        """Float32 (N, channels, rows, columns), channels innermost in memory, to the same."""
        convolved = functional.conv2d(
            frames, self._kernel, self._bias, padding=self._padding, groups=frames.shape[1]
        )
        rows = self._fall(self._rise(self._norm(convolved.permute(0, 2, 3, 1))))
        return frames + rows.permute(0, 3, 1, 2)
