"""What a check says: ok, a warning or a failure, and the cure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One line of `echoprime doctor`.

    Attributes
    ----------
    state
        A failure stops a job; a warning makes it slow, or may stop it.
    what
        What was looked at.
    found
        What was found there.
    cure
        What mends it; empty where nothing is to be mended.
    """

    state: Literal["ok", "warning", "failure"]
    what: str
    found: str
    cure: str = ""


def ok(what: str, found: str) -> Finding:
    """Fit."""
    return Finding("ok", what, found)


def warning(what: str, found: str, cure: str = "") -> Finding:
    """Works, with a doubt."""
    return Finding("warning", what, found, cure)


def failure(what: str, found: str, cure: str = "") -> Finding:
    """Does not work."""
    return Finding("failure", what, found, cure)
