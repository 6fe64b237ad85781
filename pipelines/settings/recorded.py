"""Settings as a run's record keeps them."""

from __future__ import annotations

from dataclasses import asdict

from echoprime.storage import JSON, Location
from pipelines.settings.jobs import RunSettings

_PLACES = (
    "archive", "manifest", "bundle", "output", "studies", "candidates", "thresholds", "calibration",
    "views", "view_names",
)  # fmt: skip


def recorded_settings(settings: RunSettings) -> dict[str, JSON]:
    """Settings as a run's record keeps them: places in full, so that they mean the same from everywhere.

    Examples
    --------
    >>> from pipelines.settings.jobs import InterpretSettings as settings
    >>> recorded_settings(settings(bundle="s3://models/b/", output="/data/out"))["bundle"]
    's3://models/b'
    """
    values: dict[str, JSON] = asdict(settings)
    return {
        name: str(_place(name, value)) if name in _PLACES and isinstance(value, str) else value
        for name, value in values.items()
    }


def _place(name: str, value: str) -> Location:
    return Location.parse_archive(value) if name == "archive" else Location.parse(value)
