"""Checks of Ray: that it starts here, or that a cluster answers and all its nodes run the same versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipelines.examination.findings import Finding, failure, ok, warning
from pipelines.examination.machine import installed_packages
from pipelines.ray_session import ray_session

NODE_SECONDS = 90.0
"""A node that has not started a process in this time starts no actor either."""

NUMBERS = (
    "torch",
    "torchvision",
    "numpy",
    "opencv-python-headless",
    "imagecodecs",
    "av",
    "pydicom",
    "pyarrow",
)
"""Packages whose versions move numbers: nodes that differ in them give rows that differ."""


def ray_findings(address: str | None) -> Iterator[Finding]:
    """Start or join it, and run one small task on every node."""
    with ray_session(address) as cluster:
        where = "on this machine" if address is None else f"at {address}"
        yield ok("start", f"{where}: {cluster.nodes} nodes, {cluster.cores} cores, {cluster.gpus} GPUs")
        yield from _nodes(address)


def _nodes(address: str | None) -> Iterator[Finding]:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]  # Ray's, untyped
    ask = ray.remote(num_cpus=0)(installed_packages)
    asked = {
        ask.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(): node
        for node in nodes
    }
    done, late = ray.wait(list(asked), num_returns=len(asked), timeout=NODE_SECONDS)
    answers: dict[str, dict[str, str]] = {}
    for reference in done:
        name = asked[reference]["NodeManagerAddress"] + ":" + asked[reference]["NodeID"][:6]
        try:
            answers[name] = ray.get(reference)
        except ray.exceptions.RayError as error:
            yield failure(
                "nodes", f"{name}: {_line(error)}", "install this package there (cluster/Dockerfile)"
            )
    if late:
        yield failure("nodes", f"{len(late)} start no process in {NODE_SECONDS:.0f} s", "see Ray's dashboard")
    if answers:
        yield versions_finding(answers, "this machine" if address is None else "the driver")
    store = min(node["Resources"].get("object_store_memory", 0) for node in nodes) / 1e9
    if store < 0.1:
        yield warning(
            "object store", f"{store:.2f} GB on a node", "ray start --object-store-memory=1000000000"
        )
    else:
        yield ok("object store", f"{store:.1f} GB on each node at least")


def versions_finding(answers: dict[str, dict[str, str]], driver: str) -> Finding:
    """Whether every node has this process's versions of what moves numbers.

    Parameters
    ----------
    answers
        Node -> distribution -> version, "python" among them. What stands after "+" is not compared: builds
        of one version, for cores and for GPUs, work together.
    driver
        What this process is called.
    """
    here = installed_packages()
    other = [
        f"{node} {name} {versions.get(name, 'missing')} ({driver} {here.get(name, 'none')})"
        for node, versions in sorted(answers.items())
        for name in ("python", *NUMBERS)
        if versions.get(name, "").split("+")[0] != here.get(name, "").split("+")[0]
    ]
    if other:
        return failure("versions", "; ".join(other), "one image, or one constraints.txt, for all nodes")
    return ok("versions", f"the same on {len(answers)} nodes")


def _line(error: Any) -> str:  # noqa: ANN401
    return " ".join(str(error).split())[-200:]
