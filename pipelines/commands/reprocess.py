"""Commands that reprocess an archive: candidate sets of one's own, and interpretations compared."""

from __future__ import annotations

from cyclopts import App

from pipelines.commands.app import app, examples
from pipelines.settings import CandidatesBuildSettings, CompareSettings

candidates_app = App(name="candidates", help="Candidate sets of your own, from studies already encoded.")
app.command(candidates_app)


@candidates_app.command(
    name="build",
    help_epilogue=examples(
        "echoprime candidates build --bundle bundle/ --encodings out/encodings --reports reports.csv "
        "--labels labels.csv candidates/",
        "echoprime interpret --bundle bundle/ --output out/ --candidates candidates/ --name own",
    ),
)
def candidates_build(
    candidates: str,
    /,
    *,
    encodings: str,
    bundle: str,
    reports: str | None = None,
    labels: str | None = None,
    language: str = "en",
    read_labels: bool = True,
) -> int:
    """Make a candidate set of encoded studies: phrases recognised through the lexicon, labels joined.

    Parameters
    ----------
    candidates
        Folder or s3:// prefix to write; must hold nothing yet.
    encodings
        Table of encoded studies: OUT/encodings.
    bundle
        Bundle whose lexicon, phenotypes and label sources are used.
    reports
        CSV with columns study_id, report.
    labels
        CSV with a column study_id and one for each phenotype that is known; empty = unknown.
    language
        Language of the reports; the bundle must have a lexicon for it.
    read_labels
        Read labels that --labels lacks out of the report's text.
    """
    from pipelines.candidates import build

    return build(
        CandidatesBuildSettings(
            encodings=encodings,
            bundle=bundle,
            candidates=candidates,
            reports=reports,
            labels=labels,
            language=language,
            read_labels=read_labels,
        )
    )


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
