"""Pages for people to look at: of a study, of several with an index, of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from echoprime.archive import open_manifest, read_studies
from echoprime.bundle import open_bundle
from echoprime.errors import ArchiveError, ReadError, Reason, SettingError, UserError, VideoError
from echoprime.storage import Location, read_object, without_version
from echoprime.tables import RunRecord, StudyTable, list_runs, newest_rows, table_exists
from echoprime.tables.files import read_rows
from pipelines.checks import file_stem, require_name
from pipelines.console import console
from pipelines.exit_codes import DONE
from pipelines.settings import ViewSettings

LATEST = "latest"
INDEX = "index.html"
KEY_SHOWN = 16
"""Characters of a study's key in a file's name."""

_GONE = {
    Reason.MISSING: "not found in the archive that was looked at",
    Reason.CHANGED: "changed in the archive since it was encoded",
}


def write_pages(settings: ViewSettings, *, quiet: bool = False) -> int:
    """Write what was asked for, and say where it is.

    Parameters
    ----------
    settings
        What is wanted.
    quiet
        Say nothing: the caller does.

    Raises
    ------
    UserError
        Not exactly one of --study, --studies and --run; or the study, run or table is not there.
    """
    asked = [settings.study, settings.studies, settings.run]
    if sum(each is not None for each in asked) != 1:
        raise SettingError("give one of --study, --studies and --run: a page is of a study or of a run")
    require_name("--name", settings.name)
    output = Location.parse(settings.output)
    if settings.run is not None:
        said = _write_run(settings, output)
    elif settings.study is not None:
        said = _write_study(settings, output, settings.study)
    else:
        said = _write_studies(settings, output)
    if not quiet:
        console().print(said)
    return DONE


def _write_run(settings: ViewSettings, output: Location) -> str:
    from echoprime.pages import run_page

    runs = list_runs(output)
    if not runs:
        raise SettingError(f"--run: {output} has no run; give the --output of a run")
    chosen = runs[-1:] if settings.run == LATEST else [run for run in runs if run.run_id == settings.run]
    if not chosen:
        raise SettingError(
            f"--run {settings.run}: no such run; the last are "
            f"{', '.join(run.run_id for run in runs[-3:])}, or say {LATEST}"
        )
    target = _target(settings, f"run-{chosen[0].run_id}.html")
    _write(target, run_page(chosen[0]))
    return f"page of run {chosen[0].run_id}: {target}"


def _write_study(settings: ViewSettings, output: Location, study_id: str) -> str:
    sources = _Sources.open(settings, output)
    found = sources.rows([study_id])
    if not found:
        raise SettingError(
            f"--study: no study of this study_id in {sources.encodings.location}; "
            "spell it as the manifest does, or encode it first"
        )
    encoding, interpretation = found[0]
    target = _target(settings, _file_name(encoding, settings.name))
    _write(target, sources.page(encoding, interpretation))
    return f"page of study {encoding['study_key'][:KEY_SHOWN]}: {target}"


def _write_studies(settings: ViewSettings, output: Location) -> str:
    assert settings.studies is not None
    from echoprime.pages import studies_page

    chosen = sorted(read_studies(Location.parse(settings.studies)))
    folder = Location.parse(settings.page or "pages")
    if folder.is_local and folder.exists() and not folder.is_dir():
        raise SettingError(f"--page {folder}: is a file; with --studies give a folder")
    sources = _Sources.open(settings, output)
    found = sources.rows(chosen)
    if not found:
        raise SettingError(f"--studies {settings.studies}: none of its {len(chosen)} studies is encoded")
    for encoding, interpretation in found:
        _write(folder / _file_name(encoding, settings.name), sources.page(encoding, interpretation))
    files = [_file_name(encoding, settings.name) for encoding, _ in found]
    notice = next((row["notice"] for _, row in found if row is not None), "")
    _write(folder / INDEX, studies_page(found, files, notice=notice, identifiers=settings.identifiers))
    said = f"{len(found):,} pages and their index: {folder / INDEX}"
    if len(found) < len(chosen):
        said += f"\n{len(chosen) - len(found):,} studies of the list are not encoded and have no page"
    return said


def _file_name(encoding: dict[str, Any], name: str) -> str:
    """By the study's key: identifiers of patients stay out of file names."""
    shown = "" if name == "default" else f"-{name}"
    return f"study-{file_stem(encoding['study_key'])[:KEY_SHOWN]}{shown}.html"


def _target(settings: ViewSettings, default: str) -> Location:
    target = Location.parse(settings.page or default)
    if target.is_local and target.is_dir():
        raise SettingError(f"--page {target}: is a folder; name a file in it, such as {default}")
    return target


def _write(target: Location, page: str) -> None:
    try:
        target.write_bytes(page.encode())
    except OSError as error:
        raise SettingError(
            f"--page {target}: cannot be written ({error.strerror or type(error).__name__}); name another"
        ) from None


@dataclass(frozen=True, kw_only=True)
class _Sources:
    """What study pages are made of: the tables, and the archive that the clips come from."""

    settings: ViewSettings
    encodings: StudyTable
    interpretations: StudyTable | None
    root: Location | None
    copied: bool
    """A copy of the archive has other times: that a video is the same is told by its name and size."""

    @classmethod
    def open(cls, settings: ViewSettings, output: Location) -> _Sources:
        place = output / "interpretations" / settings.name
        encodings = StudyTable.existing(output / "encodings")
        there = table_exists(place)
        if not there and settings.name != "default":
            names = (output / "interpretations").names()
            raise SettingError(
                f"--name {settings.name}: no such interpretation in {output}; "
                f"there are {', '.join(names) or 'none'}"
            )
        return cls(
            settings=settings,
            encodings=encodings,
            interpretations=StudyTable.existing(place) if there else None,
            root=_archive(settings, output),
            copied=settings.archive is not None
            or any(run.settings.get("same_files") for run in _encode_runs(output)[:1]),
        )

    def rows(self, studies: Sequence[str]) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
        """Encoding and interpretation of those studies that are encoded, in the order of their study_id."""
        columns = [name for name in self.encodings.schema.names if name not in ("embeddings", "clips")]
        encoded = dict(_rows_of(self.encodings, studies, columns))
        interpreted = {}
        if self.interpretations is not None:
            interpreted = dict(_rows_of(self.interpretations, studies, self.interpretations.schema.names))
        return [(row, interpreted.get(study)) for study, row in sorted(encoded.items())]

    def page(self, encoding: dict[str, Any], interpretation: dict[str, Any] | None) -> str:
        """The study's page, its clips read from the archive now."""
        from echoprime.pages import study_page

        identity = {} if self.interpretations is None else self.interpretations.identity
        return study_page(
            encoding,
            interpretation,
            self._pictures(encoding),
            identity=identity,
            name=self.settings.name,
            notice=_notice(Location.parse(self.settings.output)) if interpretation is None else "",
            identifiers=self.settings.identifiers,
            deidentified=self.settings.deidentified,
        )

    def _pictures(self, encoding: dict[str, Any]) -> list[Any]:
        from echoprime.pages import not_shown, shown
        from echoprime.reading import ClipReader

        videos = [video for video in encoding["videos"] if video["outcome"] == "encoded"]
        if self.root is None:
            why = "the archive is not known any more; name it with --archive"
            return [not_shown(why) for _ in videos]
        pictures = []
        with ClipReader() as reader:  # a file that ends its decoder ends no page
            for video in videos:
                token = without_version(video["token"]) if self.copied else video["token"]
                try:
                    data = read_object(self.root, video["path"], size=video["size"], token=token)
                    clip = reader.read(data).require_clip()
                    pictures.append(shown(clip, deidentified=self.settings.deidentified))
                except ReadError as error:
                    pictures.append(not_shown(_GONE.get(error.reason, "the archive could not be read")))
                except VideoError:
                    pictures.append(not_shown("it could not be decoded again"))
        return pictures


def _archive(settings: ViewSettings, output: Location) -> Location | None:
    """The root that paths are below: as asked, or that of the last encode run's manifest."""
    if settings.archive is not None:
        root = Location.parse_archive(settings.archive)
        root.require_reachable("--archive", ArchiveError, must_exist=True)
        return root
    places = [Location.parse(str(run.settings["manifest"])) for run in _encode_runs(output)]
    for manifest in [*places, output / "manifest.parquet"]:
        try:
            return open_manifest(manifest).root
        except ArchiveError:
            continue
    return None


def _notice(output: Location) -> str:
    """What the bundle that encoded wants said beside views, where no interpretation says it."""
    for run in _encode_runs(output):
        try:
            return open_bundle(str(run.settings["bundle"])).notice
        except (UserError, KeyError):
            continue
    return ""


def _encode_runs(output: Location) -> list[RunRecord]:
    """Newest first."""
    return [
        run for run in reversed(list_runs(output)) if run.command == "encode" and "manifest" in run.settings
    ]


def _rows_of(
    table: StudyTable, studies: Sequence[str], columns: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The newest rows of some studies: what else is in the table is not read."""
    keys = newest_rows(table.keys())
    chosen = keys.filter(pc.is_in(keys["study_id"], pa.array(studies, pa.string())))
    for rows in read_rows(table.location, chosen, columns):
        for row in rows.select(columns).to_pylist():
            yield row["study_id"], row
