"""This package as a folder that a job takes along, so that the nodes need not have it."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import echoprime
import operators
import pipelines

DISTRIBUTION = "echoprime-pipeline"


@contextmanager
def staged_package() -> Iterator[Path]:
    """A folder with the three packages, the assets and the version, for the length of a `with`.

    The same code gives the same bytes, so a cluster that has them already is sent nothing.
    """
    with TemporaryDirectory(prefix="echoprime-") as scratch:
        folder = Path(scratch)
        for package in (echoprime, operators, pipelines):
            (source,) = package.__path__[:1]
            _copy(Path(source), folder / package.__name__)
        assets = Path(echoprime.__path__[0]).parent / "assets"
        if not (folder / "echoprime" / "_assets").exists() and assets.is_dir():
            _copy(assets, folder / "echoprime" / "_assets")
        about = importlib.metadata.distribution(DISTRIBUTION)
        information = folder / f"{DISTRIBUTION.replace('-', '_')}-{about.version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(about.read_text("METADATA") or "", encoding="utf-8")
        yield folder


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
