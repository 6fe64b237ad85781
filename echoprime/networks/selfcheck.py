"""Do the networks on this machine compute what they computed where the bundle was made?

A bundle holds one clip with its embedding and view logits (`selfcheck.npz`), recorded in float32 on cores.
Before a run encodes anything it computes them again and compares: other weights, a lower precision, a broken
driver or library are found here and not in a result.

A network in bfloat16 is checked twice: its weights in float32, to three digits, and then itself, to as much
as bfloat16 may move it, since a wrong weight can hide below that.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from echoprime.errors import BundleError, SettingError

if TYPE_CHECKING:
    from pathlib import Path

    from echoprime.networks.encoder import VideoEncoder
    from echoprime.networks.views import ViewClassifier

TOLERANCE = 1e-3
"""Largest absolute difference allowed, in an embedding's values and in logits alike.

Both are of the order of 1. Float32 in another order of summation (other cores, threads, libraries, a GPU)
moves them by 1e-6 to 1e-5, a hundred times less; bfloat16 by 4e-3 to 3e-2, several times more. Reversing the
rows of one weight of `mvit_v2_s` moves its embedding by 5e-3 to 1. So a thousandth parts the two, and leaves
room for trained weights whose outputs are ten times as large. It cannot see a weight that does not count:
blocks of an untrained `convnext_base`, whose layer scales are 1e-6, are silent.
"""

BF16_TOLERANCE = 0.05
"""Largest length of the difference allowed in bfloat16, as a share of the recorded vector's own length.

A share, because rounding to bfloat16 grows with the values, as float32's does far below `TOLERANCE`. Measured
with `mvit_v2_s` 0.01, with `convnext_base` at layer scales of 0.1 to 0.5 0.002. An embedding at the tolerance
still has a cosine of 0.9987 with the recorded one; a product that went wrong moves it by its own length.
"""

SELFCHECK_FILE = "selfcheck.npz"
"""Its name in a bundle: `frames` uint8 (16, 224, 224, 3), `used` int, `embedding` (512,), `logits` (11,)."""


class SelfCheck(NamedTuple):
    """How far the networks are from what the bundle recorded.

    In float32 largest absolute differences; in bfloat16 lengths of the differences, as shares of the recorded
    vectors' own.
    """

    embedding_difference: float
    logit_difference: float
    tolerance: float


class ClipLike(Protocol):
    """What is needed of a clip: `frames` uint8 (16, 224, 224, 3) and `used`, 1 to 16."""

    @property
    def frames(self) -> np.ndarray: ...
    @property
    def used(self) -> int: ...


class EncoderLike(Protocol):
    """What is needed of a `VideoEncoder`."""

    precision: str

    def in_float32(self) -> EncoderLike: ...
    def embed(self, frames: np.ndarray, used: ArrayLike) -> np.ndarray: ...


class ClassifierLike(Protocol):
    """What is needed of a `ViewClassifier`."""

    precision: str

    def in_float32(self) -> ClassifierLike: ...
    def logits(self, first_frames: np.ndarray) -> np.ndarray: ...


class BundleLike(Protocol):
    """What is needed of a `Bundle`: the local path of a file in it."""

    def file(self, name: str) -> Path: ...


def record_selfcheck(encoder: VideoEncoder, classifier: ViewClassifier, clip: ClipLike) -> bytes:
    """Compute what `check` will compare with.

    Parameters
    ----------
    encoder, classifier
        The bundle's networks, in float32 on cores.
    clip
        Any clip that holds no patient data, since the bundle will carry it.

    Returns
    -------
    bytes
        Content of `selfcheck.npz`; the same for the same networks and clip.

    Raises
    ------
    SettingError
        When a network is not on cores, or not in float32.
    """
    for network in (encoder, classifier):
        if network.device.type != "cpu" or network.precision != "float32":
            raise SettingError(
                f"a self-check is recorded on cpu in float32, not on {network.device.type} in "
                f"{network.precision}"
            )
    content = io.BytesIO()
    np.savez_compressed(
        content,
        frames=clip.frames,
        used=np.int64(clip.used),
        embedding=encoder.embed(clip.frames[None], [clip.used])[0],
        logits=classifier.logits(clip.frames[None, 0])[0],
    )
    return content.getvalue()


def check(
    bundle: BundleLike,
    encoder: EncoderLike | None = None,
    classifier: ClassifierLike | None = None,
) -> SelfCheck:
    """Compute the bundle's own clip again and compare.

    Parameters
    ----------
    bundle
        The bundle that the networks were loaded from.
    encoder, classifier
        Its networks as this process will use them, in one precision; one that is left out is not checked.

    Returns
    -------
    SelfCheck
        The differences found (0 for a network that was left out) and the tolerance: `TOLERANCE`, or
        `BF16_TOLERANCE`.

    Raises
    ------
    BundleError
        When a difference is above the tolerance or not a number, naming the numbers; or when the file is
        damaged.
    """
    recorded = _read(bundle.file(SELFCHECK_FILE))
    bf16 = "bf16" in [network.precision for network in (encoder, classifier) if network is not None]
    if bf16:  # first the weights, to a tolerance below what bfloat16 moves
        check(bundle, encoder and encoder.in_float32(), classifier and classifier.in_float32())
    difference, tolerance = (_share, BF16_TOLERANCE) if bf16 else (_largest, TOLERANCE)
    embedding = logits = None
    if encoder is not None:
        embedding = encoder.embed(recorded["frames"][None], [int(recorded["used"])])[0]
    if classifier is not None:
        logits = classifier.logits(recorded["frames"][None, 0])[0]
    found = SelfCheck(
        difference(embedding, recorded["embedding"]), difference(logits, recorded["logits"]), tolerance
    )
    # written so that a difference of NaN is refused too
    if not (found.embedding_difference <= tolerance and found.logit_difference <= tolerance):
        raise BundleError(
            "self-check failed: the networks do not compute what the bundle recorded: embedding differs by "
            f"{found.embedding_difference:.2g} and view logits by {found.logit_difference:.2g}, tolerance "
            f"{tolerance:.2g}; import the release again, or run in float32 on another device"
        )
    return found


def _largest(computed: np.ndarray | None, recorded: np.ndarray) -> float:
    return 0.0 if computed is None else float(np.abs(computed - recorded).max())


def _share(computed: np.ndarray | None, recorded: np.ndarray) -> float:
    length = max(float(np.linalg.norm(recorded)), float(np.finfo(np.float32).tiny))
    return 0.0 if computed is None else float(np.linalg.norm(computed - recorded)) / length


def _read(file: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as content:
            return {key: content[key] for key in ("frames", "used", "embedding", "logits")}
    except FileNotFoundError:
        raise BundleError(f"{SELFCHECK_FILE} is missing; import the release again") from None
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(
            f"{SELFCHECK_FILE} is damaged ({type(error).__name__}); import the release again"
        ) from error
