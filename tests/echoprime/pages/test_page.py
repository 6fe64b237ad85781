"""Pages: one file each, nothing fetched, drawings in the page's own colours."""

from __future__ import annotations

import re

import jinja2
import pytest

from echoprime.pages import render_page
from echoprime.pages.charts import ACCENT, QUIET, as_svg, chart


def drawing() -> str:
    with chart(height=2) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=ACCENT)
        axes.set_xlabel("drawn <script>")
        axes.set_ylabel(r"Site $\foo$ at $5 to $10")
        axes.axhline(0.5, color=QUIET)
    return as_svg(figure)


def test_a_page_is_whole_and_fetches_nothing() -> None:
    page = render_page("page.html.j2", title="Study <b>", notice="untrained & drawn")
    assert "<title>Study &lt;b&gt;</title>" in page
    assert "untrained &amp; drawn" in page
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "http://" not in page
    assert "https://" not in page


def test_a_drawing_is_text_in_the_pages_colours_and_the_same_every_time() -> None:
    svg = drawing()
    assert svg.startswith("<svg")
    assert "var(--accent)" in svg
    assert "var(--quiet)" in svg
    assert not re.search(r"#0[1-7]0[1-7]0[1-7]", svg)
    assert "drawn &lt;script&gt;" in svg
    assert r"Site $\foo$ at $5 to $10" in svg
    assert svg == drawing()


def test_a_template_that_asks_for_what_it_was_not_given_is_an_error() -> None:
    with pytest.raises(jinja2.TemplateNotFound):
        render_page("gone.html.j2", title="x")
