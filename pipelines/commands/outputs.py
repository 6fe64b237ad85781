"""Commands that read, export and tidy an output."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from pipelines.commands.app import app, examples
from pipelines.settings import ExportSettings, FailuresSettings, OutputSettings, WithdrawSettings


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


@app.command(
    help_epilogue=examples(
        "echoprime withdraw out/ --patients withdrawn.csv --dry-run",
        "echoprime withdraw out/ --patients withdrawn.csv",
        "echoprime withdraw out/ --study ST000017 --readmit",
    )
)
def withdraw(
    output: str,
    /,
    *,
    patient: str | None = None,
    patients: str | None = None,
    study: str | None = None,
    studies: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    readmit: Annotated[bool, Parameter(negative="")] = False,
    force: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Remove studies from all tables of an output and from their old files, prove it, and keep them out.

    Parameters
    ----------
    output
        Where the jobs wrote.
    patient
        patient_id: all studies of this patient. Others on this machine see a command line: see --patients.
    patients
        CSV with a column patient_id: all studies of these.
    study
        study_id: this one study.
    studies
        CSV with a column study_id: these studies.
    dry_run
        Say what would go, and change nothing.
    readmit
        Take them off the list of those withdrawn: the next run may encode them again.
    force
        Go on although a run's heartbeat is on a table (only where that run is dead).
    """
    from pipelines.withdraw import withdraw as job

    return job(
        WithdrawSettings(
            output=output,
            patient=patient,
            patients=patients,
            study=study,
            studies=studies,
            dry_run=dry_run,
            readmit=readmit,
            force=force,
        )
    )
