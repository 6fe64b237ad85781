"""The queries of a Grafana dashboard, taken apart: which metrics and labels each of them names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

METRIC = re.compile(r"\b(ray_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"[^"]*"')
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)\s*\(")
LEGEND = re.compile(r"\{\{(\w+)\}\}")
VALUES = re.compile(r"label_values\((\w+), (\w+)\)")


@dataclass(frozen=True)
class Query:
    """One query.

    Attributes
    ----------
    where
        The panel's title.
    text
        In PromQL, with Grafana's variables.
    legend
        Labels that its series are called by.
    """

    where: str
    text: str
    legend: frozenset[str]

    @property
    def metrics(self) -> dict[str, set[str]]:
        """Metric -> the labels that the query selects it or groups it by.

        Examples
        --------
        >>> query = Query("", 'sum by (a, b) (rate(ray_x{c="1"}[5m])) / sum by (a) (ray_y)', frozenset())
        >>> {name: sorted(labels) for name, labels in query.metrics.items()}
        {'ray_x': ['a', 'b', 'c'], 'ray_y': ['a']}
        """
        found: dict[str, set[str]] = {}
        for match in METRIC.finditer(self.text):
            labels = set(MATCHER.findall(match[2] or ""))
            for grouping in GROUPING.finditer(self.text):
                if grouping.end() <= match.start() < _closing(self.text, grouping.end()):
                    labels |= {label.strip() for label in grouping[1].split(",")}
            found.setdefault(match[1], set()).update(labels)
        return found

    @property
    def groups(self) -> set[str]:
        """Labels that its series have."""
        return {label.strip() for each in GROUPING.findall(self.text) for label in each.split(",")}


def _closing(text: str, start: int) -> int:
    """Where the bracket that was opened before `start` is closed."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise ValueError(f"a bracket is not closed: {text}")


def queries_of(dashboard: dict[str, Any]) -> Iterator[Query]:
    """Every query of its panels."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield Query(panel["title"], target["expr"], frozenset(LEGEND.findall(target["legendFormat"])))
