"""A server that speaks Ray's Jobs API about one job, and can be told to go wrong.

A cluster cannot be made to answer 500, to hang, or to close a stream at once; what it does otherwise is
tested on one (tests/cluster).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

JOB = "echoprime-run-1"


@dataclass
class JobsApi:
    """What the server says, and what it was asked.

    Attributes
    ----------
    address
        http://HOST:PORT.
    trouble
        "" none; "500" an error; "html" another program's page; "hang" nothing for a minute. Its version it
        always says.
    status, stopped_status
        The job's, and what it becomes when it is stopped.
    lines
        The job's log; a stream says it and, if `streams`, goes on with a line every tenth of a second.
    streams
        Whether a stream stays open.
    asked
        Method and path of every request.
    """

    address: str = ""
    trouble: str = ""
    status: str = "RUNNING"
    stopped_status: str = "STOPPED"
    lines: list[str] = field(default_factory=lambda: ["one\n", "two\n"])
    streams: bool = False
    asked: list[str] = field(default_factory=list)

    def count(self, ending: str) -> int:
        """Requests whose path ends so."""
        return sum(each.endswith(ending) for each in self.asked)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if request.path == "/api/version":
            about = {"version": "4", "ray_version": "2.60.0", "ray_commit": "x", "session_name": "s"}
            return web.json_response(about)
        if self.trouble == "500":
            return web.Response(status=500, text="Traceback (most recent call last):\nOSError: full disk")
        if self.trouble == "html":
            return web.Response(text="<html>log in</html>", content_type="text/html")
        if self.trouble == "hang":
            await asyncio.sleep(60)
        return await self._sound(request)

    async def _sound(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/api/jobs/")
        if not path:
            return web.json_response([self._details()])
        if not path.startswith(JOB):
            return web.Response(status=404, text="no such job")
        if path.endswith("/logs/tail"):
            return await self._stream(request)
        if path.endswith("/logs"):
            return web.json_response({"logs": "".join(self.lines)})
        if path.endswith("/stop"):
            running, self.status = self.status == "RUNNING", self.stopped_status
            return web.json_response({"stopped": running})
        return web.json_response(self._details())

    def _details(self) -> dict[str, Any]:
        code = {"SUCCEEDED": 0, "FAILED": 3}.get(self.status)
        return {
            "type": "SUBMISSION",
            "submission_id": JOB,
            "status": self.status,
            "entrypoint": "python -m pipelines run",
            "message": "",
            "driver_exit_code": code,
        }

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for line in self.lines:
            await socket.send_str(line)
        while self.streams and not self.trouble:
            self.lines.append(f"line {len(self.lines)}\n")
            await socket.send_str(self.lines[-1])
            await asyncio.sleep(0.1)
        await socket.close()
        return socket


@contextmanager
def jobs_api() -> Iterator[JobsApi]:
    """The server, for the length of a `with`."""
    api = JobsApi()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = _runner(api)

    async def start() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()

    asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    host, port = runner.addresses[0][:2]
    api.address = f"http://{host}:{port}"
    try:
        yield api
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


def _runner(api: JobsApi) -> web.AppRunner:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", api.answer)
    return web.AppRunner(application, shutdown_timeout=0.1)
