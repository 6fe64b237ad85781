"""The main job: list the archive, encode it, interpret it."""

from __future__ import annotations

from dataclasses import fields
from typing import TypeVar

from echoprime.archive import open_manifest, read_studies
from echoprime.bundle import open_bundle
from echoprime.interpretation import require_listed
from echoprime.storage import Location
from echoprime.tables import StudyTable, encodings, table_exists
from pipelines.checks import require_apart, require_precision, require_writable
from pipelines.choices import Choices, opened_choices
from pipelines.encode import check_encoding, encode, encoding_identity
from pipelines.exit_codes import DONE, INCOMPLETE
from pipelines.interpret import interpret
from pipelines.manifest import list_archive, listing_of, require_study_from, study_filter
from pipelines.ray_session import kept_ray, require_ray_address
from pipelines.settings import EncodeSettings, InterpretSettings, RunAllSettings
from pipelines.summary import show_encoding, show_interpretation

Settings = TypeVar("Settings", EncodeSettings, InterpretSettings)


def run(settings: RunAllSettings) -> int:
    """Do what is left to do of all three; return the exit code.

    Raises
    ------
    UserError
        Something that was asked for is wrong; found before Ray starts.
    """
    # 0. What every step needs is checked before the first: a mistake must not cost days.
    check_encoding(settings, open_bundle(settings.bundle))
    require_precision(settings)
    with opened_choices(settings) as choices:
        _check(settings, choices)

        # 1. What lies in the archive now; new, changed and replaced files are found by this.
        manifest = str(Location.parse(settings.output) / "manifest.parquet")
        list_archive(listing_of(settings, settings.archive, manifest, settings.studies))
        if choices.views is not None:
            require_listed(choices.views, open_manifest(Location.parse(manifest)), choices.scratch)

    with kept_ray():
        # 2. Videos to embeddings and views: hours to days.
        encoded = encode(_part(EncodeSettings, settings, manifest=manifest))
        show_encoding(encoded, settings.output)

        # 3. Embeddings to phenotypes, reports and evidence: minutes.
        interpreted = interpret(_part(InterpretSettings, settings))
    show_interpretation(interpreted, settings.output, settings.name)
    return INCOMPLETE if INCOMPLETE in (encoded.exit_code, interpreted.exit_code) else DONE


def _check(settings: RunAllSettings, choices: Choices) -> None:
    """Refuse what the last step would refuse, before the archive is listed."""
    bundle = choices.bundle
    choices.require_space(bundle.embedding_space)
    require_ray_address(settings.ray_address)
    archive, output = Location.parse_archive(settings.archive), Location.parse(settings.output)
    require_study_from(settings.study_from, settings.columns)
    study_filter(archive, settings.modalities, settings.study_dates)
    require_apart(archive, output=output, bundle=bundle.location)
    require_writable(output)
    if settings.studies is not None:
        read_studies(Location.parse(settings.studies))
    encoding = encoding_identity(bundle, settings)
    interpretation = choices.identity(encoding["encoding_id"])
    for place, schema, identity in (
        (output / "encodings", encodings(settings.clips_per_video), encoding),
        (output / "interpretations" / settings.name, choices.schema, interpretation),
    ):
        if table_exists(place):
            StudyTable.open(place, schema, identity=identity, create=False)


def _part(job: type[Settings], settings: RunAllSettings, **more: str) -> Settings:
    known = {field.name for field in fields(settings)}
    shared = {field.name: getattr(settings, field.name) for field in fields(job) if field.name in known}
    return job(**{**shared, **more})
