"""A proxy as hospitals have it before the internet: it opens tunnels (CONNECT), and counts them."""

from __future__ import annotations

import multiprocessing
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ConnectProxy:
    """A process of its own, since deltalake holds the interpreter's lock while it waits; a context manager.

    Attributes
    ----------
    address
        As `HTTPS_PROXY` takes it.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._tunnels = context.Value("i", 0)
        self._port, other = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_serve, args=(other, self._tunnels), name="connect-proxy", daemon=True
        )
        self.address = ""

    def __enter__(self) -> ConnectProxy:
        self._process.start()
        if not self._port.poll(60):
            raise RuntimeError("the proxy does not start")
        self.address = f"http://127.0.0.1:{self._port.recv()}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    @property
    def tunnels(self) -> int:
        """How many were opened."""
        return self._tunnels.value


def _serve(port, tunnels) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            host, _, number = self.path.rpartition(":")
            with tunnels.get_lock():
                tunnels.value += 1
            with socket.create_connection((host, int(number))) as server:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_copy, args=(server, self.connection), daemon=True)
                back.start()
                _copy(self.connection, server)
                back.join()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port.send(server.server_port)
    server.serve_forever()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
