"""Ctrl-C and SIGTERM while a job's rows come: the first ends it in order, the second at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Signals of one job; `interrupts` makes one.

    Attributes
    ----------
    asked
        Whether the job was asked to end.
    """

    def __init__(self) -> None:
        self.asked = False
        self._orders: SimpleQueue[bool] = SimpleQueue()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """A signal's handler: it may come within any line of this process, so it takes no lock.

        Raises
        ------
        KeyboardInterrupt
            It is the second one.
        """
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self._orders.put(True)  # may interrupt itself, unlike locks and events

    def obey(self, end: Callable[[], None]) -> None:
        """Wait for the first signal, or for the job's end."""
        if self._orders.get():
            end()

    def over(self) -> None:
        """The job has ended: nobody waits any more."""
        self._orders.put(False)


@contextmanager
def interrupts(end: Callable[[], None]) -> Iterator[Interrupts]:
    """While this lasts the first Ctrl-C or SIGTERM calls `end`, the second raises KeyboardInterrupt.

    Signals that are ignored (of a job in a shell's background) stay so. In another thread than the main one,
    as of a notebook's server, signals are left alone.

    Parameters
    ----------
    end
        Called once, in a thread of its own: a signal may come while the main thread holds any lock.
    """
    found = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield found
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    obeying = threading.Thread(target=found.obey, args=(end,), name="interrupts", daemon=True)
    obeying.start()
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, found.handle)
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        found.over()
