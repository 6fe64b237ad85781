"""A real DICOMweb server for tests: Debian's Orthanc with its DICOMweb plugin, on a free port of loopback."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.server_process import ServerProcess

PACKAGES = ("orthanc", "orthanc-dicomweb")
"""Debian's and Ubuntu's names of what is needed."""

USER, PASSWORD = "reader", "a-password-of-tests"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def missing_packages() -> list[str]:
    """Packages that `apt-get install` must bring before a server can be started."""
    found = (_program() is not None, PLUGIN.exists())
    return [name for name, there in zip(PACKAGES, found, strict=True) if not there]


def how_to_install() -> str:
    """What is missing, in a line; "" if nothing is."""
    missing = missing_packages()
    if not missing:
        return ""
    return f"no DICOMweb server here; as root: apt-get install --no-install-recommends {' '.join(missing)}"


class DicomwebServer:
    """One server; see `running`.

    Attributes
    ----------
    address
        Its archive, as the command line takes it.
    user, password
        Who may ask it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free_port()
        self.user, self.password = USER, PASSWORD
        self.address = f"dicomweb+http://127.0.0.1:{self.port}/dicom-web"
        self._process = ServerProcess("the DICOMweb server", folder / "orthanc.log")

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "index"),
            "Plugins": [str(PLUGIN)],
            "HttpPort": self.port,
            "HttpBindAddresses": ["127.0.0.1"],
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {self.user: self.password},
            "DicomServerEnabled": False,
            # the same object twice is kept as it is sent last: an archive's objects can be replaced
            "OverwriteInstances": True,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        (self.folder / "orthanc.json").write_text(json.dumps(settings))
        command = [str(_program()), str(self.folder / "orthanc.json")]
        self._process.start(command, lambda: self._ask("/dicom-web/studies?limit=1"), wait=0.1)

    def stop(self) -> None:
        """Kill it and wait for its pid."""
        self._process.stop()

    def environment(self) -> dict[str, str]:
        """Variables that let this software in."""
        return {"ECHOPRIME_DICOMWEB_USER": self.user, "ECHOPRIME_DICOMWEB_PASSWORD": self.password}

    def put(self, data: bytes) -> str:
        """Store one DICOM object as it is; returns what `remove` takes."""
        stored: str = self._ask("/instances", data)["ID"]
        return stored

    def remove(self, stored: str) -> None:
        """Remove an object again."""
        self._ask(f"/instances/{stored}", method="DELETE")

    def _ask(self, path: str, data: bytes | None = None, method: str | None = None) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method)
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {pair}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")


@contextmanager
def running(folder: Path) -> Iterator[DicomwebServer]:
    """A server with its data in `folder`, for the length of a `with`."""
    if words := how_to_install():
        raise RuntimeError(words)
    server = DicomwebServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _program() -> str | None:
    # Debian puts it where only root's PATH looks
    return shutil.which("Orthanc", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(how_to_install() or None)
