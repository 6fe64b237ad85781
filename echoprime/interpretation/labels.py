"""Labels read back out of a report's text (README, "The method", 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoprime.errors import BundleError

NUMBER = r"(\d{1,3}(?:\.\d{1,2})?)"
"""What a measured value looks like behind its source."""

CUT = "<#>"
"""Where a source's number stands."""


class LabelReader:
    """Reads phenotypes' labels out of reports.

    Parameters
    ----------
    sources
        `Bundle.label_sources()`: phenotype -> {section, mode, label_sources}. A `binary` label is 1 where any
        source occurs in the report, else 0: what a report does not say is taken for absent, as published. A
        `regression` label is the number behind the first source that has one.
    names
        Phenotypes wanted, in this order; one without sources is always unknown.

    Raises
    ------
    BundleError
        A mode is neither of the two.

    Examples
    --------
    >>> sources = {"tavr": {"mode": "binary", "label_sources": ["transcatheter"]},
    ...            "ejection_fraction": {"mode": "regression", "label_sources": ["EF estimated at <#>"]}}
    >>> reader = LabelReader(sources, ["ejection_fraction", "tavr", "impella"])
    >>> reader.read("Left Ventricle: ef estimated at 55.5 %. [SEP]").tolist()
    [55.5, 0.0, nan]
    """

    def __init__(self, sources: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._words: list[tuple[int, tuple[str, ...]]] = []
        self._numbers: list[tuple[int, tuple[re.Pattern[str], ...]]] = []
        for place, name in enumerate(names):
            if name not in sources:
                continue
            mode, texts = sources[name].get("mode"), sources[name].get("label_sources", ())
            if mode == "binary":
                self._words.append((place, tuple(_one_spaced(text).lower() for text in texts)))
            elif mode == "regression":
                self._numbers.append((place, tuple(_number_behind(text) for text in texts)))
            else:
                raise BundleError(
                    f"label_sources.json: mode {mode!r} of {name!r} is not binary or regression; "
                    "write the bundle again"
                )

    @property
    def known(self) -> tuple[str, ...]:
        """Phenotypes that have sources, in the order of `names`."""
        places = sorted(place for place, _ in [*self._words, *self._numbers])
        return tuple(self.names[place] for place in places)

    def read(self, text: str) -> NDArray[np.float64]:
        """Labels of one report.

        Parameters
        ----------
        text
            The whole report; runs of white space count as one space, upper and lower case are alike.

        Returns
        -------
        numpy.ndarray
            float64 (names,): 0, 1, or a number in the phenotype's unit; NaN = unknown.
        """
        found = np.full(len(self.names), np.nan)
        text = _one_spaced(text)
        lower = text.lower()
        for place, words in self._words:
            found[place] = any(word in lower for word in words)
        for place, patterns in self._numbers:
            match = next((match for pattern in patterns if (match := pattern.search(text))), None)
            if match is not None:
                found[place] = float(match[match.re.groups])
        return found


def _one_spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _number_behind(source: str) -> re.Pattern[str]:
    """The source up to its cut is a regular expression, as published; one that is none is plain text."""
    before = _one_spaced(source.split(CUT)[0])
    try:
        return re.compile(before + NUMBER, re.IGNORECASE)
    except re.error:
        return re.compile(re.escape(before) + NUMBER, re.IGNORECASE)
