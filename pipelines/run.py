"""The main job: list the archive, encode it, interpret it."""

from __future__ import annotations

from dataclasses import fields
from typing import TypeVar

from echoprime.bundle import open_bundle
from echoprime.storage import Location
from pipelines.encode import encode
from pipelines.exit_codes import DONE, INCOMPLETE
from pipelines.interpret import check_choices, interpret
from pipelines.manifest import list_archive
from pipelines.settings import EncodeSettings, InterpretSettings, ManifestSettings, RunAllSettings
from pipelines.summary import show_encoding, show_interpretation

Settings = TypeVar("Settings", EncodeSettings, InterpretSettings)


def run(settings: RunAllSettings) -> int:
    """Do what is left to do of all three; return the exit code.

    Raises
    ------
    UserError
        Something that was asked for is wrong; found before Ray starts.
    """
    # 0. What is asked of the last step is checked before the first.
    check_choices(settings, open_bundle(settings.bundle))

    # 1. What lies in the archive now; new, changed and replaced files are found by this.
    manifest = str(Location.parse(settings.output) / "manifest.parquet")
    list_archive(
        ManifestSettings(archive=settings.archive, manifest=manifest, study_from=settings.study_from)
    )

    # 2. Videos to embeddings and views: hours to days.
    encoded = encode(_part(EncodeSettings, settings, manifest=manifest))
    show_encoding(encoded, settings.output)

    # 3. Embeddings to phenotypes, reports and evidence: minutes.
    interpreted = interpret(_part(InterpretSettings, settings))
    show_interpretation(interpreted, settings.output, settings.name)
    return INCOMPLETE if INCOMPLETE in (encoded.exit_code, interpreted.exit_code) else DONE


def _part(job: type[Settings], settings: RunAllSettings, **more: str) -> Settings:
    known = {field.name for field in fields(settings)}
    shared = {field.name: getattr(settings, field.name) for field in fields(job) if field.name in known}
    return job(**{**shared, **more})
