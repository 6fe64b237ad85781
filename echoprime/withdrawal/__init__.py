"""Somebody withdrawn from an output: rows, old files, log entries, and the proof that nothing names them."""

from __future__ import annotations

from echoprime.withdrawal.searching import Search, search
from echoprime.withdrawal.traces import Traces, find_traces
from echoprime.withdrawal.withdrawing import Removed, withdraw

__all__ = ["Removed", "Search", "Traces", "find_traces", "search", "withdraw"]
