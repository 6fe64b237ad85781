"""Settings from one flat TOML file, under the flags."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from cyclopts.config import Dict

from echoprime.errors import SettingError
from pipelines.settings import (
    CalibrateSettings,
    CandidatesBuildSettings,
    CompareSettings,
    DoctorSettings,
    EncodeSettings,
    ExportSettings,
    FailuresSettings,
    InterpretSettings,
    JobLogsSettings,
    ManifestSettings,
    PlanSettings,
    PopulationSettings,
    RunAllSettings,
    SubmitSettings,
    ViewSettings,
)

FLAG = "--config"

COMMANDS = (
    "manifest", "plan", "encode", "interpret", "run", "status", "failures", "export", "compact", "view",
    "demo", "candidates build", "compare", "population", "calibrate",
    "submit", "jobs list", "jobs logs", "jobs stop", "doctor",
)  # fmt: skip
"""Commands that take their settings from the file: each those that it knows, flags and arguments first."""

SETTINGS = (
    ManifestSettings,
    PlanSettings,
    EncodeSettings,
    InterpretSettings,
    RunAllSettings,
    FailuresSettings,
    ExportSettings,
    CandidatesBuildSettings,
    CompareSettings,
    PopulationSettings,
    CalibrateSettings,
    SubmitSettings,
    JobLogsSettings,
    DoctorSettings,
    ViewSettings,
)


def take_configuration(words: list[str]) -> tuple[list[str], tuple[Any, ...]]:
    """Take `--config FILE` out of the command line.

    Returns
    -------
    tuple
        The other words, and the file's settings as a cyclopts configuration source: a command takes those
        that it knows, so that one file serves them all.

    Raises
    ------
    SettingError
        The file is missing or no TOML, or has a key that no command knows.

    Examples
    --------
    >>> take_configuration(["status", "out"])
    (['status', 'out'], ())
    """
    for position, word in enumerate(words):
        if word == FLAG or word.startswith(FLAG + "="):
            named = word.partition("=")[2] or (words[position + 1] if position + 1 < len(words) else "")
            rest = words[:position] + words[position + (1 if "=" in word else 2) :]
            values = _read(named)
            return rest, (Dict(_by_command(values), source=named, allow_unknown=True),)
    return words, ()


def _by_command(values: dict[str, Any]) -> dict[str, Any]:
    """By command, because a flat source would leave out keys that are commands' names too: bundle."""
    found: dict[str, Any] = {}
    for command in COMMANDS:
        *groups, name = command.split()
        place = found
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = values
    return found


def _read(named: str) -> dict[str, Any]:
    if not named:
        raise SettingError(f"{FLAG} needs a file: {FLAG} echoprime.toml")
    try:
        values = tomllib.loads(Path(named).read_text(encoding="utf-8"))
    except OSError:
        raise SettingError(f"{FLAG} {named}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{FLAG} {named}: not TOML ({error})") from None
    known = {field.name for job in SETTINGS for field in dataclasses.fields(job)}
    for key in values:
        if key.replace("-", "_") not in known:
            raise SettingError(f"{FLAG} {named}: no setting {key!r}; there are {', '.join(sorted(known))}")
    return values
