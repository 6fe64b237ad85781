"""A real Prometheus (Debian's package) that reads the metrics of a Ray cluster on this machine."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.cluster.ray_nodes import free_ports

READY_SECONDS = 90.0
SCRAPE_SECONDS = 2


@dataclass(frozen=True)
class Prometheus:
    """One that runs.

    Attributes
    ----------
    url
        Of its API.
    """

    url: str

    def ask(self, path: str, **words: Any) -> Any:
        """What an endpoint of its API answers."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=words, timeout=30).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def evaluate(self, query: str, start: float, end: float) -> list[dict[str, Any]]:
        """Series of a query between two moments that have a number in them."""
        found = self.ask("query_range", query=query, start=start, end=end, step=SCRAPE_SECONDS)
        return [
            series
            for series in found["result"]
            if any(math.isfinite(float(value)) for _, value in series["values"])
        ]


@contextmanager
def prometheus(folder: Path, targets: Path) -> Iterator[Prometheus]:
    """Scrape what Ray's service discovery file names, for the length of a `with`.

    Parameters
    ----------
    folder
        For its data.
    targets
        The file.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise RuntimeError("no prometheus; as root: apt-get install prometheus (Debian's)")
    (port,) = free_ports(1)
    settings = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s"},
        # as Ray's own settings for Prometheus have it
        "scrape_configs": [{"job_name": "ray", "file_sd_configs": [{"files": [str(targets)]}]}],
    }
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(settings))
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        found = Prometheus(f"http://127.0.0.1:{port}")
        try:
            _wait(found, process, folder)
            yield found
        finally:
            process.kill()
            process.wait()


def _wait(found: Prometheus, process: subprocess.Popen[bytes], folder: Path) -> None:
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            if requests.get(f"{found.url}/-/ready", timeout=5).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.3)
    raise RuntimeError((folder / "prometheus.log").read_text()[-2000:])


def targets_of(file: Path) -> list[str]:
    """HOST:PORT of everything in a service discovery file."""
    return [target for group in json.loads(file.read_text()) for target in group["targets"]]
