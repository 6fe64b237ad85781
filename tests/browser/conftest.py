"""Real Chromium and a real OCR; both are Debian's, `make test-browser` says how where they are missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from echoprime.bundle import Bundle
from pipelines.run import run
from pipelines.settings import RunAllSettings
from tests.captions import CASES, as_dicom, as_mp4, real_loop, with_captions
from tests.tiny import write_tiny_archive, write_tiny_bundle

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, headless."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.fail("no chromium: apt-get install chromium tesseract-ocr")
    with sync_playwright() as playwright:
        # in containers Chromium runs as root, where its sandbox cannot
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Folder for a person to open: $ECHOPRIME_SCREENSHOTS, or build/screenshots."""
    folder = Path(os.environ.get("ECHOPRIME_SCREENSHOTS", ROOT / "build" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small archive, and a study of one real loop with names burned into it in a dozen ways."""
    archive = write_tiny_archive(tmp_path_factory.mktemp("pages") / "archive")
    named = archive / "named"
    named.mkdir()
    for number, (form, captions) in enumerate(CASES):
        frames = with_captions(real_loop(), *captions)
        content = as_dicom(frames) if form == "dicom" else as_mp4(frames)
        (named / f"{number:02d}.{'dcm' if form == 'dicom' else 'mp4'}").write_bytes(content)
    return archive


@pytest.fixture(scope="session")
def output(archive: Path) -> Path:
    """That archive encoded and interpreted, by networks of two blocks."""
    bundle: Bundle = write_tiny_bundle(archive.parent / "bundle")
    output = archive.parent / "out"
    run(RunAllSettings(archive=str(archive), bundle=str(bundle.location), output=str(output), progress=False))
    return output
