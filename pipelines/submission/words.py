"""The command that is sent to a cluster: read as the command line would, and written again for there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from echoprime.archive import STUDY_SOURCES
from echoprime.errors import SettingError
from echoprime.storage import Location

NOT_SENT = ("demo", "submit", "jobs", "withdraw", "candidates stack")
"""Make no sense as a job of a cluster; `withdraw` may name a patient, and Ray keeps a job's words."""

PLACES = frozenset({
    "archive", "bundle", "calibration", "candidates", "cohort", "directory", "embeddings", "encoder",
    "encodings", "first", "labels", "manifest", "output", "page", "patients", "reference", "release",
    "reports", "rows", "second", "studies", "thresholds", "tokenizer", "view_names", "views",
})  # fmt: skip
"""Settings that are places, and no others are, whatever they hold; but see `STUDY_SOURCES`."""


@dataclass(frozen=True)
class SentCommand:
    """A command as it was understood.

    Attributes
    ----------
    name
        "run", "bundle check", ...
    settings
        Every setting by name, defaults too.
    places
        Setting -> folder, s3:// prefix, or an archive's service.
    words
        What runs it on the cluster: no configuration file, no relative path.
    options
        Settings objects of the command, for the jobs' own checks.
    """

    name: str
    settings: dict[str, Any]
    places: dict[str, Location]
    words: tuple[str, ...]
    options: tuple[Any, ...] = ()


def read_command(words: Sequence[str]) -> SentCommand:
    """Read the words after `--`.

    Settings of a `--config` file are in by then: the words that come out say them in full.

    Raises
    ------
    SettingError
        No command, one that is not sent, or a --ray-address of its own.
    CycloptsError
        Not a command of this package, or wrong flags.

    Examples
    --------
    >>> sent = read_command(["interpret", "--bundle", "s3://models/b/", "--output", "s3://out/1", "--k", "7"])
    >>> " ".join(sent.words)
    'interpret --bundle=s3://models/b --output=s3://out/1 --k=7 --ray-address=auto'
    """
    from pipelines.commands import app

    if not words:
        raise SettingError("nothing to send: write the command after --, as in -- run --archive s3://...")
    if {"--help", "-h", "--version"} & set(words):
        raise SettingError(f"{words[0]} --help is answered here, not on the cluster: leave submit out")
    chain, _, _ = app.parse_commands(list(words))
    if not chain or {chain[0], " ".join(chain)} & set(NOT_SENT):
        raise SettingError(f"{' '.join(words[:2])}: is not sent to a cluster; run it here, without submit")
    _, bound, _ = app.parse_args(list(words), exit_on_error=False, print_error=False)
    options = tuple(value for value in bound.arguments.values() if dataclasses.is_dataclass(value))
    found = list(_settings(bound))
    settings = {name: value for name, value, _, _ in found}
    if settings.get("ray_address") is not None:
        raise SettingError("--ray-address: the job runs on the cluster of --address; leave it out")
    places = {
        name: Location.parse_archive(value) if name == "archive" else Location.parse(value)
        for name, value in settings.items()
        if _is_place(name, value)
    }
    written = list(chain)
    for name, value, default, positional in found:
        if name == "ray_address":
            continue
        if positional:
            written.append(str(places.get(name, value)))
        elif value != default:
            written += _flags(name, places.get(name, value))
    if "ray_address" in settings:
        written.append("--ray-address=auto")
    return SentCommand(" ".join(chain), settings, places, tuple(written), options)


def _settings(bound: Any) -> Iterator[tuple[str, Any, Any, bool]]:  # noqa: ANN401  # inspect's BoundArguments
    """(name, value, default, whether it is positional) of every setting."""
    bound.apply_defaults()
    for name, value in bound.arguments.items():
        parameter = bound.signature.parameters[name]
        if dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                yield field.name, getattr(value, field.name), field.default, False
        else:
            yield name, value, parameter.default, parameter.kind is parameter.POSITIONAL_ONLY


def _is_place(name: str, value: object) -> bool:
    if name == "study_from":
        return value not in STUDY_SOURCES
    return name in PLACES and isinstance(value, str)


def _flags(name: str, value: object) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    if isinstance(value, (list, tuple)):
        return [f"--{flag}={each}" for each in value]
    return [f"--{flag}={value}"]
