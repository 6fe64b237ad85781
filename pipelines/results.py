"""What a job returns, and how a run's record is closed whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from echoprime.errors import EchoPrimeError, StalledError, UserError
from echoprime.tables import RunRecord
from pipelines.exit_codes import CRASHED, DONE, INCOMPLETE, INTERRUPTED, MISTAKEN
from pipelines.ray_session import user_error_behind
from pipelines.watching.run_log import event, run_log

if TYPE_CHECKING:  # most of a second, for interpret alone
    from echoprime.interpretation.leakage import Leakage


@dataclass(kw_only=True)
class JobResult:
    """What a job did.

    Attributes
    ----------
    job
        "encode" or "interpret".
    studies
        Studies that this run wrote; where there was nothing to do, those in the table.
    planned
        Studies by how they stood to the table: new, changed, again (incomplete before), done, returned (done,
        in the archive again), vanished (in the table, no longer in the archive: marked and kept), not_judged
        (not listed, but perhaps of another archive), perhaps_replaced (changed, or of another archive and of
        the same name), not_found (of --studies), withdrawn (from this output, never encoded), learnt (done,
        with another patient, time or kind of study than the table had). Encode alone.
    outcomes
        (outcome, reason) -> videos, of this run.
    incomplete
        Studies with a passing failure: another run takes them up again.
    left_out_kinds
        Kind of study -> encoded studies that were not interpreted because they are of it. Interpret alone.
    left_out_interpreted_before
        Of these, those whose row is of the time before their kind was known; it is kept.
    views_given, views_not_given
        Encoded videos whose view a table of the user's says, and those that it does not name, which keep
        the classifier's; both 0 without such a table. Interpret alone.
    calibrated_elsewhere
        What the calibration's values rested on where it is something else than here, a phrase each.
    seconds
        Stage -> seconds, summed over its actors.
    candidates_left_out, studies_with_left_out
        Candidates that were no neighbours because they are of the study itself or its patient, summed over
        the studies, and the studies that had any. Interpret alone.
    leakage
        How many of the studies had such candidates among their nearest, and how far those would have moved
        the values; None where nothing was interpreted.
    studies_of_unknown_patient
        Studies of which only their own candidate could be left out. Interpret alone.
    wall
        Phase -> seconds of wall clock: start, work, finish.
    pools
        Actor pools by name: actors, cores, gpus, stages, and shares of their time.
    cluster
        What Ray had: cores, gpus, nodes.
    advice
        What bounded the run and what to change, in one line; "" before its end.
    clips_per_second
        Encoded clips a second, from when the work began to the last row; None where there were none.
    """

    job: str
    studies: int = 0
    run_id: str = ""
    nothing_to_do: bool = False
    incomplete: int = 0
    left_out_kinds: dict[str, int] = field(default_factory=dict)
    left_out_interpreted_before: int = 0
    views_given: int = 0
    views_not_given: int = 0
    calibrated_elsewhere: list[str] = field(default_factory=list)
    planned: dict[str, int | None] = field(default_factory=dict)
    outcomes: dict[tuple[str, str], int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    candidates_left_out: int = 0
    studies_with_left_out: int = 0
    leakage: Leakage | None = None
    studies_of_unknown_patient: int = 0
    wall: dict[str, float] = field(default_factory=dict)
    pools: dict[str, dict[str, Any]] = field(default_factory=dict)
    clips_per_second: float | None = None
    cluster: dict[str, int] = field(default_factory=dict)
    advice: str = ""

    @property
    def exit_code(self) -> int:
        """0, or 3 when studies are incomplete."""
        return INCOMPLETE if self.incomplete else DONE


@contextmanager
def recorded(run: RunRecord, result: JobResult) -> Iterator[None]:
    """Close the run's record with the exit code that the job ends with.

    Raises
    ------
    EchoPrimeError
        The project's own error in place of the one that Ray wrapped it in.
    """
    with run_log(run.directory):
        event("start", run=run.run_id, job=run.command)
        yield from _closing(run, result)


def _closing(run: RunRecord, result: JobResult) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        with suppress(OSError):  # a record that cannot be written hides nothing of what ended the run
            _finish(run, result, INTERRUPTED)
        raise
    except Exception as error:
        cause = user_error_behind(error)
        with suppress(OSError):
            _finish(run, result, _code_of(cause))
        if isinstance(cause, EchoPrimeError) and cause is not error:
            raise cause from None
        raise
    _finish(run, result, result.exit_code)


def _code_of(cause: EchoPrimeError | None) -> int:
    if isinstance(cause, StalledError):  # what is left is taken up by the same command
        return INCOMPLETE
    return MISTAKEN if isinstance(cause, UserError) else CRASHED


def _finish(run: RunRecord, result: JobResult, exit_code: int) -> None:
    counts = {"studies": result.studies, "incomplete": result.incomplete}
    counts |= {":".join(filter(None, outcome)): videos for outcome, videos in sorted(result.outcomes.items())}
    if result.job == "interpret":
        counts |= {f"left_out_{kind}": studies for kind, studies in result.left_out_kinds.items()}
        if result.views_given or result.views_not_given:
            counts["views_of_the_table"] = result.views_given
            counts["views_of_the_classifier"] = result.views_not_given
        counts["candidates_left_out"] = result.candidates_left_out
        if result.leakage is not None:
            counts["studies_with_near_left_out"] = result.leakage.affected
        counts["studies_of_unknown_patient"] = result.studies_of_unknown_patient
    finished = run.finish(
        exit_code,
        counts,
        result.seconds,
        wall=result.wall,
        pools=result.pools,
        clips_per_second=result.clips_per_second,
        cluster=result.cluster,
        leakage="" if result.leakage is None else result.leakage.said(),
    )
    result.advice = finished.advice
    if finished.advice:
        event(
            "stages", bound=finished.bound, advice=finished.advice, seconds=result.seconds, wall=result.wall
        )
    event("end", exit_code=exit_code, **counts)
