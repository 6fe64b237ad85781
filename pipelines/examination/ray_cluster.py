"""Checks of Ray: that it starts here or a cluster answers, and what each of its nodes is, has and does."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from echoprime.archive import Entry
from echoprime.bundle import Bundle
from echoprime.errors import SettingError
from echoprime.storage import Location
from pipelines.examination.asking_nodes import Answers, on_each_node
from pipelines.examination.findings import Finding, failure, ok, warning
from pipelines.examination.machine import installed_packages
from pipelines.examination.node_job import (
    NodeEncoding,
    NodeReading,
    NodeTime,
    encode_on_node,
    look_at_node,
    read_on_node,
)
from pipelines.examination.room import NodeSize, memory_finding, store_finding
from pipelines.pools import encode_pools
from pipelines.ray_session import ClusterSize, ray_session
from pipelines.settings import EncoderPools
from pipelines.submission.package import DISTRIBUTION

NODE_SECONDS = 90.0
"""A node that has not started a process in this time starts no actor either."""

JOB_SECONDS = 600.0
"""That the small jobs may take, on all nodes at once: a bundle is copied to each of them first."""

CLOCK_SECONDS = 60.0
"""Clocks of one cluster differ by less than one where they are set; a minute makes heartbeats wrong."""

GPU_SHARE = 0.25
"""What the small job asks of a GPU: a job that runs may leave that much."""

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

SAME = ("python", DISTRIBUTION, "ray", *NUMBERS)
"""What must be the same on all nodes."""


@dataclass(frozen=True, kw_only=True)
class SmallJob:
    """What is tried on each node.

    Attributes
    ----------
    pools
        Of the job that memory is compared with; `pools.device` is where the sample is computed.
    bundle
        With weights; None: nothing is encoded.
    archive, entries
        Objects that each node reads; without an archive a drawn loop.
    """

    pools: EncoderPools
    bundle: Bundle | None = None
    archive: Location | None = None
    entries: tuple[Entry, ...] = ()


def ray_findings(address: str | None, job: SmallJob | None = None) -> Iterator[Finding]:
    """Start or join it, and do a small job on every node."""
    with ray_session(address) as cluster:
        where = "on this machine" if address is None else f"at {address}"
        yield ok("start", f"{where}: {cluster.nodes} nodes, {cluster.cores} cores, {cluster.gpus} GPUs")
        yield from _nodes("this machine" if address is None else "the driver", cluster, job)


def _nodes(driver: str, cluster: ClusterSize, job: SmallJob | None) -> Iterator[Finding]:
    import ray

    nodes = {
        f"{node['NodeManagerAddress']}:{node['NodeID'][-6:]}": node
        for node in ray.nodes()  # type: ignore[no-untyped-call]  # Ray's, untyped
        if node["Alive"]
    }
    answers = on_each_node(nodes, installed_packages, seconds=NODE_SECONDS)
    for name, said in answers.problems.items():
        yield failure("nodes", f"{name}: {said}", "install this package there (cluster/Dockerfile)")
    if answers.late:
        late = f"{len(answers.late)} start no process in {NODE_SECONDS:.0f} s"
        yield failure("nodes", late, "see Ray's dashboard")
    if not answers.results:
        return
    there = {name: nodes[name] for name in answers.results}
    yield versions_finding(answers.results, driver)
    asked = time.time()
    looks: dict[str, NodeTime] = on_each_node(there, look_at_node, seconds=NODE_SECONDS).results
    yield clocks_finding({name: look.clock for name, look in looks.items()}, asked, time.time())
    if job is not None:
        yield from _small_job({name: there[name] for name in looks}, looks, cluster, job)


def _small_job(
    nodes: Mapping[str, Any], looks: Mapping[str, NodeTime], cluster: ClusterSize, job: SmallJob
) -> Iterator[Finding]:
    try:
        pools = encode_pools(job.pools, cluster)
    except SettingError as error:
        yield failure("actors", str(error))
        return
    if not job.entries and job.archive is not None:
        return  # an archive without anything to read has its own finding
    readings: dict[str, NodeReading] = {}
    found = on_each_node(nodes, read_on_node, job.archive, job.entries, seconds=JOB_SECONDS)
    for name in nodes:
        yield _reading_finding(name, found)
    readings = found.results
    encodings: dict[str, NodeEncoding] = {}
    if job.bundle is not None and job.bundle.encodes:
        # a node without a GPU encodes nothing where GPUs do
        able = {name: node for name, node in nodes.items() if pools.device != "cuda" or _has(node, "GPU")}
        gpus = GPU_SHARE if pools.device == "cuda" else 0.0
        computed = on_each_node(
            able, encode_on_node, job.bundle, pools.device, seconds=JOB_SECONDS, gpus=gpus
        )
        for name in able:
            yield _encoding_finding(name, computed)
        encodings = computed.results
    sizes = {
        name: NodeSize(
            memory=looks[name].memory,
            store=_has(node, "object_store_memory"),
            cores=_has(node, "CPU"),
            gpus=_has(node, "GPU"),
            reader=readings[name].memory if name in readings else None,
            network=encodings[name].memory if name in encodings else (0 if job.bundle is None else None),
        )
        for name, node in nodes.items()
    }
    if job.bundle is not None:
        yield memory_finding(sizes, pools)
    yield store_finding(sizes, pools)


def _reading_finding(name: str, found: Answers) -> Finding:
    if name not in found.results:
        return _no_answer("reading there", name, found, "that every node may read the archive")
    reading: NodeReading = found.results[name]
    said = f"{name}: {reading.clips} of {reading.of} clips in {reading.seconds:.1f} s, "
    said += f"{reading.memory / 1e9:.1f} GB"
    if reading.problems:
        problems = "; ".join(sorted(set(reading.problems)))
        if len(reading.problems) == reading.of:
            return failure("reading there", f"{said}; {problems}", "see that every node may read the archive")
        return warning("reading there", f"{said}; {problems}")
    return ok("reading there", said)


def _encoding_finding(name: str, found: Answers) -> Finding:
    if name not in found.results:
        return _no_answer("encoding there", name, found, "that every node may read the bundle")
    encoding: NodeEncoding = found.results[name]
    return ok(
        "encoding there",
        f"{name}: the sample in {encoding.seconds:.2f} s on {encoding.device} after "
        f"{encoding.load_seconds:.1f} s of loading, off by {encoding.difference:.0e} of "
        f"{encoding.tolerance:.0e}, {encoding.memory / 1e9:.1f} GB",
    )


def _no_answer(what: str, name: str, found: Answers, cure: str) -> Finding:
    if name in found.late:
        return failure(
            what, f"{name}: nothing in {JOB_SECONDS:.0f} s", "see Ray's dashboard, or another job there"
        )
    return failure(what, f"{name}: {found.problems[name]}", f"see {cure}")


def _has(node: Mapping[str, Any], resource: str) -> float:
    return float(node["Resources"].get(resource, 0.0))


def versions_finding(answers: dict[str, dict[str, str]], driver: str) -> Finding:
    """Whether every node has this process's versions of Python, Ray, this package and what moves numbers.

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
        for name in SAME
        if versions.get(name, "").split("+")[0] != here.get(name, "").split("+")[0]
    ]
    if other:
        return failure("versions", "; ".join(other), "one image, or one constraints.txt, for all nodes")
    return ok("versions", f"the same on {len(answers)} nodes")


def clocks_finding(clocks: Mapping[str, float], asked: float, answered: float) -> Finding:
    """Whether the nodes' clocks agree with this one.

    Parameters
    ----------
    clocks
        Node -> seconds since 1970 when it was asked.
    asked, answered
        The same here, before and after all were asked: a clock between them may be right.

    Examples
    --------
    >>> clocks_finding({"a": 12.0, "b": 500.0}, 10.0, 14.0).found
    'b +486 s'
    """
    off = {
        name: clock - (asked if clock < asked else answered)
        for name, clock in clocks.items()
        if not asked <= clock <= answered
    }
    far = {name: seconds for name, seconds in off.items() if abs(seconds) > CLOCK_SECONDS}
    if far:
        said = ", ".join(f"{name} {seconds:+.0f} s" for name, seconds in sorted(far.items()))
        return failure("clocks", said, "set the nodes' clocks (NTP)")
    most = max(map(abs, off.values()), default=0.0)
    return ok("clocks", f"within {most + answered - asked:.0f} s of this one on {len(clocks)} nodes")
