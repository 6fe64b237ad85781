"""Whether an output's store makes a file only where there is none: what commits of tables rest on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from echoprime.storage import Location
from pipelines.examination.findings import Finding, failure, ok

WRITERS = 2

REFUSED = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
"""What S3 calls a second object of one name."""

CURE = (
    "take a store, or a version of it, that honours If-None-Match, as S3 does: without it two runs into one "
    "table can lose rows"
)


def conditional_put_finding(trial: Location) -> Finding:
    """Let two writers at once make one file that is not there, then a third: one of them all may.

    Parameters
    ----------
    trial
        A folder or prefix that whoever asks removes afterwards.
    """
    with ThreadPoolExecutor(WRITERS) as pool:
        made = list(pool.map(lambda writer: _makes(trial, writer), range(WRITERS)))
    late = _makes(trial, WRITERS)
    if sum(made) == 1 and not late:
        kept = (trial / "once").read_bytes()
        if kept == _content(made.index(True)):
            return ok(
                "conditional put", f"of {WRITERS} writers at once one made the file, a third was refused"
            )
        return failure("conditional put", "the file holds what a refused writer wrote", CURE)
    if not any(made):
        return failure(
            "conditional put", f"none of {WRITERS} writers could make a file that was not there", CURE
        )
    return failure(
        "conditional put",
        f"{sum(made) + late} of {WRITERS + 1} writers made one file: the store overwrites",
        CURE,
    )


def _makes(trial: Location, writer: int) -> bool:
    """Whether the store let this writer make the file.

    Raises
    ------
    OSError
        Anything else than that the file is there.
    """
    try:
        if trial.is_local:
            trial.local_path.mkdir(parents=True, exist_ok=True)
            with (trial.local_path / "once").open("xb") as file:
                file.write(_content(writer))
        else:
            place = trial / "once"
            trial.filesystem.call_s3(
                "put_object", Bucket=place.bucket, Key=place.key, Body=_content(writer), IfNoneMatch="*"
            )
    except FileExistsError:
        return False
    except OSError as error:
        answer = getattr(error.__cause__, "response", {})  # botocore's own error behind that of s3fs
        if answer.get("Error", {}).get("Code") in REFUSED:
            return False
        raise
    return True


def _content(writer: int) -> bytes:
    return f"writer {writer}".encode()
