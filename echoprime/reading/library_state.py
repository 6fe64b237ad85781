"""What the libraries must be told before a video is read, and that is taken back afterwards."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import cv2

_lock = threading.Lock()
_readers = 0
_undo = ExitStack()


@contextmanager
def reading_state() -> Iterator[None]:
    """One thread for OpenCV, and silence of pydicom, until the last of concurrent readers is done.

    A reader has one core, and pictures are too small to be shared out; no result depends on the number.
    pydicom's warnings and log records quote values of the header. All this is the process's state, so it
    holds for what other threads do meanwhile, too.
    """
    global _readers
    with _lock:
        if _readers == 0:
            _enter(_undo)
        _readers += 1
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if _readers == 0:
                _undo.close()


def _enter(undo: ExitStack) -> None:
    undo.callback(cv2.setNumThreads, cv2.getNumThreads())
    cv2.setNumThreads(1)
    logger = logging.getLogger("pydicom")
    undo.callback(setattr, logger, "disabled", logger.disabled)
    logger.disabled = True
    undo.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore")
