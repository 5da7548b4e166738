"""A link between a process and a server on a Unix socket, which a test can cut, freeze or break."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
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
        self._flowing = threading.Event()
        self._flowing.set()
        self._guard = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._run(self._accept)

    def set(self, mode: Mode) -> None:
        """Change how the link behaves; `broken` ends all connections at once."""
        self._mode = mode
        if mode == "frozen":
            self._flowing.clear()
        else:
            self._flowing.set()
        if mode == "broken":
            with self._guard:
                for end in self._ends:
                    _hang_up(end)

    def close(self) -> None:
        """End the link and all its connections."""
        _hang_up(self._listener)
        self._threads[0].join(10)
        self.set("broken")
        for thread in self._threads:
            thread.join(10)
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _run(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, name=f"link-{self.path.name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._run(self._serve, near)

    def _serve(self, near: socket.socket) -> None:
        with near, socket.socket(socket.AF_UNIX) as far, suppress(OSError):
            far.connect(str(self._target))
            with self._guard:
                if self._mode == "broken":
                    return
                self._ends |= {near, far}
            back = threading.Thread(target=self._pass_on, args=(far, near), kwargs={"answers": True}, daemon=True)
            back.start()
            self._pass_on(near, far, answers=False)
            back.join()
            with self._guard:
                self._ends -= {near, far}

    def _pass_on(self, source: socket.socket, target: socket.socket, *, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self._flowing.wait()
                if not (answers and self._mode == "deaf"):
                    target.sendall(data)
        _hang_up(source)
        _hang_up(target)


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
