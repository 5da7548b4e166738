"""A link between a process and a server on a Unix socket, which a test can cut, freeze or break."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from pathlib import Path
from typing import Literal

Mode = Literal["open", "frozen", "broken", "deaf"]
"""How a link behaves: `frozen` passes nothing, `broken` refuses, `deaf` passes requests and loses the answers."""


class Link:
    """Passes everything between clients of `path` and the server at `target`, while it is open."""

    def __init__(self, path: Path, target: Path) -> None:
        self.path = path
        self._target = target
        self._mode: Mode = "open"
        self._flowing = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._running = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"link-{path.name}", daemon=True)
        self._thread.start()
        self._running.wait()

    def set(self, mode: Mode) -> None:
        """Change how the link behaves; `broken` ends all connections at once."""
        asyncio.run_coroutine_threadsafe(self._change(mode), self._loop).result(10)

    def close(self) -> None:
        """End the link and all its connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self.path.unlink(missing_ok=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._flowing.set()
        server = self._loop.run_until_complete(asyncio.start_unix_server(self._serve, self.path))
        self._running.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _change(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "frozen":
            self._flowing.clear()
        else:
            self._flowing.set()
        if mode == "broken":
            for writer in self._writers:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._mode == "broken":
                return
            server_reader, server_writer = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, server_writer}
        try:
            await asyncio.gather(
                self._pass_on(reader, server_writer, answers=False),
                self._pass_on(server_reader, writer, answers=True),
            )
        finally:
            self._writers -= {writer, server_writer}
            for each in (writer, server_writer):
                each.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await self._flowing.wait()
                if answers and self._mode == "deaf":
                    continue
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
