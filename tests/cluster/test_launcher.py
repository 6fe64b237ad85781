"""The launcher file for AWS is one that Ray's own launcher takes, checked offline; and it holds no key."""

from __future__ import annotations

import copy
import importlib.metadata
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

FILE = Path(__file__).parents[2] / "cluster" / "launcher-aws.yaml"


def description() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return content


def prepared(content: dict[str, Any]) -> dict[str, Any]:
    """As the launcher does it, up to the first call to AWS."""
    config: dict[str, Any] = prepare_config(copy.deepcopy(content))
    validate_config(config)
    return config


def test_the_launcher_takes_it() -> None:
    config = prepared(description())
    # Ray's own defaults did not slip in where the file is silent
    for commands in ("setup_commands", "head_setup_commands", "worker_setup_commands"):
        assert config[commands] == []
    assert set(config["available_node_types"]) == {"head", "gpus", "cores"}
    assert config["available_node_types"]["head"]["max_workers"] == 0


@pytest.mark.parametrize(
    ("where", "key", "value"),
    [
        ((), "max_worker", 3),
        ((), "head_node_type", "heads"),
        (("provider",), "type", 7),
        (("available_node_types", "cores"), "min_worker", 1),
        (("available_node_types", "cores"), "max_workers", "eight"),
        (("available_node_types", "gpus", "resources"), "GPU", "one"),
        (("docker",), "pull_before_runs", True),
    ],
)
def test_a_slip_is_found(where: tuple[str, ...], key: str, value: object) -> None:
    content = description()
    place: Any = content
    for step in where:
        place = place[step]
    place[key] = value
    with pytest.raises(Exception, match=r".+"):
        prepared(content)


def test_gpus_are_fixed_and_cores_come_and_go() -> None:
    content = description()
    kinds = content["available_node_types"]
    assert kinds["head"]["resources"] == {"CPU": 0}
    assert kinds["gpus"]["min_workers"] == kinds["gpus"]["max_workers"]
    assert kinds["cores"]["min_workers"] < kinds["cores"]["max_workers"]
    assert content["max_workers"] == kinds["gpus"]["max_workers"] + kinds["cores"]["max_workers"]
    most = sum(kind.get("max_workers", 0) * kind["resources"]["CPU"] for kind in kinds.values())
    (said,) = re.findall(r"--max-readers (\d+)", FILE.read_text())
    assert 0.9 * int(said) + 1 <= most  # all of them find a place


def test_who_speaks_to_the_cluster_has_its_token_and_nobody_else() -> None:
    content = description()
    options = " ".join(content["docker"]["run_options"])
    assert "RAY_AUTH_MODE=token" in options
    (mounted,) = content["file_mounts"]
    assert f"RAY_AUTH_TOKEN_PATH={mounted}" in options
    head = " ".join(content["head_start_ray_commands"])
    assert "--dashboard-host=127.0.0.1" in head
    assert "--num-cpus=0" in head
    for kind in content["available_node_types"].values():
        assert kind["node_config"]["MetadataOptions"]["HttpTokens"] == "required"


def test_it_holds_no_secret() -> None:
    text = FILE.read_text()
    assert not re.search(r"AKIA|aws_secret|AWS_SECRET|SESSION_TOKEN|-----BEGIN", text, re.IGNORECASE)


def test_versions_are_this_one() -> None:
    images = re.findall(r"echoprime:([0-9.]+)-", FILE.read_text())
    assert set(images) == {importlib.metadata.version("echoprime-pipeline")}
