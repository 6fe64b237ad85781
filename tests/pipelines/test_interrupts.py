"""The first signal asks, the second ends; what was set up before is there again afterwards."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from pipelines.interrupts import SIGNALS, interrupts


@pytest.fixture(autouse=True)
def signals_are_heard() -> Iterator[None]:
    """Also where a shell has put the tests into the background, with Ctrl-C ignored."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("how", SIGNALS, ids=lambda how: how.name)
def test_once_asks_and_twice_ends(how: signal.Signals) -> None:
    ended = threading.Event()
    where: list[str] = []

    def end() -> None:
        where.append(threading.current_thread().name)
        ended.set()

    before = [signal.getsignal(number) for number in SIGNALS]
    with interrupts(end) as signals:
        assert not signals.asked
        signal.raise_signal(how)
        assert ended.wait(10)
        assert signals.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert where == ["interrupts"], "once, and not in the thread that a signal comes into"
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_job_without_signals_leaves_no_thread() -> None:
    with interrupts(lambda: pytest.fail("nobody asked")):
        pass
    for thread in threading.enumerate():
        if thread.name == "interrupts":
            thread.join(10)
            assert not thread.is_alive()


def test_an_ignored_signal_stays_ignored() -> None:
    """As of a job that a shell has put into the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts(lambda: pytest.fail("it was ignored")) as signals:
            signal.raise_signal(signal.SIGINT)
            assert not signals.asked
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def job() -> None:
        with interrupts(lambda: None):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    assert seen == [before]
