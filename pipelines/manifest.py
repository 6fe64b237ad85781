"""The manifest job: archive -> one row a video."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import date

from rich.console import Console

from echoprime.archive import (
    STUDY_SOURCES,
    ManifestSummary,
    StudyFilter,
    data_sets,
    read_studies,
    study_list,
    write_manifest,
)
from echoprime.archive.dicomweb_listing import ALL
from echoprime.errors import ArchiveError, SettingError
from echoprime.storage import Location
from echoprime.tables import Withdrawn, WriterLock, new_run_id
from pipelines.console import console
from pipelines.settings import ArchiveListing, ManifestSettings


def list_archive(settings: ManifestSettings) -> ManifestSummary:
    """List an archive into a manifest, and say what was found.

    Raises
    ------
    SettingError
        `columns` is not what it should be, or a filter is given that the archive does not know.
    ArchiveError
        The archive is missing or empty, or a list has no such column.
    TableError
        In the manifest's output another process writes a manifest, or withdraws somebody.
    """
    manifest = Location.parse(settings.manifest)
    manifest.require_reachable("manifest", ArchiveError)
    with _held(manifest.parent):
        summary = write_listing(settings, Withdrawn.read(manifest.parent))
    out = console()
    _show(out, summary)
    archive = summary.root
    by_folder = settings.study_from == "folder" and not archive.is_dicomweb
    looks = data_sets.looks_like(archive) if by_folder else None
    if looks is not None:
        out.print(f"note: this looks like a known data set: --study-from {looks} goes by its lists")
    return summary


@contextmanager
def _held(place: Location) -> Iterator[None]:
    """In an output nobody is withdrawn meanwhile: hours of listing would bring them back at the end."""
    if not (place / "encodings").exists():
        yield
        return
    with WriterLock(place, "manifest", new_run_id(), force=True):
        yield


def write_listing(settings: ManifestSettings, withdrawn: Withdrawn | None = None) -> ManifestSummary:
    """List an archive into a manifest, without a word.

    Parameters
    ----------
    settings
        Of the manifest job.
    withdrawn
        Studies and patients that are not listed.

    Raises
    ------
    SettingError, ArchiveError
        As `list_archive`.
    """
    columns = require_study_from(settings.study_from, settings.columns)
    archive = Location.parse_archive(settings.archive)
    return write_manifest(
        archive,
        Location.parse(settings.manifest),
        study_from=settings.study_from,
        columns=columns,
        chosen=study_filter(archive, settings.modalities, settings.study_dates, settings.studies),
        follow_links=settings.follow_links,
        withdrawn=withdrawn,
    )


def listing_of(
    settings: ArchiveListing, archive: str, manifest: str, studies: str | None
) -> ManifestSettings:
    """The manifest job within another one.

    Parameters
    ----------
    settings
        Of the other job.
    archive, manifest
        What is listed, and into what.
    studies
        That the other job takes. Of a folder all is listed: what of it is encoded is asked for later.
    """
    listing = {field.name: getattr(settings, field.name) for field in fields(ArchiveListing)}
    searched = studies if Location.parse_archive(archive).is_dicomweb else None
    return ManifestSettings(archive=archive, manifest=manifest, studies=searched, **listing)


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


def study_filter(
    archive: Location, modalities: Sequence[str], study_dates: str, studies: str | None = None
) -> StudyFilter | None:
    """What of a DICOMweb archive is listed; None for a folder or bucket.

    Parameters
    ----------
    archive
        The archive.
    modalities, study_dates, studies
        Of `ManifestSettings`.

    Raises
    ------
    SettingError
        A folder or bucket is to be searched, or a range of days is none.
    ArchiveError
        The list of studies is missing, or names none.

    Examples
    --------
    >>> study_filter(Location.parse_archive("dicomweb://pacs/rs"), ["us, IVUS"], "20240101-")
    StudyFilter(modalities=('US', 'IVUS'), dates='20240101-', studies=None)
    """
    words = tuple(word.strip().upper() for entry in modalities for word in entry.split(",") if word.strip())
    if not archive.is_dicomweb:
        for flag, given in (
            ("--modalities", words != ("US",)),
            ("--study-dates", study_dates),
            ("--studies", studies),
        ):
            if given:
                raise SettingError(f"{flag}: searches a dicomweb:// archive; all of {archive} is listed")
        return None
    for word in words:
        if re.fullmatch(r"[A-Z][A-Z0-9_]{0,15}", word) is None:
            raise SettingError(f"--modalities {word}: no DICOM modality; write US, or several, or {ALL}")
    if not words:
        raise SettingError(f"--modalities is empty; write US, or several, or {ALL}")
    if study_dates and not _is_range(study_dates):
        raise SettingError(f"--study-dates {study_dates}: write YYYYMMDD-YYYYMMDD; an end may be left out")
    chosen = None if studies is None else read_studies(Location.parse(studies))
    return StudyFilter(modalities=words, dates=study_dates, studies=chosen)


def _is_range(text: str) -> bool:
    """Whether it is a range of days, or one day, as DICOM writes it (PS3.4, C.2.2.2.5)."""
    days = text.split("-")
    if len(days) > 2 or not any(days):
        return False
    try:
        read = [date.fromisoformat(day) for day in days if day]
    except ValueError:
        return False
    return all(re.fullmatch("[0-9]{8}|", day) for day in days) and read == sorted(read)


def _show(out: Console, summary: ManifestSummary) -> None:
    size = (
        "the server tells no sizes" if summary.root.is_dicomweb else f"{summary.bytes / 1e9:,.2f} GB listed"
    )
    out.print(f"{summary.studies:,} studies, {summary.videos:,} videos, {size}")
    out.print(f"patient known of {summary.patients_known:,} studies, not of {_unknown(summary):,}")
    kinds = {kind or "not said": count for kind, count in summary.study_kinds.items()}
    if set(kinds) != {"not said"}:
        out.print(f"kind of study, by the list: {_counted(kinds)}")
    show_left_out(out, summary)


def show_left_out(out: Console, summary: ManifestSummary) -> None:
    """What of an archive is not in its listing, and what was noticed."""
    if summary.left_out:
        out.print(f"left out: {_counted(summary.left_out)}")
    for note, count in summary.notes.items():
        out.print(f"note: {count:,} {note}")


def _unknown(summary: ManifestSummary) -> int:
    return summary.studies - summary.patients_known


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
