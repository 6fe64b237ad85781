"""A way to an S3 server on which requests fail: slowed down, refused, cut, bent, or late.

with FaultProxy(server.endpoint) as proxy, proxy.injecting(Fault("corrupt", share=0.3)):
    ...  # AWS_ENDPOINT_URL is proxy.endpoint
print(proxy.counts)
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults.fault import Fault
from tests.faults.serving import serve


class FaultProxy:
    """Stands before one server; a context manager.

    It is a process of its own: deltalake holds the interpreter's lock while it waits for an answer.

    Parameters
    ----------
    upstream
        The server's URL, http.
    certificate
        PEM file of a key and a certificate for localhost: it is spoken to by https then.

    Attributes
    ----------
    endpoint
        Its URL.
    counts
        Of the last fault: requests that matched by method, and those that were hit by "method mode".
    """

    def __init__(self, upstream: str, certificate: Path | None = None) -> None:
        at = urlsplit(upstream)
        context = multiprocessing.get_context("spawn")
        self._control, other = context.Pipe()
        self._process = context.Process(
            target=serve,
            args=(at.hostname, at.port or 80, other, certificate),
            name="fault-proxy",
            daemon=True,
        )
        self._name = "http://127.0.0.1" if certificate is None else "https://localhost"
        self.endpoint = ""
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> FaultProxy:
        self._process.start()
        self.endpoint = f"{self._name}:{self._answer()}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._control.close()

    @contextmanager
    def injecting(self, fault: Fault) -> Iterator[None]:
        """Let a fault befall requests for the length of a `with`; counts begin anew."""
        self.inject(fault)
        try:
            yield
        finally:
            self.counts = self.inject(None)

    def inject(self, fault: Fault | None) -> Counter[str]:
        """Let a fault befall requests from now on, or none; returns the counts of the last one."""
        self._control.send(fault)
        return self._answer()

    def _answer(self):
        if not self._control.poll(30):
            raise RuntimeError("the fault proxy does not answer")
        return self._control.recv()
