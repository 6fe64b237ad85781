"""The files under cluster/ hold what their readers understand: KubeRay, Kubernetes, a shell, a builder."""

from __future__ import annotations

import copy
import importlib.metadata
import importlib.resources
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from packaging.version import Version
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from pipelines.commands import app
from pipelines.configuration import take_configuration
from pipelines.examination.machine import shared_memory
from pipelines.pools import READ_TASK_CORES, READER_CORES
from pipelines.settings import RunAllSettings
from pipelines.submission.words import read_command

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "cluster"
KUBERNETES = "v1.34.0-local-strict"
SCHEMA = json.loads((ROOT / "tests" / "data" / "kuberay.json").read_text())


def registry() -> Registry[Any]:
    """Our schema of ray.io/v1, and Kubernetes' own definitions with unknown fields refused."""
    schemas = importlib.resources.files("kubernetes_validate") / "kubernetes-json-schema" / KUBERNETES
    pods = json.loads((schemas / "_definitions.json").read_text())
    return Registry().with_resources(
        [
            ("kuberay", Resource(SCHEMA, DRAFT202012)),
            ("https://kubernetes.io/api/_definitions.json", Resource(pods, DRAFT202012)),
        ]
    )


VALIDATORS = {
    kind: Draft202012Validator({"$ref": f"kuberay#/definitions/{kind}"}, registry=registry())
    for kind in ("RayCluster", "RayJob")
}


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((CLUSTER / name).read_text())
    return content


def cluster_of(content: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = content["spec"]
    return spec["rayClusterSpec"] if content["kind"] == "RayJob" else spec


def problems(content: dict[str, Any]) -> list[str]:
    return [error.message for error in VALIDATORS[content["kind"]].iter_errors(content)]


FILES = pytest.mark.parametrize("name", ["raycluster.yaml", "rayjob.yaml"])


@FILES
def test_kuberay_understands_every_field(name: str) -> None:
    assert problems(read(name)) == []


@FILES
@pytest.mark.parametrize(
    ("where", "key", "value"),
    [
        ((), "rayVersoin", "2.60.0"),
        (("headGroupSpec",), "rayStartParam", {}),
        (("headGroupSpec", "rayStartParams"), "num-cpus", 0),
        (("headGroupSpec", "template", "spec"), "containres", []),
        (("headGroupSpec", "template", "spec", "containers", 0), "imagePullPolcy", "Always"),
        (("headGroupSpec", "template", "spec", "containers", 0, "resources"), "limit", {}),
        (("workerGroupSpecs", 0), "replica", 3),
        (("workerGroupSpecs", 1), "maxReplicas", "four"),
        (("workerGroupSpecs", 0, "template", "spec", "volumes", 0), "emptydir", {}),
        (("authOptions",), "mode", "tokens"),
    ],
)
def test_a_slip_is_found(name: str, where: tuple[str | int, ...], key: str, value: object) -> None:
    content = copy.deepcopy(read(name))
    place: Any = cluster_of(content)
    for step in where:
        place = place[step]
    place[key] = value
    assert problems(content)


@FILES
def test_pods_are_not_root_and_have_shared_memory(name: str) -> None:
    cluster = cluster_of(read(name))
    pods = [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]
    assert len(pods) == 3
    for pod in pods:
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == 1000
        assert not container["securityContext"]["allowPrivilegeEscalation"]
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        (memory,) = [each for each in pod["volumes"] if each["name"] == mounts["/dev/shm"]]
        assert memory["emptyDir"]["medium"] == "Memory"
        size, limit = (
            int(text.removesuffix("Gi")) << 30
            for text in (memory["emptyDir"]["sizeLimit"], container["resources"]["limits"]["memory"])
        )
        # a volume in memory never gets more than its container
        assert shared_memory(min(size, limit), limit).state == "ok"
        assert pod["terminationGracePeriodSeconds"] > 60
        assert "/cache" in mounts
    assert cluster["authOptions"]["mode"] == "token"


@FILES
def test_cores_come_and_go_beside_a_fixed_group_of_gpus(name: str) -> None:
    cluster = cluster_of(read(name))
    assert cluster["enableInTreeAutoscaling"]
    assert cluster["autoscalerOptions"]["version"] == "v2"
    cores, gpus = cluster["workerGroupSpecs"]
    assert cores["minReplicas"] <= cores["replicas"] < cores["maxReplicas"]
    assert gpus["minReplicas"] == gpus["replicas"] == gpus["maxReplicas"]
    for group in (cluster["headGroupSpec"], cores, gpus):  # version 2 replaces pods itself
        assert group["template"]["spec"]["restartPolicy"] == "Never"


def test_the_readers_of_the_rayjob_find_a_place_on_the_largest_cluster() -> None:
    """And Ray's own read task beside them."""
    content = read("rayjob.yaml")
    words = shlex.split(content["spec"]["entrypoint"])
    most = int(words[words.index("--max-readers") + 1])
    cores = sum(
        group["maxReplicas"] * int(group["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"])
        for group in cluster_of(content)["workerGroupSpecs"]
    )
    assert cores - 5 <= most <= cores - 1
    assert READER_CORES * most + READ_TASK_CORES <= cores


@FILES
def test_secrets_are_named_and_never_written(name: str) -> None:
    text = (CLUSTER / name).read_text()
    assert not re.search(r"^[^#]*(AKIA|aws_secret|secret_access|auth_token:|password)", text, re.I | re.M)
    cluster = cluster_of(read(name))
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        (container,) = group["template"]["spec"]["containers"]
        assert container["envFrom"] == [{"secretRef": {"name": "echoprime-s3"}}]
        assert [variable["name"] for variable in container["env"]] == ["AWS_REGION"]


@pytest.mark.parametrize("memory", [8, 16, 32, 64, 256])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 10, 24])
def test_shared_memory_that_is_enough_is_what_ray_uses(
    size: int,
    memory: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """By Ray's own two functions, which decide it when a node starts."""
    import ray._common.utils
    from ray._private import services, utils

    monkeypatch.setattr(utils, "get_shared_memory_bytes", lambda: size << 30)
    monkeypatch.setattr(ray._common.utils, "get_system_memory", lambda: memory << 30)
    wanted = utils.resolve_object_store_memory(memory << 30)
    place, *_ = services.determine_plasma_store_config(wanted, str(tmp_path))
    assert (place == "/dev/shm") == (shared_memory(size << 30, memory << 30).state == "ok")


@FILES
def test_versions_are_the_tested_ones(name: str) -> None:
    assert cluster_of(read(name))["rayVersion"] == importlib.metadata.version("ray")
    images = re.findall(r"image: \S+echoprime:([0-9.]+)-(?:cpu|cuda)", (CLUSTER / name).read_text())
    assert images == [importlib.metadata.version("echoprime-pipeline")] * 3


def test_the_rayjob_runs_a_command_that_this_version_understands() -> None:
    """Read by the command line itself; it joins the cluster that it runs on."""
    spec = read("rayjob.yaml")["spec"]
    program, *words = shlex.split(spec["entrypoint"])
    assert program == "echoprime"
    assert words[-2:] == ["--ray-address", "auto"]
    sent = read_command(words[:-2])
    assert isinstance(sent.options[0], RunAllSettings)
    assert yaml.safe_load(spec["runtimeEnvYAML"])["env_vars"]["RAY_JOB_STOP_SIGNAL"] == "SIGINT"


def test_both_descriptions_make_the_same_cluster() -> None:
    assert cluster_of(read("raycluster.yaml")) == cluster_of(read("rayjob.yaml"))


def lint(*words: str) -> str:
    answer = subprocess.run(
        [str(Path(sys.executable).parent / words[0]), *words[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout + answer.stderr


def test_hadolint_has_nothing_to_say(tmp_path: Path) -> None:
    assert lint("hadolint", "cluster/Dockerfile") == ""
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM python\nRUN cd /x\n")
    assert "DL3006" in lint("hadolint", str(wrong))


def test_torch_from_another_index_comes_alone() -> None:
    """What it needs is pinned to versions that such an index may lack."""
    text = (CLUSTER / "Dockerfile").read_text().replace("\\\n", " ")
    (step,) = [line for line in text.splitlines() if "--index-url" in line]
    assert "--no-deps" in step


def test_every_step_of_slurm_says_its_cores() -> None:
    text = (CLUSTER / "slurm.sh").read_text().replace("\\\n", " ")
    (step,) = [line for line in text.splitlines() if line.strip().startswith("srun ")]
    assert '--cpus-per-task="$cores"' in step


def test_the_sample_settings_are_ones_that_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With every setting that is a comment there switched on."""
    text = (ROOT / "echoprime.toml").read_text()
    file = tmp_path / "echoprime.toml"
    file.write_text(re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE))
    words, configuration = take_configuration(["run", "--config", str(file)])
    monkeypatch.setattr(app, "config", configuration)
    _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    settings = bound.arguments["settings"]
    assert settings.candidates == "candidates/"
    assert re.fullmatch(r"[\w.]+:6379", settings.ray_address)


def test_shellcheck_has_nothing_to_say(tmp_path: Path) -> None:
    assert lint("shellcheck", "cluster/slurm.sh") == ""
    wrong = tmp_path / "job.sh"
    wrong.write_text("#!/bin/bash\nrm $1/*\n")
    assert "SC2086" in lint("shellcheck", str(wrong))


def test_the_image_has_everything_that_the_wheel_is_made_of() -> None:
    """What the builder copies is what is packaged; the base is pinned, and nobody is root at the end."""
    text = (CLUSTER / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE))
    assert {"assets", "echoprime", "operators", "pipelines", "constraints.txt"} <= {
        word for line in copied for word in line.split()
    }
    allowed = re.findall(r"^!(\S+)$", (CLUSTER / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    for name in allowed:
        assert (ROOT / name).exists()
    (base,) = re.findall(r"^ARG PYTHON=(\S+)$", text, re.MULTILINE)
    assert Version(base.split("-")[0]).release[:2] in {(3, 11), (3, 12), (3, 13)}
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["1000"]


@pytest.mark.parametrize(
    "name", ["Dockerfile", "launcher-aws.yaml", "raycluster.yaml", "rayjob.yaml", "slurm.sh"]
)
def test_each_file_says_what_it_was_not_run_on(name: str) -> None:
    head = "\n".join((CLUSTER / name).read_text().splitlines()[:25])
    assert "# Checked: " in head
    assert "# Not run: " in head
