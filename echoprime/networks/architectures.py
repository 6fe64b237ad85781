"""The networks by name: what a bundle writes as `architecture`, and how torchvision builds it.

A builder makes torchvision's own module with its own initial values and then replaces the last layer, in
this order, so that a seed gives the same untrained weights wherever it is used. `mvit_two_blocks` and
`convnext_two_blocks` are for tests: inputs and outputs of the real ones, milliseconds instead of seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from torchvision.models import ConvNeXt, convnext_base
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.video.mvit import MSBlockConfig, MViT, mvit_v2_s

from echoprime.errors import BundleError

EMBEDDING = 512
"""Values in an embedding; they are not normalised."""

VIEWS = 11
"""Views that the classifier tells apart; their names and order are the bundle's."""

Builder = Callable[..., nn.Module]
"""From the number of outputs (512 or 11 where left out) to a torchvision module with initial values."""


def _with_last_layer(module: nn.Module, layers: str, outputs: int) -> nn.Module:
    sequence = getattr(module, layers)
    sequence[-1] = nn.Linear(sequence[-1].in_features, outputs)
    return module.eval()


def _mvit_v2_s(outputs: int = EMBEDDING) -> nn.Module:
    return _with_last_layer(mvit_v2_s(), "head", outputs)


def _convnext_base(outputs: int = VIEWS) -> nn.Module:
    return _with_last_layer(convnext_base(), "classifier", outputs)


def _mvit_two_blocks(outputs: int = EMBEDDING) -> nn.Module:
    """For tests. Its second block has coarser queries than keys, as the fifteenth of `mvit_v2_s` has."""
    blocks = [
        MSBlockConfig(1, 32, 32, [3, 3, 3], [3, 3, 3], [1, 1, 1], [1, 4, 4]),
        MSBlockConfig(2, 32, 64, [3, 3, 3], [3, 3, 3], [1, 2, 2], [1, 1, 1]),
    ]
    module = MViT(
        spatial_size=(224, 224),
        temporal_size=16,
        block_setting=blocks,
        residual_pool=True,
        residual_with_cls_embed=False,
        rel_pos_embed=True,
        proj_after_attn=True,
        patch_embed_stride=(4, 8, 8),
    )
    return _with_last_layer(module, "head", outputs)


def _convnext_two_blocks(outputs: int = VIEWS) -> nn.Module:
    """For tests. Layer scales of 0.5, where torchvision's initial 1e-6 would leave both blocks silent."""
    module = ConvNeXt([CNBlockConfig(16, 32, 1), CNBlockConfig(32, None, 1)], layer_scale=0.5)
    return _with_last_layer(module, "classifier", outputs)


ENCODERS: dict[str, Builder] = {"mvit_v2_s": _mvit_v2_s, "mvit_two_blocks": _mvit_two_blocks}
"""Video encoders: clip (3, 16, 224, 224) to 512 values. `mvit_two_blocks` is for tests."""

VIEW_CLASSIFIERS: dict[str, Builder] = {
    "convnext_base": _convnext_base,
    "convnext_two_blocks": _convnext_two_blocks,
}
"""View classifiers: frame (3, 224, 224) to 11 logits. `convnext_two_blocks` is for tests."""


def builder(architecture: str, registry: dict[str, Builder]) -> Builder:
    """Look an architecture up.

    Raises
    ------
    BundleError
        When the registry has no such name.

    Examples
    --------
    >>> builder("resnet", ENCODERS)
    Traceback (most recent call last):
    ...
    echoprime.errors.BundleError: architecture 'resnet' is not one of mvit_v2_s, mvit_two_blocks; import the \
release again with this version
    """
    if architecture not in registry:
        raise BundleError(
            f"architecture {architecture!r} is not one of {', '.join(registry)}; "
            "import the release again with this version"
        )
    return registry[architecture]
