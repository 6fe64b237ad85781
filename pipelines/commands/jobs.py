"""Commands of the main way: list, encode, interpret, all of it, and the demonstration."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from cyclopts import Parameter

from pipelines.commands.app import app, examples
from pipelines.exit_codes import DONE
from pipelines.settings import (
    ArchiveListing,
    DemoSettings,
    EncodeSettings,
    InterpretSettings,
    ManifestSettings,
    PlanSettings,
    RunAllSettings,
)

_BY_FOLDER = ArchiveListing()


@app.command(
    help_epilogue=examples(
        "echoprime manifest archive/ manifest.parquet",
        "echoprime manifest s3://echo/2024 s3://echo-out/manifest.parquet --study-from dicom",
        "echoprime manifest dicomweb://pacs.example.org/dicom-web manifest.parquet --study-dates 20240101-",
        "echoprime manifest archive/ manifest.parquet --study-from list.parquet --columns study_id=accession",
    )
)
def manifest(
    archive: str,
    manifest: str,
    /,
    *,
    studies: str | None = None,
    listing: Annotated[ArchiveListing, Parameter(name="*")] = _BY_FOLDER,
) -> int:
    """List an archive: one row a video.

    Parameters
    ----------
    archive
        Folder or s3:// prefix, or dicomweb://HOST/PATH.
    manifest
        Parquet file to write.
    studies
        Of a dicomweb:// archive: CSV with a column study_id; only these StudyInstanceUIDs are listed.
    """
    from pipelines.manifest import list_archive

    list_archive(
        ManifestSettings(archive=archive, manifest=manifest, studies=studies, **dataclasses.asdict(listing))
    )
    return DONE


@app.command(
    help_epilogue=examples(
        "echoprime plan --archive s3://echo/2024 --bundle bundle/ --output s3://echo-out/2024",
        "echoprime plan --config echoprime.toml --cores 64 --price-per-hour 3.10",
        "echoprime plan --manifest manifest.parquet --bundle bundle/ --output out/ --json > plan.json",
    )
)
def plan(settings: Annotated[PlanSettings, Parameter(name="*")]) -> int:
    """What a job would do and take, from a sample tried on this machine. Writes nothing, starts no Ray."""
    from pipelines.plan import plan as job

    return job(settings)


@app.command(
    help_epilogue=examples(
        "echoprime encode --manifest manifest.parquet --bundle bundle/ --output out/",
        "echoprime encode --config echoprime.toml --limit 100",
    )
)
def encode(settings: Annotated[EncodeSettings, Parameter(name="*")]) -> int:
    """Encode what the manifest lists and OUTPUT/encodings lacks."""
    from pipelines.encode import encode as job
    from pipelines.summary import show_encoding

    result = job(settings)
    show_encoding(result, settings.output)
    return result.exit_code


@app.command(
    help_epilogue=examples(
        "echoprime interpret --bundle bundle/ --output out/",
        "echoprime interpret --bundle bundle/ --output out/ --pairing position --name as-published",
    )
)
def interpret(settings: Annotated[InterpretSettings, Parameter(name="*")]) -> int:
    """Interpret encoded studies: phenotypes, report and the evidence behind them."""
    from pipelines.interpret import interpret as job
    from pipelines.summary import show_interpretation

    result = job(settings)
    show_interpretation(result, settings.output, settings.name)
    return result.exit_code


@app.command(
    help_epilogue=examples(
        "echoprime run --archive archive/ --bundle bundle/ --output out/",
        "echoprime run --archive s3://echo/2024 --bundle s3://models/echoprime --output s3://echo-out/2024",
    )
)
def run(settings: Annotated[RunAllSettings, Parameter(name="*")]) -> int:
    """All of it: list the archive, encode, interpret. Again: only what is new, changed or incomplete."""
    from pipelines.run import run as job

    return job(settings)


@app.command(help_epilogue=examples("echoprime demo", "make demo"))
def demo(*, directory: str = "demo") -> int:
    """Draw a small archive, run the main job over it on a local Ray, and show what came out.

    Parameters
    ----------
    directory
        Folder for the archive, the bundle and the tables.
    """
    from pipelines.demo import run_demo

    return run_demo(DemoSettings(directory=directory))
