from __future__ import annotations

import subprocess
import sys

import pytest

from echoprime.networks import memory

PAGE_FAULTS = """
import resource, runpy, sys
import numpy as np

keep_freed_memory = runpy.run_path(sys.argv[1])["keep_freed_memory"]

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(2):
        np.ones(5_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = min(faults() for _ in range(5))
assert keep_freed_memory()
# the heap takes a few rounds to grow to what is asked of it
print(before, min(faults() for _ in range(10)))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's setting")
def test_freed_memory_is_kept_once_the_process_asks_for_it():
    # in a process of its own, since the setting holds for a whole process
    command = [sys.executable, "-c", PAGE_FAULTS, memory.__file__]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after = map(int, result.stdout.split())
    assert after < 10 < before


def test_elsewhere_nothing_is_set(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not memory.keep_freed_memory()
