"""The command that compares two interpretations."""

from __future__ import annotations

from pipelines.commands.app import app, examples
from pipelines.settings import CompareSettings


@app.command(
    help_epilogue=examples(
        "echoprime compare out/interpretations/default out/interpretations/own",
        "echoprime compare out/interpretations/default out/interpretations/own --directory differences/",
    )
)
def compare(first: str, second: str, /, *, directory: str | None = None, identifiers: bool = False) -> int:
    """Which values, calls and sentences differ between two interpretations: tables and one page.

    Parameters
    ----------
    first
        Interpretations table: OUT/interpretations/NAME.
    second
        The one that it is compared with.
    directory
        Folder or s3:// prefix to write; default: comparisons/FIRST/SECOND beside their interpretations/.
    identifiers
        Write study_id on the page instead of the study's key; the tables beside it always hold it.
    """
    from pipelines.compare import compare as job

    return job(CompareSettings(first=first, second=second, directory=directory, identifiers=identifiers))
