"""Names burned into pixels never leave: every picture, clip and page, read by an OCR.

The same OCR reads most of the names in the clips as the networks see them, so it would read them here.
"""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser

from echoprime.pages import draw_montage, shown
from echoprime.reading import Clip
from pipelines.settings import ViewSettings
from pipelines.view import write_pages
from tests.captions import CASES, clip_of, real_loop, with_captions

pytestmark = [pytest.mark.browser, pytest.mark.ray]

NAMES = sorted({caption.name for _, captions in CASES for caption in captions})
LETTERS = 4
"""So many letters of a name in a row are taken for the name; three would come up in speckle by chance."""
LEVELS = (60, 110)
"""Grey levels at which a picture is cut into ink and paper: tesseract reads little over speckle."""


def ocr(picture: NDArray[Any], scale: float = 3.0) -> str:
    """What tesseract reads of light words, and of words that stand out: capitals and digits alone."""
    if shutil.which("tesseract") is None:
        pytest.fail("no tesseract: apt-get install chromium tesseract-ocr")
    light = picture.max(axis=-1)
    large = cv2.resize(light, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    stroke = np.ones((int(20 * scale) + 1,) * 2, np.uint8)
    seen = [np.where(large > level, 0, 255).astype(np.uint8) for level in LEVELS]
    seen.append(255 - cv2.morphologyEx(large, cv2.MORPH_TOPHAT, stroke))
    return re.sub(r"[^A-Z0-9]", "", " ".join(map(_tesseract, seen)).upper())


def _tesseract(picture: NDArray[Any]) -> str:
    _, png = cv2.imencode(".png", picture)
    answer = subprocess.run(
        ["tesseract", "-", "-", "--psm", "11"],
        input=png.tobytes(),
        capture_output=True,
        check=True,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
    )
    return answer.stdout.decode()


def names_in(text: str) -> set[str]:
    """Names of which enough is there."""
    return {
        name
        for name in NAMES
        if any(name[at : at + LETTERS] in text for at in range(max(1, len(name) - LETTERS + 1)))
    }


def read_all(pictures: list[NDArray[Any]], scale: float = 3.0) -> list[set[str]]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [names_in(text) for text in pool.map(lambda picture: ocr(picture, scale), pictures)]


def late_mean(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean of the later half of a loop, in which tissue fades and captions stay: the easiest to read."""
    return frames[len(frames) // 2 :].mean(axis=0).astype(np.uint8)


def raw(clip: Clip) -> NDArray[np.uint8]:
    frames = clip.frames[: clip.used]
    return np.ascontiguousarray(frames[..., ::-1] if clip.format == "dicom" else frames)


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [clip_of(with_captions(real_loop(), *captions), form) for form, captions in CASES]


def test_the_ocr_reads_names_where_they_are(clips: list[Clip]) -> None:
    """Without this the tests below could not fail."""
    read = read_all([late_mean(raw(clip)) for clip in clips])
    assert sum(map(bool, read)) >= len(clips) - 2, read


def test_no_name_in_what_may_be_shown(clips: list[Clip]) -> None:
    pictures = [shown(clip) for clip in clips]
    assert not [picture.why_not for picture in pictures if picture.why_not]
    seen = [each for picture in pictures for each in (late_mean(picture.frames), picture.frames[-3])]
    assert read_all(seen) == [set()] * len(seen)


def test_no_name_in_a_montage(clips: list[Clip], screenshots: Path) -> None:
    content = draw_montage(
        [shown(clip) for clip in clips], ["A4C"] * len(clips), [0.5] * len(clips), notice="untrained"
    )
    (screenshots / "montage.png").write_bytes(content)
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert read_all([picture], scale=2.0) == [set()]
    assert "UNTRAINED" in ocr(picture, scale=2.0)


def test_no_name_in_a_page(browser: Browser, output: Path, tmp_path: Path, screenshots: Path) -> None:
    """Its clips and posters as files, and the page as Chromium draws it, at rest and playing."""
    page_file = tmp_path / "page.html"
    write_pages(ViewSettings(output=str(output), study="named", page=str(page_file)))
    text = page_file.read_text()
    words = re.sub(r"data:[^\"]+", "", text)
    assert not [name for name in [*NAMES, "named/", ".dcm", ".mp4"] if name in words]

    webms = re.findall(r'src="data:video/webm;base64,([^"]+)"', text)
    posters = re.findall(r'poster="data:image/webp;base64,([^"]+)"', text)
    assert len(webms) == len(posters) == len(CASES)
    pictures = [late_mean(_frames(base64.b64decode(webm))) for webm in webms]
    assert read_all(pictures) == [set()] * len(CASES)
    read = [cv2.imdecode(np.frombuffer(base64.b64decode(each), np.uint8), 1) for each in posters]
    sheet = np.vstack([np.hstack(read[row : row + 4]) for row in range(0, len(read), 4)])
    assert read_all([sheet], scale=2.0) == [set()]

    page = browser.new_page(viewport={"width": 1200, "height": 900}, device_scale_factor=2)
    page.goto(page_file.as_uri())
    page.wait_for_timeout(300)
    rest = page.locator(".tiles").screenshot()
    page.evaluate(
        "document.querySelectorAll('video').forEach(video => { video.controls = false; video.play() })"
    )
    page.wait_for_timeout(700)
    playing = page.locator(".tiles").screenshot(path=screenshots / "named-playing.png")
    page.close()
    drawn = [cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR) for png in (rest, playing)]
    assert read_all(drawn, scale=1.0) == [set()] * 2


def _frames(webm: bytes) -> NDArray[np.uint8]:
    with av.open(io.BytesIO(webm)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
