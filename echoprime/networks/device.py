"""Where the networks run: the device by name."""

from __future__ import annotations

import torch

from echoprime.errors import SettingError


def select_device(name: str = "auto") -> str:
    """Turn a setting into the name of a device that is there.

    Parameters
    ----------
    name
        `auto` (cuda where there is one, else cpu), or any name torch knows: `cpu`, `cuda`, `cuda:1`.

    Returns
    -------
    str
        A device name for `torch.device`.

    Raises
    ------
    SettingError
        When torch does not know the name, or a GPU is asked for and none is visible.

    Examples
    --------
    >>> select_device("cpu")
    'cpu'
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingError(f"device {name!r} is not known; use auto, cpu or cuda") from None
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise SettingError(f"device {name!r} is not there: {count} GPUs are visible; use auto or cpu")
    return str(device)
