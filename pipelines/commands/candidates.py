"""Commands that handle candidate sets: a bundle's, and those of one's own."""

from __future__ import annotations

from cyclopts import App

from pipelines.commands.app import app, examples
from pipelines.settings import (
    CandidatesBuildSettings,
    CandidatesExportSettings,
    CandidatesImportSettings,
    CandidatesInfoSettings,
    CandidatesRecallSettings,
    CandidatesSearchSettings,
    CandidatesStackSettings,
    Device,
)

candidates_app = App(
    name="candidates",
    help="Candidate sets: looked at, searched, built of encoded studies, stacked, imported, exported.",
)
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


@candidates_app.command(
    name="stack",
    help_epilogue=examples(
        "echoprime candidates stack stacked/ bundle/ candidates/ --names official,own",
        "echoprime interpret --bundle bundle/ --output out/ --candidates stacked/ --name stacked",
    ),
)
def candidates_stack(
    candidates: str, /, *sets: str, names: str | None = None, bundle: str | None = None
) -> int:
    """Name several candidate sets as one, searched together; nothing of them is copied.

    Parameters
    ----------
    candidates
        Folder or s3:// prefix to write; must hold nothing yet.
    sets
        Bundles and candidate sets, folders or s3:// prefixes: two at least.
    names
        What evidence calls them, separated by commas. Default: bundle, own.
    bundle
        Bundle with the lexicons that the reports are coded by, where none of the sets is one.
    """
    from pipelines.candidate_sets.stacking import stack_sets

    return stack_sets(CandidatesStackSettings(candidates=candidates, sets=sets, names=names, bundle=bundle))


@candidates_app.command(
    name="info",
    help_epilogue=examples(
        "echoprime candidates info bundle/", "echoprime candidates info candidates/ --json"
    ),
)
def candidates_info(candidates: str, /, *, bundle: str | None = None, json: bool = False) -> int:
    """Rows, sections, labels, embedding space and hash of a candidate set.

    Parameters
    ----------
    candidates
        Bundle, or candidate set: folder or s3:// prefix.
    bundle
        For a set of your own: bundle with the lexicon that its reports are coded by. Of a bundle: another
        one of the same encoder in its place.
    json
        Write JSON instead of tables.
    """
    from pipelines.candidate_sets.info import show_info

    return show_info(CandidatesInfoSettings(candidates=candidates, bundle=bundle, json=json))


@candidates_app.command(
    name="search",
    help_epilogue=examples(
        "echoprime candidates search bundle/ --encodings out/encodings --study ST1 --section IVC",
        "echoprime candidates search bundle/ --row 17 --k 50 --csv > neighbours.csv",
        'echoprime candidates search out/encodings --bundle bundle/ --text "severe aortic stenosis"',
    ),
)
def candidates_search(
    candidates: str,
    /,
    *,
    row: int | None = None,
    set: str | None = None,
    study: str | None = None,
    encodings: str | None = None,
    text: str | None = None,
    section: str | None = None,
    k: int = 10,
    bundle: str | None = None,
    language: str | None = None,
    json: bool = False,
    csv: bool = False,
) -> int:
    """The candidates nearest to a study, a text or another candidate, with their similarity and report.

    Candidates of the query's own study and patient are left out, as in an interpretation. Over encoded
    studies it finds yours: one row each, by the mean of its videos, without report and labels.

    Parameters
    ----------
    candidates
        Bundle, candidate set, or table of encoded studies (OUT/encodings): folder or s3:// prefix.
    row
        The query is this candidate's embedding; rows are numbered from 0.
    set
        Of a stack: the set that --row is of. Default: the first.
    study
        The query is this study of --encodings: study_id. Others on this machine see a command line.
    encodings
        Table of encoded studies: OUT/encodings.
    text
        The query is what the bundle's text encoder makes of these words, such as "severe aortic stenosis".
    section
        Report section: its query of the study, and its text of each candidate. Default: the mean of the
        videos, and whole reports.
    k
        Candidates shown.
    bundle
        For a set of your own, or encoded studies: bundle with section weights, text encoder, and the lexicon
        that the reports are coded by. Of a bundle: another one of the same encoder in its place.
    language
        Language of the reports shown. Default: the set's.
    json
        Write JSON instead of a table.
    csv
        Write CSV instead of a table.
    """
    from pipelines.candidate_sets.search import show_search

    return show_search(
        CandidatesSearchSettings(
            candidates=candidates,
            row=row,
            set=set,
            study=study,
            encodings=encodings,
            text=text,
            section=section,
            k=k,
            bundle=bundle,
            language=language,
            json=json,
            csv=csv,
        )
    )


@candidates_app.command(
    name="recall",
    help_epilogue=examples(
        "echoprime candidates recall out/encodings --reports reports.csv --bundle bundle/",
    ),
)
def candidates_recall(
    encodings: str,
    /,
    *,
    reports: str,
    bundle: str,
    device: Device = "cpu",
    json: bool = False,
    progress: bool = True,
) -> int:
    """Recall@1, 5 and 10: how many studies find their own report among all, and reports their study.

    Parameters
    ----------
    encodings
        Table of encoded studies: OUT/encodings.
    reports
        CSV with columns study_id, report.
    bundle
        Bundle that encoded them, with a text encoder.
    device
        cpu, cuda or auto: where the reports are encoded.
    json
        Write JSON instead of a table.
    progress
        Show how far it is.
    """
    from pipelines.candidate_sets.recall import show_recall

    return show_recall(
        CandidatesRecallSettings(
            encodings=encodings, reports=reports, bundle=bundle, device=device, json=json, progress=progress
        )
    )


@candidates_app.command(
    name="import",
    help_epilogue=examples(
        "echoprime candidates import --bundle bundle/ --rows plain/ candidates/",
        "echoprime candidates import --bundle bundle/ --rows rows.parquet --embeddings embeddings.npy "
        "--embedding-space sha256:... candidates/",
    ),
)
def candidates_import(
    candidates: str,
    /,
    *,
    rows: str,
    bundle: str,
    embeddings: str | None = None,
    embedding_space: str | None = None,
    language: str = "en",
) -> int:
    """Make a candidate set of plain files: Parquet, and .npy where the embeddings lie apart.

    Parameters
    ----------
    candidates
        Folder or s3:// prefix to write; must hold nothing yet.
    rows
        Parquet file or folder of them: study_id, embedding (512 float32; or --embeddings), and what is known
        of patient_id, phenotypes, report (text).
    bundle
        Bundle whose phenotypes and lexicon are used.
    embeddings
        .npy file, float32 (rows, 512), in the order of the rows.
    embedding_space
        Which encoder made the embeddings, as `candidates info` names it. Default: what exported files say.
    language
        Language of the reports; the bundle must have a lexicon for it.
    """
    from pipelines.candidate_sets.plain import import_set

    return import_set(
        CandidatesImportSettings(
            candidates=candidates,
            rows=rows,
            bundle=bundle,
            embeddings=embeddings,
            embedding_space=embedding_space,
            language=language,
        )
    )


@candidates_app.command(
    name="export",
    help_epilogue=examples("echoprime candidates export bundle/ plain/"),
)
def candidates_export(
    candidates: str, directory: str, /, *, bundle: str | None = None, progress: bool = True
) -> int:
    """Write a candidate set as plain Parquet: names, embeddings, labels, reports as text and as codes.

    Parameters
    ----------
    candidates
        Bundle, or candidate set: folder or s3:// prefix.
    directory
        Folder or s3:// prefix to write; must hold nothing, or what an interrupted export left.
    bundle
        For a set of your own: bundle with the lexicon that its reports are coded by. Of a bundle: another
        one of the same encoder in its place.
    progress
        Show how far it is.
    """
    from pipelines.candidate_sets.plain import export_set

    return export_set(
        CandidatesExportSettings(candidates=candidates, directory=directory, bundle=bundle, progress=progress)
    )
