"""One page on whether this machine, a cluster, a bundle, an archive and an output are fit for a job."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.table import Table

from echoprime.archive import Entry
from echoprime.bundle import Bundle, open_bundle
from echoprime.errors import UserError
from echoprime.storage import Location
from echoprime.storage.dicomweb_address import is_dicomweb
from echoprime.storage.s3 import without_password
from pipelines.console import console
from pipelines.examination.findings import Finding, failure
from pipelines.examination.machine import machine_findings
from pipelines.examination.places import (
    archive_findings,
    bundle_findings,
    dicomweb_findings,
    output_findings,
    s3_findings,
    sampled_entries,
)
from pipelines.examination.ray_cluster import SmallJob, ray_findings
from pipelines.exit_codes import DONE, MISTAKEN
from pipelines.settings import EncoderPools
from pipelines.settings.cluster import DoctorSettings

STYLES = {"ok": "green", "warning": "yellow", "failure": "bold red"}


def examine(settings: DoctorSettings) -> int:
    """Check what is there and what was asked for, show a page; 2 if something must be mended."""
    groups: list[tuple[str, list[Finding]]] = []
    for title, checks in _groups(settings):
        groups.append((title, _all(title, checks)))
    out = console(wrap=True)
    counts = dict.fromkeys(STYLES, 0)
    for title, findings in groups:
        table = Table(box=None, pad_edge=False, show_header=False, title=title, title_justify="left")
        table.add_column(width=7, no_wrap=True)
        table.add_column(width=18, no_wrap=True)
        table.add_column(overflow="fold")
        for finding in findings:
            counts[finding.state] += 1
            text = finding.found + (f"\n-> {finding.cure}" if finding.cure else "")
            table.add_row(finding.state, finding.what, text, style=STYLES[finding.state])
        out.print(table)
        out.print()
    out.print(", ".join(f"{number} {state}" for state, number in counts.items()))
    return MISTAKEN if counts["failure"] else DONE


def _groups(settings: DoctorSettings) -> Iterator[tuple[str, Callable[[], Iterator[Finding]]]]:
    yield "this machine", machine_findings
    places = [place for place in (settings.bundle, settings.archive, settings.output) if place is not None]
    if any(place.startswith("s3://") for place in places):
        buckets = [Location.parse(place) for place in places if place.startswith("s3://")]
        yield "S3", lambda: s3_findings(buckets)
    if settings.bundle is not None:
        bundle = settings.bundle
        yield "bundle", lambda: bundle_findings(bundle, settings.device)
    if settings.archive is not None:
        archive = settings.archive
        if is_dicomweb(archive):
            yield "DICOMweb", lambda: dicomweb_findings(archive)
        yield "archive", lambda: archive_findings(archive)
    if settings.output is not None:
        output = settings.output
        yield "output", lambda: output_findings(output)
    yield "Ray", lambda: ray_findings(settings.ray_address, _small_job(settings))


def _small_job(settings: DoctorSettings) -> SmallJob:
    """What the nodes are asked to do, of what was given and can be opened; the rest has its own findings."""
    bundle: Bundle | None = None
    archive: Location | None = None
    entries: tuple[Entry, ...] = ()
    with contextlib.suppress(UserError, OSError):
        bundle = None if settings.bundle is None else open_bundle(settings.bundle)
    if settings.archive is not None:
        archive = Location.parse_archive(settings.archive)
        with contextlib.suppress(UserError, OSError):
            entries = sampled_entries(archive)
    pools = EncoderPools(
        device=settings.device,
        readers=settings.readers,
        max_readers=settings.max_readers,
        encoders=settings.encoders,
        view_classifiers=settings.view_classifiers,
    )
    return SmallJob(pools=pools, bundle=bundle, archive=archive, entries=entries)


def _all(title: str, checks: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """Every finding of a group; an error that stops the group is its last."""
    findings: list[Finding] = []
    try:
        for finding in checks():
            findings.append(finding)
    except UserError as error:
        findings.append(failure(title, str(error)))
    except Exception as error:  # a check that breaks is a finding, and the other groups still have theirs
        findings.append(failure(title, _in_words(title, error)))
    return findings


def _in_words(title: str, error: Exception) -> str:
    """What broke; the names of an archive's files, which may be patients', stay out of it."""
    said = error.strerror if isinstance(error, OSError) else None
    if said is None and title != "archive":
        said = " ".join(without_password(str(error)).split())[:200]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
