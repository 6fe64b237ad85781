"""What a measurement was measured on: printed above every table."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


def heading(doc: str | None, packages: Sequence[str]) -> str:
    """First line of a script's docstring, then date, processor, cores and versions, as Markdown."""
    title = (doc or "").strip().splitlines()[0]
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    cores = len(os.sched_getaffinity(0))
    return (
        f"# {title}\n\n{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {cores} cores, "
        f"Python {platform.python_version()}, {versions}\n"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )
    features = [
        name
        for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
        if any(name in line.split() for line in lines)
    ]
    return f"{model} ({', '.join(features)})"
