"""A tiny bundle and a tiny archive for the tests on clusters."""

from __future__ import annotations

from pathlib import Path

import pytest

from echoprime.bundle import Bundle
from tests.tiny import write_tiny_archive, write_tiny_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Untrained networks of two blocks."""
    return write_tiny_bundle(tmp_path_factory.mktemp("tiny") / "bundle")


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six studies, 15 videos; a still and a damaged file among them. Not to be changed."""
    return write_tiny_archive(tmp_path_factory.mktemp("tiny") / "archive")
