"""What the README says of the code is what the code says."""

from __future__ import annotations

import re
import tomllib

from echoprime.errors import Reason
from echoprime.tables.schema import ENCODINGS, MANIFEST
from tests.file_tree import ROOT, file_tree, readme_parts


def test_file_tree() -> None:
    assert readme_parts()[1] == file_tree(), "write it again: .venv/bin/python -m tests.file_tree"


def test_every_reason_is_documented() -> None:
    outcomes = (ROOT / "README.md").read_text().split("## Outcomes")[1].split("\n## ")[0]
    assert set(re.findall(r"[a-z_]+", outcomes)) >= {str(reason) for reason in Reason}


def test_every_column_is_documented() -> None:
    tables = (ROOT / "README.md").read_text().split("## Tables")[1].split("\n## ")[0]
    assert set(re.findall(r"\w+", tables)) >= {*ENCODINGS.names, *MANIFEST.names}


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "README.md").read_text().split("## Dependencies")[1].split("\n## ")[0]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        name = re.match(r"[A-Za-z0-9-]+", requirement)
        assert name is not None
        assert f"| {name[0]} |" in reasons


def test_layout() -> None:
    top = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    top -= {"demo", "dist", "build", "__pycache__"}
    assert top == {"pipelines", "operators", "echoprime", "assets", "cluster", "tests", "benchmarks"}
