"""Checks of what a job is given: S3 and its clock, a bundle, an archive, an output."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path

from echoprime.archive import DicomwebListing, Entry, Listing
from echoprime.bundle import open_bundle
from echoprime.errors import ArchiveError, BundleError, SettingError, UserError, VideoError
from echoprime.storage import Location, free_bytes, read_object
from echoprime.storage.dicomweb_address import CREDENTIALS, in_the_clear
from echoprime.storage.s3 import endpoint, region, without_password
from pipelines.checks import LEAST_ROOM
from pipelines.examination.conditional_put import conditional_put_finding
from pipelines.examination.findings import Finding, failure, ok, warning

LISTED = 1_000
"""Objects of an archive that are listed: enough to see that it is one, a second in a bucket."""

READ = 3
"""Objects that are read whole."""

CLOCK_SECONDS = 300.0
"""S3 refuses requests whose clock is off by 15 minutes; at five somebody should look."""

_SHOWN = ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_SECRET = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def s3_findings(places: Sequence[Location]) -> Iterator[Finding]:
    """Settings that boto reads, never a secret's value; whether the buckets answer; the clock."""
    found = [f"{name}={without_password(os.environ[name])}" for name in _SHOWN if name in os.environ]
    found += [f"{name} set" for name in _SECRET if name in os.environ]
    yield ok("settings", ", ".join(found) or "none in the environment: ~/.aws, a role, or the machine's own")
    for bucket in sorted({place.bucket for place in places if not place.is_local}):
        try:
            Location.parse(f"s3://{bucket}").require_reachable("bucket", SettingError)
        except UserError as error:
            yield failure("bucket", str(error))
        else:
            yield ok("bucket", f"{bucket} answers")
    yield _clock()


def _clock() -> Finding:
    """Against the endpoint's own Date header, which needs no keys."""
    import requests

    url = endpoint() or f"https://s3.{region()}.amazonaws.com"
    try:
        said = requests.head(url, timeout=10).headers.get("Date")
    except requests.RequestException:
        said = None
    if said is None:
        return warning("clock", f"{without_password(url)} does not say its time; not compared")
    off = time.time() - parsedate_to_datetime(said).timestamp()
    if abs(off) > CLOCK_SECONDS:
        return failure(
            "clock", f"{off:+.0f} s from the store's: requests will be refused", "set the clock (NTP)"
        )
    return ok("clock", f"{off:+.0f} s from the store's")


def dicomweb_findings(named: str) -> Iterator[Finding]:
    """How it is asked and with which credentials, never their values; whether it answers."""
    root = Location.parse_archive(named)
    found = [f"{name} set" for name in CREDENTIALS if name in os.environ]
    yield ok("settings", ", ".join(found) or "no credentials in the environment: ~/.netrc, or none")
    if in_the_clear(root.uri):
        found_it = "plain http to another machine: patients' data and credentials can be read on the way"
        yield warning("encryption", found_it, "use dicomweb:// (https)")
    root.require_reachable("archive", ArchiveError)
    yield ok("service", f"{root} answers")


def bundle_findings(named: str, device: str) -> Iterator[Finding]:
    """What it can do, its files' hashes, and its sample computed again."""
    bundle = open_bundle(named)
    yield ok(
        "contents",
        f"{bundle.name!r}: {bundle.candidates_rows:,} candidates, languages {', '.join(bundle.languages)}",
    )
    yield ok("files", f"{bundle.check_files()} have the SHA-256 that bundle.json names")
    if bundle.trained:
        yield ok("weights", "trained")
    else:
        yield warning(
            "weights", f"untrained: {bundle.notice}", "import the official release for real numbers"
        )
    if not bundle.encodes:
        yield warning("sample", "no weights: interprets only", "import the release with model_data/weights")
        return
    from echoprime.networks import load_encoder, load_view_classifier, select_device
    from echoprime.networks.selfcheck import check

    try:
        place = select_device(device)
        found = check(bundle, load_encoder(bundle, place), load_view_classifier(bundle, place))
    except BundleError as error:
        yield failure("sample", str(error))
    else:
        yield ok(
            "sample",
            f"on {place}: embedding differs by {found.embedding_difference:.1e}, logits by "
            f"{found.logit_difference:.1e}; tolerance {found.tolerance:.0e}",
        )


def archive_findings(named: str) -> Iterator[Finding]:
    """That it can be listed, holds what may be videos, and that some of it can be read; no names."""
    root = Location.parse_archive(named)
    entries, listing = _listed(root)
    left_out = f"; {sum(listing.left_out.values()):,} others passed over" if listing.left_out else ""
    if not entries:
        yield failure(
            "listing", f"{root}: nothing that may be a video{left_out}", "give the archive's folder"
        )
        return
    more = "the first " if len(entries) == LISTED else ""
    size = "" if root.is_dicomweb else f", {sum(entry.size for entry in entries) / 1e9:.2f} GB"
    yield ok("listing", f"{more}{len(entries):,} objects{size}{left_out}")
    problems, started, read = [], time.monotonic(), 0
    chosen = _sampled(entries)
    for entry in chosen:
        try:
            read += len(read_object(root, entry.path, size=entry.size, token=entry.token))
        except VideoError as error:
            problems.append(error.message)
    seconds = max(time.monotonic() - started, 1e-6)
    if problems:
        yield failure(
            "reading",
            f"{len(problems)} of {len(chosen)} objects cannot be read: {'; '.join(sorted(set(problems)))}",
            "see that the job's user or keys may read every object, not only list",
        )
    else:
        yield ok("reading", f"{len(chosen)} objects read, {read / 1e6 / seconds:.0f} MB a second")


def sampled_entries(root: Location) -> tuple[Entry, ...]:
    """The objects that `archive_findings` reads.

    Raises
    ------
    UserError
        The archive cannot be listed.
    """
    return tuple(_sampled(_listed(root)[0]))


def _listed(root: Location) -> tuple[list[Entry], Listing | DicomwebListing]:
    # which links are taken, the job's --follow-links says
    listing = DicomwebListing(root) if root.is_dicomweb else Listing(root, follow_links=True)
    return list(itertools.islice(listing, LISTED)), listing


def _sampled(entries: list[Entry]) -> list[Entry]:
    return entries[:: max(1, len(entries) // READ)][:READ]


def output_findings(named: str) -> Iterator[Finding]:
    """Room, a file that one of several writers may make, and a small table written, read and removed."""
    import pyarrow as pa
    from deltalake import DeltaTable, write_deltalake

    output = Location.parse(named)
    output.require_reachable("--output", SettingError)
    if output.is_local and output.exists() and not output.is_dir():
        raise SettingError(f"--output {output}: is a file; give a folder")
    free = free_bytes(output)
    if free is not None:
        room = f"{free / 1e9:.0f} GB free"
        yield (
            ok("room", room) if free > LEAST_ROOM else failure("room", room, "make room, or another --output")
        )
    trial = output / f".doctor-{secrets.token_hex(4)}"
    made = _folders_to_make(output)
    problem, put = None, None
    try:
        put = conditional_put_finding(trial / "put")
        for number in (1, 2):  # the second needs the store's conditional put
            rows = pa.table({"number": [number]})
            write_deltalake(trial.uri, rows, mode="append", storage_options=trial.delta_options or None)
        table = DeltaTable(trial.uri, storage_options=trial.delta_options or None)
        count = table.to_pyarrow_table().num_rows
    except Exception as error:  # deltalake raises OSError, its own errors, and a panic's
        problem = " ".join(without_password(str(error)).split())[:200]
    finally:
        left = _why_not_removed(trial)
        for folder in made:
            with contextlib.suppress(OSError):  # it could not be made, or holds the trial
                folder.rmdir()
    if left is not None:
        cure = f"the job's user or keys must delete below --output; then remove {trial.name} there"
        yield failure("removal", f"the table stays: {left}", cure)
    if problem is not None:
        yield failure("commit", problem, "the job's user or keys must write, list and delete below --output")
    elif (count, table.version()) != (2, 1):
        yield failure("commit", f"{count} rows of 2 came back", "the store does not keep what it is given")
    elif left is None:
        yield ok("commit", "two commits written, read and removed")
    if put is not None:
        yield put


def _folders_to_make(output: Location) -> list[Path]:
    """Folders that a trial makes and must take away again, innermost first."""
    made = []
    if output.is_local:
        path = output.local_path
        while not path.exists():
            made.append(path)
            path = path.parent
    return made


def _why_not_removed(trial: Location) -> str | None:
    """Remove it; None once it is gone."""
    try:
        if trial.is_local:
            shutil.rmtree(trial.local_path)
        else:
            objects = set(trial.filesystem.find(trial.path))
            trial.filesystem.rm(trial.path, recursive=True)
            # s3fs passes over those that the store did not delete
            left = objects.intersection(trial.filesystem.find(trial.path))
            return f"{len(left)} objects were not deleted" if left else None
    except FileNotFoundError:
        return None
    except Exception as error:  # s3fs raises OSError, and some of botocore's own
        return " ".join(without_password(str(error)).split())[:200]
    return None
