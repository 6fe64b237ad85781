"""The real DICOM files that pydicom, pydicom-data and deid-data bring along, and what each of them ends in.

.venv/bin/python -m tests.real_files > tests/data/real_files.tsv     # after a change that is meant
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import data_store
import deid_data
import pydicom

from echoprime.reading import read_file

FOLDERS = {
    "pydicom": Path(pydicom.__path__[0]) / "data",
    "pydicom-data": Path(data_store.__path__[0]) / "data",
    "deid-data": Path(deid_data.__path__[0]) / "data",
}
_PROGRAMS = {".py", ".pyc"}


def real_files() -> Iterator[tuple[str, bytes]]:
    """Name and content of every file, those in zip files too, sorted by name."""
    for package, folder in FOLDERS.items():
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = f"{package}/{path.relative_to(folder).as_posix()}"
            if path.suffix == ".zip":
                with zipfile.ZipFile(path) as members:
                    for member in sorted(each for each in members.namelist() if not each.endswith("/")):
                        yield f"{name}/{member}", members.read(member)
            elif path.suffix not in _PROGRAMS:
                yield name, path.read_bytes()


def ends() -> dict[str, str]:
    """What each file ends in: `clip` or its reason, with the kind and regions that it says."""
    found = {}
    for name, data in real_files():
        reading = read_file(data)
        end = str(reading.error.reason) if reading.error else "clip"
        found[name] = "\t".join((end, reading.facts.kind or "", " ".join(reading.facts.regions)))
    return found


if __name__ == "__main__":
    for name, end in ends().items():
        print(name, end, sep="\t")  # noqa: T201
