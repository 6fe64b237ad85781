"""Settings of what sends jobs to a Ray cluster and looks after them there, and of what checks a machine.

The sentence under a field is what `--help` shows. Field names are flag names and TOML keys.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.settings.jobs import Device


@dataclass(frozen=True, kw_only=True)
class _Cluster:
    address: str
    """The cluster's Jobs API, such as http://head:8265."""


@dataclass(frozen=True, kw_only=True)
class SubmitSettings(_Cluster):
    """Settings of `echoprime submit`."""

    image: bool = False
    """Run the package that the nodes' image has, of this version; without it this one is sent along."""

    shared: bool = False
    """Local folders in the command lie at the same path on every node (NFS, Lustre)."""

    python: str = "python"
    """The nodes' Python, on their PATH or in full."""

    pass_environment: tuple[str, ...] = ()
    """Variables of this shell that the job needs, by name: AWS_ENDPOINT_URL AWS_PROFILE ..."""

    follow: bool = True
    """Show what the job says until it ends, and exit with its exit code; --no-follow returns at once."""

    stop_on_interrupt: bool = False
    """Ctrl-C stops the job; without it the job goes on and Ctrl-C only ends the following."""


@dataclass(frozen=True, kw_only=True)
class JobsSettings(_Cluster):
    """Settings of `echoprime jobs list`."""


@dataclass(frozen=True, kw_only=True)
class JobSettings(_Cluster):
    """Settings of `echoprime jobs stop`."""

    job: str
    """The job's name, as `echoprime submit` and `echoprime jobs list` show it."""


@dataclass(frozen=True, kw_only=True)
class JobLogsSettings(JobSettings):
    """Settings of `echoprime jobs logs`."""

    follow: bool = False
    """Go on until the job ends, and exit with its exit code."""


@dataclass(frozen=True, kw_only=True)
class DoctorSettings:
    """Settings of `echoprime doctor`."""

    ray_address: str | None = None
    """A Ray cluster to check, of which this machine is a node: HOST:PORT of its head (6379), or auto."""

    bundle: str | None = None
    """Bundle whose files and sample numbers are checked."""

    archive: str | None = None
    """Archive that is listed in part, and of which a few objects are read."""

    output: str | None = None
    """Place where a small table is written and removed again."""

    device: Device = "auto"
    """Where the bundle's sample is computed, and where the job would encode."""

    readers: int | None = None
    """Of the job whose memory is asked for: as of `echoprime encode`."""

    max_readers: int | None = None
    """As of `echoprime encode`."""

    encoders: int | None = None
    """As of `echoprime encode`."""

    view_classifiers: int | None = None
    """As of `echoprime encode`."""
