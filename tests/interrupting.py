"""Processes that a test interrupts."""

from __future__ import annotations

import signal
import subprocess
from typing import Any


def interruptible(words: list[str], **options: Any) -> subprocess.Popen[str]:
    """Start a command that answers SIGINT, wherever the test itself runs.

    A shell starts what it puts into the background with SIGINT ignored, and its children inherit that.
    """
    return subprocess.Popen(
        words, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options
    )
