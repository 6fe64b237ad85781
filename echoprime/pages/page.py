"""One self-contained HTML file: Jinja2 templates, one style sheet, nothing fetched from anywhere.

html = render_page("run.html.j2", title="Run of 2026-11-24", notice=bundle.notice, run=run)
"""

from __future__ import annotations

import base64
import math
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

NOTHING = "\N{EN DASH}"
"""What stands where there is no value."""


def render_page(template: str, *, title: str, notice: str = "", **content: Any) -> str:  # noqa: ANN401  # templates take anything
    """Render one page.

    Parameters
    ----------
    template
        A file of `echoprime/pages/templates` that extends `page.html.j2`.
    title
        Heading and title of the page; never a patient's name.
    notice
        What must be said beside every number, shown above everything; "" = nothing.
    content
        What the template asks for; a name that it asks for in vain raises `jinja2.UndefinedError`.

    Returns
    -------
    HTML with its styles, pictures and videos inside; its own policy lets it fetch nothing.
    """
    return _environment().get_template(template).render(title=title, notice=notice, **content)


def data_uri(content: bytes, media_type: str) -> str:
    """A picture or video as the address that holds it.

    Examples
    --------
    >>> data_uri(b"abc", "image/png")
    'data:image/png;base64,YWJj'
    """
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def number(value: float | None, digits: int = 2) -> str:
    """A number as pages show it: fixed digits, thousands apart, an en dash where there is none.

    Examples
    --------
    >>> number(1234.5, 1), number(-0.001), number(None) == NOTHING
    ('1,234.5', '0.00', True)
    """
    if value is None or math.isnan(value):
        return NOTHING
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text


def percent(value: float | None, digits: int = 1) -> str:
    """A share of 0..1 in per cent.

    Examples
    --------
    >>> percent(0.1234)
    '12.3 %'
    """
    return NOTHING if value is None or math.isnan(value) else f"{number(100 * value, digits)} %"


def words(name: str) -> str:
    """A column's name as a person reads it.

    Examples
    --------
    >>> words("ejection_fraction")
    'ejection fraction'
    """
    return name.replace("_", " ")


def day(value: date | datetime | None) -> str:
    """A date as pages show it, 2026-11-24."""
    return NOTHING if value is None else f"{value:%Y-%m-%d}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("echoprime.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": percent, "words": words, "day": day}
    environment.globals["style"] = Markup(  # nosec B704  # our own file
        (files("echoprime.pages") / "templates" / "style.css").read_text(encoding="utf-8")
    )
    return environment
