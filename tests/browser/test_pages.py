"""Every page in real Chromium: quiet console, nothing fetched, clips that play, no wider than a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from pipelines.settings import ViewSettings
from pipelines.view import write_pages

pytestmark = [pytest.mark.browser, pytest.mark.ray]

WIDTHS = (1200, 390)
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def pages(output: Path) -> dict[str, Path]:
    """A page of each kind, by name."""
    folder = output.parent / "pages"
    (folder / "list.csv").parent.mkdir()
    (folder / "list.csv").write_text("study_id\nstudy-0\nstudy-2\nstudy-4\n")
    wanted = {
        "study": {"study": "study-1", "identifiers": True, "deidentified": True},
        "named": {"study": "named"},
        "run": {"run": "latest"},
    }
    for name, settings in wanted.items():
        write_pages(ViewSettings(output=str(output), page=str(folder / f"{name}.html"), **settings))
    write_pages(
        ViewSettings(output=str(output), page=str(folder / "several"), studies=str(folder / "list.csv"))
    )
    return {**{name: folder / f"{name}.html" for name in wanted}, "index": folder / "several" / "index.html"}


def opened(browser: Browser, file: Path, *, width: int, scheme: str) -> tuple[Page, list[str]]:
    """The page, and everything that it says or asks for."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    said: list[str] = []
    page.on("console", lambda message: said.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url[:80]}"))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("data:", file.as_uri())) else said.append(request.url)
        ),
    )
    page.goto(file.as_uri())
    return page, said


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["study", "named", "run", "index"])
def test_a_page(
    browser: Browser, pages: dict[str, Path], screenshots: Path, name: str, width: int, scheme: str
) -> None:
    page, said = opened(browser, pages[name], width=width, scheme=scheme)
    page.wait_for_load_state("load")
    page.wait_for_timeout(300)
    page.screenshot(path=screenshots / f"{name}-{scheme}-{width}.png", full_page=True)
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.body.scrollWidth") <= width
    lightness = page.evaluate(
        "getComputedStyle(document.documentElement).backgroundColor.match(/[0-9]+/g).slice(0, 3).map(Number)"
    )
    assert (min(lightness) > 200) == (scheme == "light")
    page.close()


def test_clips_play(browser: Browser, pages: dict[str, Path]) -> None:
    page, said = opened(browser, pages["study"], width=1200, scheme="light")
    videos = page.locator("video")
    assert videos.count() == 2
    for number in range(videos.count()):
        video = videos.nth(number)
        video.evaluate("video => video.play()")
        page.wait_for_function(
            "number => document.querySelectorAll('video')[number].currentTime > 0.05",
            arg=number,
            timeout=10_000,
        )
        facts = video.evaluate(
            "v => [v.videoWidth, v.videoHeight, v.duration, v.loop, v.muted, v.poster.length]"
        )
        assert facts[:2] == [224, 224]
        assert 0.05 < facts[2] < 10
        assert facts[3:5] == [True, True]
        assert facts[5] > 100
    assert said == []
    page.close()


def test_the_index_leads_to_its_pages(browser: Browser, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["index"], width=1200, scheme="light")
    links = page.locator("td a")
    assert links.count() == 3
    links.first.click()
    page.wait_for_selector("video, .placeholder")
    assert page.locator("h1").inner_text().startswith("Study ")
    page.close()
