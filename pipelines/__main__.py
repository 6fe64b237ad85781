"""`python -m pipelines`: the same as `echoprime`, where its script is not installed."""

from __future__ import annotations

from pipelines.cli import entry

if __name__ == "__main__":
    entry()
