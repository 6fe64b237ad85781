"""A Ray cluster of `ray start` processes on this machine: with a token, on free ports, ended by pid.

with ray_nodes(2) as cluster:
    ...  # cluster.nodes[-1] may die; cluster.add() starts another
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY_SECONDS = 90.0
STORE_BYTES = 150_000_000
"""Of a node's object store, unless the test says more."""


@dataclass(frozen=True)
class RayNodes:
    """What a user of the cluster is told.

    Attributes
    ----------
    gcs
        HOST:PORT, what `--ray-address` takes.
    jobs
        http://HOST:PORT, what `--address` takes.
    environment
        Variables with the token.
    nodes
        The `ray start` of each, the head's first; each ends when its raylet does.
    add
        Starts another node, and waits until the cluster has it.
    targets
        The file that tells Prometheus where the cluster's metrics are.
    """

    gcs: str
    jobs: str
    environment: Mapping[str, str]
    nodes: list[subprocess.Popen[bytes]]
    add: Callable[[], None]
    targets: Path


@contextmanager
def ray_nodes(
    nodes: int,
    *,
    python: str = sys.executable,
    cores: int = 2,
    more: Mapping[str, str] | None = None,
    most: int | None = None,
    store: int = STORE_BYTES,
) -> Iterator[RayNodes]:
    """A head and `nodes` - 1 workers, for the length of a `with`.

    Parameters
    ----------
    nodes
        How many, all on this machine.
    python
        Interpreter that they and all their workers run on.
    cores
        What each says that it has.
    more
        Environment of the nodes, beside the token's.
    most
        Workers that Ray's autoscaler may start, and end where they have nothing to do; None: no autoscaler.
    store
        Bytes of each node's object store.
    """
    # Short, because Ray puts sockets below it, whose paths may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    access = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    gcs, dashboard, client = free_ports(3)
    started: list[subprocess.Popen[bytes]] = []
    folders = itertools.count()
    with (folder / "nodes.log").open("ab") as log:

        def start(*options: str, own: Mapping[str, str] | None = None) -> None:
            agent, grpc, metrics = free_ports(3)
            command = [
                python,
                *("-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"),
                f"--num-cpus={cores}",
                f"--object-store-memory={store}",
                f"--dashboard-agent-listen-port={agent}",
                f"--dashboard-agent-grpc-port={grpc}",
                f"--metrics-export-port={metrics}",
                # Its own, as machines have: one node would unpack a job's folder under the other's feet.
                f"--temp-dir={folder / str(next(folders))}",
                *options,
            ]
            environment = {**_environment(), **access, **(more or {}), **(own or {})}
            started.append(subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log))

        def add() -> None:
            started[:] = [process for process in started if process.poll() is None]
            start(f"--address=127.0.0.1:{gcs}")
            _wait_for_nodes(found, len(started), started, folder)

        address = f"http://127.0.0.1:{dashboard}"
        targets = folder / "0" / "prom_metrics_service_discovery.json"
        found = RayNodes(f"127.0.0.1:{gcs}", address, access, started, add, targets)
        try:
            start(
                "--head",
                f"--port={gcs}",
                f"--ray-client-server-port={client}",
                "--include-dashboard=true",
                "--dashboard-host=127.0.0.1",
                f"--dashboard-port={dashboard}",
                *([] if most is None else [_autoscaling(folder, gcs, cores, most, store)]),
                own=None if most is None else _AUTOSCALED,
            )
            _wait_for(address, access, started, folder)
            for _ in range(nodes - 1):
                add()
            _wait_for_nodes(found, nodes, started, folder)
            yield found
        finally:
            _end(started)
    shutil.rmtree(folder, ignore_errors=True)


_HEAD_ID = "f" * 51 + "00000"
_AUTOSCALED = {
    "RAY_FAKE_CLUSTER": "1",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_CLOUD_INSTANCE_ID": _HEAD_ID,
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": _HEAD_ID,
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
}
"""What the head of an autoscaled cluster is told. `ray.cluster_utils.AutoscalingCluster` tells its head the
same, but begins and ends by `ray stop --force`, which ends every Ray of the machine."""


_COMMANDS = (
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)


def _autoscaling(folder: Path, gcs: int, cores: int, most: int, store: int) -> str:
    """Ray's autoscaler with the provider whose machines are processes here."""
    worker = {
        "resources": {"CPU": cores, "object_store_memory": store},
        "node_config": {},
        "min_workers": 0,
        "max_workers": most,
    }
    description = {
        "cluster_name": "test",
        "max_workers": most,
        "idle_timeout_minutes": 5,
        "provider": {
            "type": "external",  # the wheel lacks the defaults of "fake_multinode"
            "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
            "gcs_address": f"127.0.0.1:{gcs}",
            "head_node_id": _HEAD_ID,
            "launch_multiple": True,
        },
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": cores}, "node_config": {}, "max_workers": 0},
            "cores": worker,
        },
        "head_node_type": "ray.head.default",
        "upscaling_speed": 1.0,
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        **{key: [] for key in _COMMANDS},
        **{key: {} for key in ("auth", "docker", "file_mounts")},
    }
    file = folder / "autoscaling.json"
    file.write_text(json.dumps(description))
    return f"--autoscaling-config={file}"


def bare_python(folder: Path) -> str:
    """An interpreter with every dependency and without this package: as a node that holds no checkout.

    Its site-packages name the tests' ones in a .pth file; an editable install is a .pth file there, and
    Python follows none below another.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    (tested,) = {path for path in sys.path if path.endswith("site-packages") and path.startswith(sys.prefix)}
    (packages / "dependencies.pth").write_text(f"{tested}\n")
    return str(folder / "bin" / "python")


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _environment() -> dict[str, str]:
    """Nothing of the tests' own Ray, S3 server or checkout."""
    own = ("RAY_", "AWS_", "PYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return {**kept, "RAY_USAGE_STATS_ENABLED": "0"}


def _wait_for(
    url: str, access: Mapping[str, str], started: list[subprocess.Popen[bytes]], folder: Path
) -> None:
    import requests

    headers = {"Authorization": f"Bearer {Path(access['RAY_AUTH_TOKEN_PATH']).read_text()}"}
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends:
        _require_alive(started, folder)
        try:
            if requests.get(f"{url}/api/version", headers=headers, timeout=5).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.3)
    raise RuntimeError(f"no dashboard: {_log(folder)}")


def _wait_for_nodes(
    found: RayNodes, nodes: int, started: list[subprocess.Popen[bytes]], folder: Path
) -> None:
    """A cluster shows all its nodes only some seconds after the last one started."""
    import requests

    token = Path(found.environment["RAY_AUTH_TOKEN_PATH"]).read_text()
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends:
        _require_alive(started, folder)
        try:
            answer = requests.get(
                f"{found.jobs}/nodes?view=summary", headers={"Authorization": f"Bearer {token}"}, timeout=10
            )
            alive = [each for each in answer.json()["data"]["summary"] if each["raylet"]["state"] == "ALIVE"]
        except requests.RequestException:  # a loaded machine is no failure
            alive = []
        if len(alive) >= nodes:
            return
        time.sleep(0.5)
    raise RuntimeError(f"no {nodes} nodes: {_log(folder)}")


def _require_alive(started: list[subprocess.Popen[bytes]], folder: Path) -> None:
    if any(process.poll() is not None for process in started):
        raise RuntimeError(f"a node ended: {_log(folder)}")


def _log(folder: Path) -> str:
    return (folder / "nodes.log").read_text(errors="replace")[-3000:]


def _end(started: list[subprocess.Popen[bytes]]) -> None:
    """Ask `ray start` to end its processes, and kill those of them that stay."""
    import ray  # noqa: F401  # brings its own psutil

    import psutil  # isort: skip

    alive = [process for process in started if process.poll() is None]
    families = [psutil.Process(process.pid).children(recursive=True) for process in alive]
    for process in reversed(started):
        process.terminate()
    for process in reversed(started):
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for child in [child for family in families for child in family]:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
