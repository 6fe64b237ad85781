"""The withdraw job: somebody out of an output, out of its old files, and kept out. Needs no Ray."""

from __future__ import annotations

from rich.console import Console

from echoprime.archive import read_patients, read_studies
from echoprime.errors import SettingError, UserError
from echoprime.storage import Location
from echoprime.tables import OutputLock, RunRecord, Withdrawn, list_runs, new_run_id
from echoprime.withdrawal import Removed, Search, Traces, find_traces, search
from echoprime.withdrawal import withdraw as take_out
from pipelines.candidate_sets.opening import is_stack, stacked_places
from pipelines.compact import output_tables
from pipelines.console import console
from pipelines.exit_codes import CRASHED, DONE, INCOMPLETE
from pipelines.settings import WithdrawSettings

OUT_OF_REACH = (
    "not reached from here: the archive itself, manifests, candidate sets, exports and pages outside the "
    "output, candidate sets that nodes keep (ECHOPRIME_CACHE), copies and backups, and older versions that a "
    "bucket keeps of its objects"
)


def withdraw(settings: WithdrawSettings) -> int:
    """Remove somebody, prove it, and keep them out of later runs; return the exit code.

    Raises
    ------
    UserError
        Not exactly one of patient, patients, study and studies; nothing names them; a run is writing.
    """
    # 1. Who, and that there is an output.
    studies, patients = _asked(settings)
    output = Location.parse(settings.output)
    tables = output_tables(output)
    out = console()
    listed = Withdrawn.read(output)
    if settings.readmit:
        return _readmit(settings, output, listed, studies, patients)

    with OutputLock(output, new_run_id(), settings.force):
        # 2. By what the files name them, and who of them is nowhere to be found.
        traces = find_traces(output, studies, patients)
        known = any(listed.names(study) for study in studies) or any(listed.names("", p) for p in patients)
        if not (traces.keys or traces.paths or known):
            raise SettingError(
                f"{_flag(settings)}: nothing in {output} names any of them; spell ids as the tables do"
            )
        if settings.dry_run:
            _show(out, take_out(output, tables, traces, dry_run=True), "would go")
            out.print("nothing was changed")
            return DONE
        # 3. On the list first: from here on no run brings them back.
        listed.adding(traces.studies, patients).write(output)
        run = RunRecord.start(output, "withdraw", {"force": settings.force})
        try:
            removed = take_out(output, tables, traces)
            found = search(output, traces)
        except BaseException:
            run.finish(CRASHED)
            raise
        code = INCOMPLETE if found.naming or found.unread else DONE
        run.finish(code, _counts(traces, removed, found))
    _show(out, removed, "removed")
    _show_proof(out, found, traces)
    for what, place in _elsewhere(output):
        out.print(f"not reached: {what} {place}, which a run of this output was given")
    return code


def _asked(settings: WithdrawSettings) -> tuple[frozenset[str], frozenset[str]]:
    given = [settings.patient, settings.patients, settings.study, settings.studies]
    if sum(each is not None for each in given) != 1 or "" in (settings.patient, settings.study):
        raise SettingError("give one of --patient, --patients, --study and --studies: who is withdrawn")
    if settings.dry_run and settings.readmit:
        raise SettingError("give --dry-run or --readmit, not both: readmitting changes no table")
    if settings.studies is not None:
        return read_studies(Location.parse(settings.studies)), frozenset()
    if settings.patients is not None:
        return frozenset(), read_patients(Location.parse(settings.patients))
    studies = frozenset() if settings.study is None else frozenset({settings.study})
    return studies, frozenset() if settings.patient is None else frozenset({settings.patient})


def _flag(settings: WithdrawSettings) -> str:
    names = ("patient", "patients", "study", "studies")
    return next(f"--{name}" for name in names if getattr(settings, name) is not None)


def _readmit(
    settings: WithdrawSettings,
    output: Location,
    listed: Withdrawn,
    studies: frozenset[str],
    patients: frozenset[str],
) -> int:
    lifted = listed.lifting(studies, patients)
    count = len(listed.studies | listed.patients) - len(lifted.studies | lifted.patients)
    if not count:
        raise SettingError(f"{_flag(settings)}: none of them is on the list of those withdrawn")
    lifted.write(output)
    out = console()
    out.print(f"{count:,} taken off the list; the next run may encode them again")
    if patients:
        out.print("their studies that were withdrawn stay on it by study_id: name those with --studies")
    return DONE


def _elsewhere(output: Location) -> list[tuple[str, str]]:
    """Manifests, candidate sets and tables of views outside the output that its runs' records name."""
    words = {"manifest": "manifest", "candidates": "candidate set", "views": "table of views"}
    named = {
        (word, place)
        for run in list_runs(output)
        for name, word in words.items()
        if run.settings.get(name)
        for place in _sets_of(str(run.settings[name]))
    }
    return sorted(each for each in named if not f"{each[1]}/".startswith(f"{output}/"))


def _sets_of(named: str) -> list[str]:
    """Where a stack of candidate sets lies, its sets; else the place itself."""
    place = Location.parse(named)
    try:
        return [str(each) for each in stacked_places(place).values()] if is_stack(place) else [named]
    except (OSError, UserError):  # gone, or not to be reached from here: it is named as the run had it
        return [named]


def _counts(traces: Traces, removed: Removed, found: Search) -> dict[str, int]:
    return {
        "studies": len(traces.studies),
        "rows": sum(removed.rows.values()),
        "rows_of_other_files": sum(removed.file_rows.values()),
        "files_removed": len(removed.files),
        "old_files_removed": removed.old_files,
        "candidates": sum(removed.candidates.values()),
        "neighbours_unnamed": sum(removed.neighbours.values()),
        "files_searched": found.files,
        "files_that_name_them": len(found.naming),
        "files_not_readable": len(found.unread),
    }


def _show(out: Console, removed: Removed, word: str) -> None:
    for name, rows in removed.rows.items():
        out.print(f"{word}: {rows:,} rows of {name}")
    for name, rows in removed.file_rows.items():
        out.print(f"{word}: {rows:,} rows of {name}")
    if removed.files:
        out.print(f"{word}: {len(removed.files):,} pages and texts")
    for name, rows in removed.candidates.items():
        out.print(
            f"{word}: {rows:,} candidates of {name}, and its unrecognised sentences; it is another set now: "
            "interpret with it under another --name"
        )
    for name in removed.sets:
        out.print(
            f"{word}: the candidate set {name}, which an earlier withdrawal was killed in; make it again "
            "with `echoprime candidates build`"
        )
    for name, rows in removed.neighbours.items():
        out.print(
            f"{word}: the name of a neighbour in {rows:,} rows of other studies in {name}; their numbers and "
            "texts, which rest on it, stay: interpret again without it under another --name"
        )
    if removed.unfinished:
        out.print(f"{word}: {removed.unfinished:,} unfinished files of processes that were killed")
    if removed.old_files:
        out.print(f"{word}: {removed.old_files:,} old files of the tables, and their logs")


def _show_proof(out: Console, found: Search, traces: Traces) -> None:
    if not found.naming:
        out.print(f"{found.files:,} files searched, none names them", style="bold")
    else:
        out.print(f"{found.files:,} files searched, {len(found.naming):,} still name them:", style="bold")
        for path in found.naming:
            folder = path.rpartition("/")[0] or "."
            out.print(f"  {path if not traces.in_text(path, paths=True) else f'a file in {folder}'}")
        out.print("look at these by hand: this software did not write them, or wrote them elsewhere")
    if found.unread:
        out.print(
            f"{len(found.unread):,} files are packed or damaged, and cannot be looked into; by hand too:",
            style="bold",
        )
        for path in found.unread:
            out.print(f"  {path}")
    if traces.short:
        out.print(
            f"{traces.short:,} ids are shorter than 6 characters: in running text they were not looked for"
        )
    out.print(OUT_OF_REACH)
