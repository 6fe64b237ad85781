"""Ray, started or joined the same way by every job."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from echoprime.errors import EchoPrimeError, SettingError

NAMESPACE = "echoprime"

CONNECT_SECONDS = 5.0
"""A cluster's head that takes longer to accept a connection is not there."""

CONNECT_TRIES = "2"
"""Ray itself would try for eleven minutes where something else than Ray answers."""

CLIENT_PREFIX = "ray://"

_kept: ContextVar[bool] = ContextVar("kept", default=False)
"""Whether a Ray that a job starts goes on after it."""


@dataclass(frozen=True)
class ClusterSize:
    """What the cluster that a job runs on has."""

    cores: int
    gpus: int
    nodes: int


@contextmanager
def ray_session(address: str | None) -> Iterator[ClusterSize]:
    """Join the cluster at `address`, or start a Ray on this machine and stop it again.

    A Ray that this process runs on already (a notebook's, a test's) is used as it is.

    Raises
    ------
    SettingError
        `address` is none, or no cluster answers there.
    """
    require_ray_address(address)
    for name, value in {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        # Only `_start` starts a Ray: a stray call after the end must fail, not bring up another.
        "RAY_ENABLE_AUTO_CONNECT": "0",
        # Else Ray's core prints a warning of each actor pool's arguments over the progress bar.
        "RAY_BACKEND_LOG_LEVEL": "fatal",
    }.items():
        os.environ.setdefault(name, value)
    import ray

    joined = ray.is_initialized()
    if not joined:
        _start(address)
    try:
        _quieten()
        resources = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray's, untyped
        yield ClusterSize(
            cores=max(1, int(resources.get("CPU", 1))),
            gpus=int(resources.get("GPU", 0)),
            nodes=max(1, len([node for node in ray.nodes() if node["Alive"]])),  # type: ignore[no-untyped-call]
        )
    finally:
        if not (joined or _kept.get()):
            ray.shutdown()


@contextmanager
def kept_ray() -> Iterator[None]:
    """While this lasts, a Ray that a job starts goes on for the jobs after it; none is started for itself."""
    there = "ray" in sys.modules and sys.modules["ray"].is_initialized()
    token = _kept.set(True)
    try:
        yield
    finally:
        _kept.reset(token)
        if not there and "ray" in sys.modules:
            sys.modules["ray"].shutdown()


def require_ray_address(address: str | None) -> None:
    """Refuse an address that no job can use, in seconds and without starting anything.

    Parameters
    ----------
    address
        HOST:PORT of a cluster's head, "auto" for the one of this machine, or None for a Ray of its own.

    Raises
    ------
    SettingError
        A Ray Client address, another scheme, no port, or nothing listens there.

    Examples
    --------
    >>> require_ray_address(None)
    >>> require_ray_address("ray://head:10001")
    Traceback (most recent call last):
    echoprime.errors.SettingError: --ray-address ray://head:10001: Ray Data does not run over Ray Client; \
give HOST:PORT of the head (port 6379) on a machine of the cluster, or use echoprime submit
    """
    if address is None or address == "auto":
        return
    if address.startswith(CLIENT_PREFIX):
        raise SettingError(
            f"--ray-address {address}: Ray Data does not run over Ray Client; give HOST:PORT of the head "
            "(port 6379) on a machine of the cluster, or use echoprime submit"
        )
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not (port.isdecimal() and 0 < int(port) < 65_536):
        raise SettingError(f"--ray-address {address!r}: give HOST:PORT of a cluster's head, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error) or "no answer"
        raise _no_ray(f"at {address}", reason[:1].lower() + reason[1:]) from None


def _no_ray(where: str, reason: str) -> SettingError:
    return SettingError(f"no Ray {where} ({reason}); check --ray-address, or leave it out for a local Ray")


def _start(address: str | None) -> None:
    import ray

    options: dict[str, Any] = {
        "namespace": NAMESPACE,
        "log_to_driver": False,
        "logging_level": logging.ERROR,
    }
    try:
        # Ray's core says there what is said here in one line, or what nobody asked for.
        with _without_stderr(), _own_sigterm():
            if address is None:
                # "local", because an earlier `ray start` leaves a file that would be followed otherwise.
                # Two at least, so that actors on fractions of a core leave one for tasks beside them.
                cores = max(2, len(os.sched_getaffinity(0)))
                with _on_loopback():
                    ray.init(address="local", num_cpus=cores, include_dashboard=False, **options)
            else:
                with _few_tries():
                    ray.init(address=address, **options)
    except Exception as error:  # a node that is not up in time is a bare one
        if address is None:
            raise SettingError(
                f"Ray does not start on this machine ({_reason(error)}); try again when it has less to do, "
                "and see that memory, /dev/shm and the disk of its temporary folder have room"
            ) from error
        raise _no_ray(f"at {address}", _reason(error)) from error


def _reason(error: BaseException) -> str:
    """Why a cluster was not joined, in one line, with what Ray hides: a token is asked for."""
    import ray

    said = " ".join(str(error).split())[:300] or type(error).__name__
    if isinstance(error, ray.exceptions.AuthenticationError) or said.startswith("Failed to connect"):
        said += "; a cluster with a token needs RAY_AUTH_MODE=token and the same RAY_AUTH_TOKEN_PATH here"
    return said


@contextmanager
def _on_loopback() -> Iterator[None]:
    """A Ray of this machine alone listens on 127.0.0.1 alone.

    Else its servers listen on all interfaces, and only its token stands between them and the network. What
    Ray calls "no cluster on Windows or macOS" makes it take the loopback address; `_node_ip_address` does
    not, since Ray turns 127.0.0.1 back into the machine's own. A test looks at every socket of a run.
    """
    from ray._private import ray_constants  # no public way; read once, when Ray is imported

    name = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
    given, before = os.environ.get(name), ray_constants.ENABLE_RAY_CLUSTER
    os.environ[name], ray_constants.ENABLE_RAY_CLUSTER = "0", False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
        if given is None:
            del os.environ[name]
        else:
            os.environ[name] = given


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Ray's handler of SIGTERM would kill its processes under the rows that are not committed yet."""
    if threading.current_thread() is not threading.main_thread():  # Ray sets none there
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _few_tries() -> Iterator[None]:
    name = "RAY_gcs_server_port_wait_time_s"
    given = os.environ.get(name)
    os.environ.setdefault(name, CONNECT_TRIES)
    try:
        yield
    finally:
        if given is None:
            del os.environ[name]


@contextmanager
def streamed(dataset: Any) -> Iterator[Iterator[pa.Table]]:  # noqa: ANN401  # a ray.data.Dataset
    """A dataset's blocks as tables, in any order; when this ends, Ray Data's threads have ended too.

    Left to the garbage collector after an interrupt, they would meet a Ray that is gone, start another one,
    and wait for it for ever.
    """
    batches = iter(dataset.iter_batches(batch_format="pyarrow", batch_size=None, prefetch_batches=0))
    try:
        yield batches
    finally:
        batches.close()


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Ray's core announces its log level there when it starts, below Python; errors come as exceptions."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _quieten() -> None:
    """Ray Data's own bars and lines would drown the job's progress, and its wrapping a stage's own error."""
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.raise_original_map_exception = True
    # Its errors come as exceptions too, and those say what to do.
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    # Small jobs have fewer blocks than actors; its own deprecated fields when it copies its context.
    warnings.filterwarnings("ignore", module=r"ray\.data")


def user_error_behind(error: BaseException) -> EchoPrimeError | None:
    """The project's own error that made a Ray task or actor fail, if one did.

    Ray wraps what a stage raises; the one line that says what to do is at the bottom of the chain.
    """
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        current = todo.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, EchoPrimeError):
            return current
        todo += [current.__cause__, current.__context__, getattr(current, "cause", None)]
    return None
