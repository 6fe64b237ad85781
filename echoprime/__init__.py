"""EchoPrime: heart-ultrasound videos to reports and measurements.

The public names are loaded when they are first used: `import echoprime` alone brings no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from echoprime.bundle import Bundle, open_bundle
    from echoprime.errors import (
        BundleError,
        EchoPrimeError,
        Reason,
        SkippedVideo,
        UnreadableVideo,
        UserError,
        VideoError,
    )
    from echoprime.model import EchoPrime, load
    from echoprime.reading import Clip, read_clip
    from echoprime.release import import_release

__all__ = [
    "Bundle",
    "BundleError",
    "Clip",
    "EchoPrime",
    "EchoPrimeError",
    "Reason",
    "SkippedVideo",
    "UnreadableVideo",
    "UserError",
    "VideoError",
    "import_release",
    "load",
    "open_bundle",
    "read_clip",
]

_MODULES = {
    "Bundle": "bundle",
    "open_bundle": "bundle",
    "EchoPrime": "model",
    "load": "model",
    "Clip": "reading",
    "read_clip": "reading",
    "import_release": "release",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # whatever the name stands for
    if name not in __all__:
        raise AttributeError(f"module 'echoprime' has no attribute {name!r}")
    return getattr(importlib.import_module(f"echoprime.{_MODULES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
