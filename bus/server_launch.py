"""Becomes a server that dies with its parent: `python server_launch.py PARENT BINARY ARGUMENT…`.

A program of its own, because the request for the parent-death signal has to be made between fork and exec,
where a process with threads may safely run nothing of Python. It uses the standard library only, so that it
starts quickly.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for SIGTERM when the parent dies, and turn into the server."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != int(parent):  # it died in between: nobody will send the signal any more
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606  (the binary that bus.server has chosen)


if __name__ == "__main__":
    main()
