"""A way to a server that can be cut: its connections end at once, and none is taken for a while."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class BreakingProxy:
    """Hands bytes on between clients and one server; a context manager.

    Attributes
    ----------
    port
        Where it listens, on 127.0.0.1.
    cuts
        How often it was cut with a connection open.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cuts = 0
        self._open: set[socket.socket] = set()
        self._closed_until = 0.0
        self._lock = threading.Lock()

    def __enter__(self) -> BreakingProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut(1e9)
        self._listener.close()

    def cut(self, seconds: float) -> None:
        """End what is open, and refuse what comes for so long."""
        with self._lock:
            self._closed_until = time.monotonic() + seconds
            ended, self._open = self._open, set()
        self.cuts += bool(ended)
        for each in ended:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if time.monotonic() < self._closed_until:
                client.close()
                continue
            try:
                server = socket.create_connection(self._server, timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._open |= {client, server}
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open -= {source, target}
