"""The process that forks isolated bodies: it has imported all actors, and runs no thread.

A worker process has threads, so it cannot fork safely, and to start a Python anew takes most of a second. So each
worker with isolated actors has a nursery: it forks a body within milliseconds, tells how it ended, and kills its
whole process group when asked to, when the body is done, or when the worker is gone.

Over the control socket comes one frame of configuration, then for each body eight bytes (its memory limit) with two
sockets: the body's own, and the ward, on which the nursery says the body's pid and wait status, and hears that it
shall be killed (any byte, or its end).
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import struct
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import msgspec

from rota.search.place import SearchPlace
from workers.places import StorePlaces
from workers.processes import STOPPING, die_with_parent, make_bell, name_process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.registry import ActorSpec

NUMBER = struct.Struct("!q")
"""How limits, pids and wait statuses are written on the sockets."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a nursery has to know."""

    actor_modules: tuple[str, ...]
    store_url: str
    search: SearchPlace


class Nursery:
    """Forks, watches and kills bodies; one thread, one loop."""

    def __init__(self, control: socket.socket, plan: Plan, actors: Mapping[str, ActorSpec]) -> None:
        self._control = control
        self._plan = plan
        self._actors = actors
        self._wards: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until the worker is gone."""
        bell, ring = make_bell()
        signal.set_wakeup_fd(ring)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # The worker decides when all ends; what is sent to the whole group is meant for it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        self._selector.register(self._control, selectors.EVENT_READ, "control")
        self._selector.register(bell, selectors.EVENT_READ, "bell")
        while True:
            for key, _ in self._selector.select():
                if key.data == "control":
                    if not self._spawn():
                        self._kill_all()
                        return
                elif key.data == "bell":
                    with suppress(BlockingIOError):
                        os.read(bell, 4096)
                    self._reap()
                else:
                    self._kill(key.data)

    def _spawn(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, NUMBER.size, 2)
        except ConnectionError:
            return False
        if len(data) < NUMBER.size:
            return False
        (max_bytes,) = NUMBER.unpack(data)
        talk, ward = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        nursery = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            # Too many processes: the worker sees the sockets close and says so.
            talk.close()
            ward.close()
            return True
        if pid == 0:
            self._be_body(talk, nursery, max_bytes)
        talk.close()
        self._wards[pid] = ward
        self._selector.register(ward, selectors.EVENT_READ, pid)
        self._say(ward, pid)
        return True

    def _be_body(self, talk: socket.socket, nursery: int, max_bytes: int) -> NoReturn:
        from workers import isolated

        try:
            os.setsid()
            die_with_parent(nursery)
            name_process("rota-body")
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # Handlers that do nothing: unlike ignored signals they are not handed down to the programs it starts.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: None)
            self._control.close()
            self._selector.close()
            for ward in self._wards.values():
                ward.close()
            places = StorePlaces(self._plan.store_url, self._plan.search)
            isolated.run(talk, self._actors, places=places, max_bytes=max_bytes)
        except BaseException:
            traceback.print_exc()
        finally:
            # Never back into the nursery's own code.
            os._exit(70)

    def _reap(self) -> None:
        for pid in list(self._wards):
            # Looked at before it is reaped: until then nobody else can get its number, so the group can be killed.
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            self._kill(pid)
            _, status = os.waitpid(pid, 0)
            ward = self._wards.pop(pid)
            with suppress(KeyError):
                self._selector.unregister(ward)
            self._say(ward, status)
            ward.close()

    def _kill(self, pid: int) -> None:
        ward = self._wards[pid]
        with suppress(KeyError):
            self._selector.unregister(ward)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            # It may not have made its group yet.
            os.kill(pid, signal.SIGKILL)

    def _kill_all(self) -> None:
        for pid in self._wards:
            self._kill(pid)

    @staticmethod
    def _say(ward: socket.socket, number: int) -> None:
        with suppress(OSError):
            ward.sendall(NUMBER.pack(number))


def main() -> None:
    """Import the actors, then serve the worker at the other end of the descriptor that the command line names."""
    control = socket.socket(fileno=int(sys.argv[1]))
    name_process("rota-nursery")
    (length,) = NUMBER.unpack(control.recv(NUMBER.size, socket.MSG_WAITALL))
    plan = msgspec.json.decode(control.recv(length, socket.MSG_WAITALL), type=Plan)
    from actors.registry import load_registry
    from workers import isolated

    actors = load_registry(plan.actor_modules)
    isolated.preload()
    # What is there by now is shared with every body, as long as no collector touches it.
    gc.freeze()
    Nursery(control, plan, actors).run()


if __name__ == "__main__":
    main()
