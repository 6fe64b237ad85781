"""Checks of this machine: Python, packages, cores, memory, disk, GPU, and that the decoders decode."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pipelines.examination.findings import Finding, failure, ok, warning
from pipelines.submission.checks import NodePackages
from pipelines.submission.package import DISTRIBUTION

LEAST_MEMORY = 2.0
"""GB a core: an encoder with its weights and one clip's passes takes 1.5, readers and Ray the rest."""

STORE_SHARE, STORE_BYTES = 0.3, 10e9
"""Of the memory, or bytes if that is less: what Ray's object store wants of /dev/shm, or goes to disk."""

LEAST_DISK = 5.0
"""GB: the official bundle's copy on a node takes 3, Ray's logs and spilled objects the rest."""

INSTALL = "make install (pip install -c constraints.txt)"


def machine_findings() -> Iterator[Finding]:
    """Everything about this machine that a job depends on."""
    yield from _python()
    yield _cores()
    yield _memory()
    yield shared_memory(_shared_bytes(), memory_bytes())
    yield from _disks()
    yield _gpu()
    yield _bf16()
    yield from _decoders()


def installed_packages() -> dict[str, str]:
    """Distribution -> version of this Python, names in lower case; "python" among them."""
    found = {"python": platform.python_version()}
    for each in importlib.metadata.distributions():
        name = each.metadata["Name"]
        if name:
            found.setdefault(name.lower().replace("_", "-"), each.version)
    return found


def _python() -> Iterator[Finding]:
    yield (
        ok("system", f"{platform.system()} {platform.release()}, {platform.machine()}")
        if (sys.platform == "linux")
        else warning("system", platform.platform(), "Linux is what it is tested on")
    )
    packages = NodePackages(installed_packages())
    wrong = packages.wrong()
    yield (
        failure("packages", ", ".join(wrong), INSTALL)
        if wrong
        else ok(
            "packages",
            f"Python {platform.python_version()}, echoprime {importlib.metadata.version(DISTRIBUTION)}, "
            + ", ".join(f"{name} {packages.versions[name]}" for name in ("ray", "torch", "deltalake")),
        )
    )
    yield _constraints(packages.versions)


def _constraints(versions: dict[str, str]) -> Finding:
    """Against what was tested together; numbers hold for these versions."""
    file = Path(__file__).parents[2] / "constraints.txt"
    if not file.is_file():
        return ok("tested versions", "constraints.txt is not here (no checkout); not compared")
    pinned = dict(line.split("==") for line in file.read_text().split() if "==" in line)
    other = {
        name: f"{name} {versions[key]} (tested {version})"
        for name, version in pinned.items()
        if (key := name.lower().replace("_", "-")) in versions and versions[key].split("+")[0] != version
    }
    if other:
        return warning("tested versions", ", ".join(other.values()), INSTALL)
    return ok(
        "tested versions", f"all {len(pinned)} of constraints.txt that are installed are the tested ones"
    )


def _cores() -> Finding:
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        return warning("cores", "1: reading and encoding take turns", "use a machine with more cores")
    return ok("cores", f"{cores}")


def _memory() -> Finding:
    cores = len(os.sched_getaffinity(0))
    total = memory_bytes() / 1e9
    if total < LEAST_MEMORY * cores:
        return warning(
            "memory",
            f"{total:.1f} GB for {cores} cores",
            f"--encoders {max(1, int(total / LEAST_MEMORY))} keeps to {LEAST_MEMORY:.0f} GB an encoder",
        )
    return ok("memory", f"{total:.1f} GB")


def memory_bytes() -> int:
    """Of the machine, or of the control group (container, Slurm) where that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(name).read_text()))
        except (OSError, ValueError):
            continue
    return total


def _shared_bytes() -> int:
    try:
        return shutil.disk_usage("/dev/shm").free  # nosec B108  # Ray's place
    except OSError:
        return 0


def shared_memory(free: int, memory: int) -> Finding:
    """Whether Ray's object store, which holds the clips under way, finds room in /dev/shm.

    Parameters
    ----------
    free, memory
        Bytes: free in /dev/shm, and the machine's.

    Examples
    --------
    >>> shared_memory(4 << 30, 8 << 30).state, shared_memory(4 << 30, 64 << 30).state
    ('ok', 'warning')
    """
    wanted = min(STORE_SHARE * memory, STORE_BYTES)
    if free >= wanted:
        return ok("/dev/shm", f"{free / 1e9:.1f} GB free")  # nosec B108  # its name
    return warning(
        "/dev/shm",  # nosec B108  # its name
        f"{free / 1e9:.2f} GB free, wanted {wanted / 1e9:.1f}: Ray's object store goes to disk",
        f"docker run --shm-size={math.ceil(wanted / 1e9)}g, "
        "or a Memory volume on /dev/shm as in cluster/raycluster.yaml",
    )


def _disks() -> Iterator[Finding]:
    from echoprime.bundle.cache import cache_directory
    from echoprime.storage import Location, free_bytes

    temporary = os.environ.get("RAY_TMPDIR") or "/tmp"  # nosec B108  # Ray's place
    for what, place, cure in (
        ("Ray's disk", temporary, "make room, or set RAY_TMPDIR"),
        ("bundle cache", str(cache_directory("x").parent), "make room, or set ECHOPRIME_CACHE"),
    ):
        free = (free_bytes(Location.parse(place)) or 0) / 1e9
        if free < LEAST_DISK:
            yield warning(what, f"{free:.1f} GB free in {place}", cure)
        else:
            yield ok(what, f"{free:.0f} GB free in {place}")


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        return ok("GPU", f"{', '.join(names)}; CUDA {torch.version.cuda}")
    if Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi"):
        return failure(
            "GPU",
            f"a driver is there, and torch {torch.__version__} sees no GPU",
            f"a driver for CUDA {torch.version.cuda}, or the container toolkit (docker run --gpus all)",
        )
    return ok("GPU", "none: jobs run on cores")


def _bf16() -> Finding:
    """Whether `--precision bf16` works here; float32 always does."""
    from echoprime.networks.arithmetic import CPU_FEATURES, cpu_features

    found = [name for name, there in cpu_features().items() if there]
    if found:
        return ok("bf16", f"{', '.join(found)}: --precision bf16 works on these cores")
    return ok("bf16", f"this CPU has none of {', '.join(CPU_FEATURES)}: --precision float32 on cores")


def _decoders() -> Iterator[Finding]:
    """Each library does a little of what it is here for."""
    import numpy as np

    try:
        import cv2

        half = cv2.resize(np.full((8, 8), 7, np.uint8), (4, 4), interpolation=cv2.INTER_CUBIC)
        yield (
            ok("OpenCV", cv2.__version__)
            if (half == 7).all()
            else failure("OpenCV", "scales wrongly", INSTALL)
        )
    except ImportError as error:
        yield failure("OpenCV", str(error), INSTALL)
    try:
        import av

        missing = [name for name in ("h264", "mpeg4", "mjpeg") if name not in av.codecs_available]
        codecs = ".".join(map(str, av.library_versions["libavcodec"]))
        found = f"av {av.__version__}, FFmpeg's libavcodec {codecs}"
        yield (
            failure("FFmpeg", f"{found} lacks {', '.join(missing)}", INSTALL)
            if missing
            else ok("FFmpeg", found)
        )
    except ImportError as error:
        yield failure("FFmpeg", str(error), INSTALL)
    try:
        import imagecodecs

        grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
        same = (imagecodecs.jpegls_decode(imagecodecs.jpegls_encode(grey)) == grey).all()
        yield (
            ok("imagecodecs", imagecodecs.__version__)
            if same
            else failure("imagecodecs", "decodes wrongly", INSTALL)
        )
    except (ImportError, AttributeError) as error:
        yield failure("imagecodecs", str(error), INSTALL)
