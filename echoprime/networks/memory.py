"""An allocator setting that suits the networks on cores."""

from __future__ import annotations

import ctypes
import sys

# numbers of glibc's malloc.h
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell the C allocator to keep large freed blocks instead of giving each back to the system at once.

    Without it every temporary of a forward pass is mapped and page-faulted anew: torchvision's MViT takes 1.5
    times as long. The price is a process that stays as large as it has ever been. It holds for the whole
    process, so only its owner (a job, an actor, a command) calls it, once and before the first network.

    Returns
    -------
    bool
        Whether both settings were taken. False, and nothing has changed, where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))
