"""The manifest job: archive -> one row a video."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rich.console import Console

from echoprime.archive import STUDY_SOURCES, ManifestSummary, data_sets, study_list, write_manifest
from echoprime.errors import ArchiveError, SettingError
from echoprime.storage import Location
from echoprime.tables import Withdrawn
from pipelines.console import console
from pipelines.settings import ManifestSettings


def list_archive(settings: ManifestSettings) -> ManifestSummary:
    """List an archive into a manifest, and say what was found.

    Raises
    ------
    SettingError
        `columns` is not what it should be.
    ArchiveError
        The archive is missing or empty, or a list has no such column.
    """
    columns = require_study_from(settings.study_from, settings.columns)
    archive = Location.parse(settings.archive)
    manifest = Location.parse(settings.manifest)
    manifest.require_reachable("manifest", ArchiveError)
    summary = write_manifest(
        archive,
        manifest,
        study_from=settings.study_from,
        columns=columns,
        follow_links=settings.follow_links,
        withdrawn=Withdrawn.read(manifest.parent),
    )
    out = console()
    _show(out, summary)
    looks = data_sets.looks_like(archive) if settings.study_from == "folder" else None
    if looks is not None:
        out.print(f"note: this looks like a known data set: --study-from {looks} goes by its lists")
    return summary


def require_study_from(study_from: str, columns: Sequence[str]) -> dict[str, str]:
    """Refuse what cannot say what a study is, before the archive is listed.

    Parameters
    ----------
    study_from, columns
        Of `ManifestSettings`.

    Returns
    -------
    dict
        Columns of one's own list by what they are.

    Raises
    ------
    SettingError
        A column is not written as NAME=COLUMN, or there is no list that has it.
    ArchiveError
        The list is not there.

    Examples
    --------
    >>> require_study_from("dicom", [])
    {}
    >>> require_study_from(__file__, ["path=file,study_id=accession"])
    {'path': 'file', 'study_id': 'accession'}
    """
    named: dict[str, str] = {}
    several = rf",(?=\s*(?:{'|'.join(study_list.COLUMNS)})\s*=)"
    for each in (part for entry in columns for part in re.split(several, entry)):
        name, mark, column = (part.strip() for part in each.partition("="))
        if not mark or not column or name not in study_list.COLUMNS or name in named:
            raise SettingError(
                f"--columns {each}: write NAME=COLUMN, once for each of {', '.join(study_list.COLUMNS)}"
            )
        named[name] = column
    if study_from in STUDY_SOURCES:
        if named:
            raise SettingError(f"--columns {columns[0]}: is for a list of your own, not for {study_from}")
    else:
        Location.parse(study_from).require_reachable(
            f"--study-from ({', '.join(STUDY_SOURCES)}, or a list)", ArchiveError, must_exist=True
        )
    return named


def _show(out: Console, summary: ManifestSummary) -> None:
    out.print(f"{summary.studies:,} studies, {summary.videos:,} videos, {summary.bytes / 1e9:,.2f} GB listed")
    out.print(f"patient known of {summary.patients_known:,} studies, not of {_unknown(summary):,}")
    kinds = {kind or "not said": count for kind, count in summary.study_kinds.items()}
    if set(kinds) != {"not said"}:
        out.print(f"kind of study, by the list: {_counted(kinds)}")
    if summary.left_out:
        out.print(f"left out: {_counted(summary.left_out)}")
    for note, count in summary.notes.items():
        out.print(f"note: {count:,} {note}")


def _unknown(summary: ManifestSummary) -> int:
    return summary.studies - summary.patients_known


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
