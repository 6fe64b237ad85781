"""Commands that read, export and tidy an output."""

from __future__ import annotations

from pipelines.commands.app import app, examples
from pipelines.settings import ExportSettings, FailuresSettings, OutputSettings


@app.command(help_epilogue=examples("echoprime status out/"))
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
    help_epilogue=examples("echoprime failures out/", "echoprime failures out/ --csv > failures.csv")
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


@app.command(help_epilogue=examples("echoprime export out/ plain/"))
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


@app.command(help_epilogue=examples("echoprime compact out/"))
def compact(output: str, /) -> int:
    """Gather small files of every table, and remove what no reader has needed for 7 days.

    Parameters
    ----------
    output
        Where the jobs wrote.
    """
    from pipelines.compact import compact_tables

    return compact_tables(OutputSettings(output=output))
