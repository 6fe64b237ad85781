"""Commands that write pages for people to look at."""

from __future__ import annotations

from pipelines.commands.app import app, examples
from pipelines.settings import ViewSettings


@app.command(
    help_epilogue=examples(
        "echoprime view out/ --study drawn-01",
        "echoprime view out/ --studies chosen.csv --page pages/",
        "echoprime view out/ --run latest --page run.html",
    )
)
def view(
    output: str,
    /,
    *,
    study: str | None = None,
    studies: str | None = None,
    run: str | None = None,
    name: str = "default",
    archive: str | None = None,
    page: str | None = None,
    deidentified: bool = False,
    identifiers: bool = False,
) -> int:
    """Write the page of a study or of a run: one HTML file that fetches nothing.

    Clips show the moving sector alone, and detail in it that stays in place, as names do, is filled in.

    Parameters
    ----------
    output
        Where the jobs wrote.
    study
        study_id: the page of this study.
    studies
        CSV with a column study_id: a page for each, and an index beside them.
    run
        Identifier of a run, or latest: the page of this run.
    name
        Name of the interpretation that a study's page shows.
    archive
        Root of the archive that the clips are read from. Default: that of the last encode run.
    page
        HTML file to write; a folder with --studies. Default: named by the study's key or the run.
    deidentified
        You vouch that no picture of the archive holds a name: what stands still in it is shown too.
    identifiers
        Write study_id, patient_id, date and file names on the page.
    """
    from pipelines.view import write_pages

    return write_pages(
        ViewSettings(
            output=output,
            study=study,
            studies=studies,
            run=run,
            name=name,
            archive=archive,
            page=page,
            deidentified=deidentified,
            identifiers=identifiers,
        )
    )
