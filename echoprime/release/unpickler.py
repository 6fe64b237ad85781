"""Read a pickle that holds plain data, and nothing else: no code of the file's choosing is ever run."""

from __future__ import annotations

import collections
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from echoprime.errors import BundleError


class _DType:
    """Stands for a numpy dtype of numbers or text: remembers its code, and never builds anything else."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = code
        self.order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1] if state[1] in "<>" else "="

    def dtype(self) -> np.dtype[Any]:
        """The dtype, if it is of plain numbers, booleans or text."""
        found = np.dtype(self.order + self.code)
        if found.kind not in "biufU":
            raise pickle.UnpicklingError(f"a numpy value of type {self.code!r}")
        return found


def _scalar(kind: _DType, data: bytes) -> Any:  # noqa: ANN401  # a numpy scalar: it prints as the original does
    return np.frombuffer(data, kind.dtype(), count=1)[0]


def _encode(text: str, _: str) -> bytes:
    """How protocol 2 writes bytes."""
    return text.encode("latin1")


_SCALARS = [(module, "scalar") for module in ("numpy.core.multiarray", "numpy._core.multiarray")]

ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): collections.defaultdict,
    **{
        (module, kind.__name__): kind
        for module in ("builtins", "__builtin__")
        for kind in (dict, list, set, frozenset, int, float, str, bool)
    },
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _DType,
    **dict.fromkeys(_SCALARS, _scalar),
}
"""Everything that a release's pickle may name; numbers, text, lists, tuples and dicts need no name."""


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401  # as the base class
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return ALLOWED[module, name]


def load_pickle(path: Path) -> Any:  # noqa: ANN401  # what the file holds
    """The plain data in a pickle of the release.

    Parameters
    ----------
    path
        A `.pkl` file of containers, numbers and text; numpy scalars are let through.

    Raises
    ------
    BundleError
        When the file is missing or damaged, or names anything else: the name and the file are in the message.
    """
    try:
        with path.open("rb") as stream:
            return _PlainUnpickler(stream).load()
    except FileNotFoundError as error:
        raise BundleError(
            f"{path.name}: missing from the release; copy it there from the official one"
        ) from error
    except pickle.UnpicklingError as error:
        raise BundleError(
            f"{path.name}: refused, it asks for {error}, and only plain data are read; "
            "use the file of the official release"
        ) from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise BundleError(
            f"{path.name}: damaged ({type(error).__name__}); copy it from the release again"
        ) from error
