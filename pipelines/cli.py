"""The command line: one command a job, each also a Python function of one settings object.

Jobs are imported inside their command, so that `--help`, `status` and a run with nothing to do never wait
for torch or Ray.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from echoprime.errors import EchoPrimeError, UserError
from pipelines.configuration import take_configuration
from pipelines.console import console
from pipelines.exit_codes import CRASHED, DONE, INTERRUPTED, MISTAKEN
from pipelines.settings import (
    BundleCheckSettings,
    BundleImportSettings,
    DemoSettings,
    Device,
    EncodeSettings,
    ExportSettings,
    FailuresSettings,
    InterpretSettings,
    ManifestSettings,
    OutputSettings,
    RunAllSettings,
)

EPILOGUE = """Settings also come from a TOML file: --config FILE, flat, keys named like the flags; flags win.
Folders and s3:// are alike. Exit codes: 0 done, 1 crash, 2 your mistake, 3 incomplete, 130 interrupted."""


def _version() -> str:
    from importlib.metadata import version

    return f"echoprime {version('echoprime-pipeline')}"


def _examples(*lines: str) -> str:
    return "Examples:\n\n" + "\n\n".join(f"    {line}" for line in lines)


app = App(
    name="echoprime",
    help="Archives of heart-ultrasound videos to reports and measurements. Not a medical device.",
    help_epilogue=EPILOGUE,
    version=_version,
    suppress_keyboard_interrupt=False,
)
bundle_app = App(
    name="bundle", help="Make and check bundles: weights, candidates, section weights, lexicons."
)
app.command(bundle_app)


@bundle_app.command(
    name="import",
    help_epilogue=_examples("echoprime bundle import EchoPrime-v1.0.0/ bundle/"),
)
def bundle_import(release: str, bundle: str, /, *, embedding_space: str | None = None) -> int:
    """Read the official release's folder and write a bundle: hashed, and safe to load.

    Parameters
    ----------
    release
        Folder with assets/ and model_data/ as published; weights may be missing.
    bundle
        Folder to write.
    embedding_space
        Name that says which encoder the candidates belong to. Default: the encoder's hash.
    """
    from pipelines.bundles import import_bundle

    return import_bundle(
        BundleImportSettings(release=release, bundle=bundle, embedding_space=embedding_space)
    )


@bundle_app.command(name="check", help_epilogue=_examples("echoprime bundle check bundle/"))
def bundle_check(bundle: str, /, *, device: Device = "cpu") -> int:
    """Verify every file's SHA-256, and that this machine reproduces the bundle's sample numbers.

    Parameters
    ----------
    bundle
        Folder or s3:// prefix.
    device
        cpu, cuda or auto.
    """
    from pipelines.bundles import check_bundle

    return check_bundle(BundleCheckSettings(bundle=bundle, device=device))


@app.command(
    help_epilogue=_examples(
        "echoprime manifest archive/ manifest.parquet",
        "echoprime manifest s3://echo/2024 s3://echo-out/manifest.parquet --study-from dicom",
    )
)
def manifest(archive: str, manifest: str, /, *, study_from: str = "folder") -> int:
    """List an archive: one row a video.

    Parameters
    ----------
    archive
        Folder or s3:// prefix.
    manifest
        Parquet file to write.
    study_from
        folder: a study is a folder. dicom: StudyInstanceUID. Or a CSV with columns path, study_id.
    """
    from pipelines.manifest import list_archive

    list_archive(ManifestSettings(archive=archive, manifest=manifest, study_from=study_from))
    return DONE


@app.command(
    help_epilogue=_examples(
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
    help_epilogue=_examples(
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
    help_epilogue=_examples(
        "echoprime run --archive archive/ --bundle bundle/ --output out/",
        "echoprime run --archive s3://echo/2024 --bundle s3://models/echoprime --output s3://echo-out/2024",
    )
)
def run(settings: Annotated[RunAllSettings, Parameter(name="*")]) -> int:
    """All of it: list the archive, encode, interpret. Again: only what is new, changed or incomplete."""
    from pipelines.run import run as job

    return job(settings)


@app.command(help_epilogue=_examples("echoprime status out/"))
def status(output: str, /) -> int:
    """Studies and videos by outcome, the last runs, what another run would do.

    Parameters
    ----------
    output
        Where the jobs wrote.
    """
    from pipelines.status import show_status

    return show_status(OutputSettings(output=output))


@app.command(
    help_epilogue=_examples("echoprime failures out/", "echoprime failures out/ --csv > failures.csv")
)
def failures(output: str, /, *, csv: bool = False) -> int:
    """Every video that was not encoded, with its reason.

    Parameters
    ----------
    output
        Where the jobs wrote.
    csv
        Write CSV instead of a table.
    """
    from pipelines.status import show_failures

    return show_failures(FailuresSettings(output=output, csv=csv))


@app.command(help_epilogue=_examples("echoprime export out/ plain/"))
def export(output: str, directory: str, /) -> int:
    """Plain Parquet of every table, CSV of metrics, reports as text.

    Parameters
    ----------
    output
        Where the jobs wrote.
    directory
        Folder or s3:// prefix to write; what is there under the same names is replaced.
    """
    from pipelines.export import export_tables

    return export_tables(ExportSettings(output=output, directory=directory))


@app.command(help_epilogue=_examples("echoprime compact out/"))
def compact(output: str, /) -> int:
    """Gather small files of every table, and remove what no reader has needed for 7 days.

    Parameters
    ----------
    output
        Where the jobs wrote.
    """
    from pipelines.compact import compact_tables

    return compact_tables(OutputSettings(output=output))


@app.command(help_epilogue=_examples("echoprime demo", "make demo"))
def demo(*, directory: str = "demo") -> int:
    """Draw a small archive, run the main job over it on a local Ray, and show what came out.

    Parameters
    ----------
    directory
        Folder for the archive, the bundle and the tables.
    """
    from pipelines.demo import run_demo

    return run_demo(DemoSettings(directory=directory))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a person's mistake is one line on standard error and exit code 2."""
    out = console(stderr=True)

    def say(message: object) -> None:
        out.print(f"echoprime: {message}", markup=False)

    try:
        words, app.config = take_configuration(list(sys.argv[1:] if arguments is None else arguments))
        code: Any = app(words, exit_on_error=False, print_error=False, result_action="return_value")
        return int(code or DONE)
    except CycloptsError as error:
        say(f"{' '.join(str(error).split())} See --help.")
    except UserError as error:
        say(error)
    except KeyboardInterrupt:
        say("interrupted; what was finished is in the table. The same command goes on from there.")
        return INTERRUPTED
    except EchoPrimeError as error:
        say(error)
        return CRASHED
    except (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        # strerror alone: the name of the file may be a patient's
        say(f"{error.strerror}: a place that was given cannot be used; check paths and their permissions")
    return MISTAKEN


def entry() -> None:
    """Entry point of the `echoprime` script."""
    sys.exit(main())
