"""What the processes of a run show to others on the machine: command lines and listening sockets."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

LISTENING = "0A"
LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})


@dataclass
class Watched:
    """What was seen of a process and its children while it ran.

    Attributes
    ----------
    command_lines
        Of all of them.
    sockets
        (address, process name) of everything that listened.
    code, output
        Exit code; standard output and error together.
    """

    command_lines: set[str] = field(default_factory=set)
    sockets: set[tuple[str, str]] = field(default_factory=set)
    code: int | None = None
    output: str = ""

    @property
    def not_loopback(self) -> set[tuple[str, str]]:
        return {(address, name) for address, name in self.sockets if address not in LOOPBACK}


def watch(command: list[str], environment: dict[str, str], folder: Path, seconds: float = 300) -> Watched:
    """Run a command and look at its process tree ten times a second."""
    seen = Watched()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )

    def look() -> None:
        while process.poll() is None:
            pids = list(descendants(process.pid))
            seen.command_lines.update(filter(None, map(command_line, pids)))
            seen.sockets.update(listening(pids))
            time.sleep(0.1)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        seen.output, _ = process.communicate(timeout=seconds)
    finally:
        process.kill()
        watcher.join()
    seen.code = process.returncode
    return seen


def descendants(pid: int) -> Iterator[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    todo = [pid]
    while todo:
        current = todo.pop()
        yield current
        todo += children.get(current, [])


def listening(pids: list[int]) -> Iterator[tuple[str, str]]:
    """(address, process name) of every TCP socket on which one of the processes listens."""
    owner: dict[str, int] = {}
    for pid in pids:
        try:
            links = [os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir()]  # noqa: PTH115  # no paths
        except OSError:
            continue
        owner |= {found[1]: pid for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in owner:
                yield (
                    _address(family, fields[1]),
                    Path(command_line(owner[fields[9]]).partition(" ")[0]).name,
                )


def _address(family: int, field: str) -> str:
    """The kernel writes each 32 bits of an address in the machine's order."""
    raw = bytes.fromhex(field.partition(":")[0])
    return socket.inet_ntop(family, b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4)))


def command_line(pid: int) -> str:
    """A process's words, or the title that it gave itself; "" where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
