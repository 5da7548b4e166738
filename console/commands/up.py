"""`rota up`: start everything on this machine, for one or more folders."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from console.connection import DEFAULT_STATE
from console.exits import CommandFailed, ExitCode


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "folders", metavar="FOLDER", nargs="*", type=Path, help="a folder to look after; it becomes a datasource"
    )
    parser.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        help="folder for all that Rota keeps (default: ROTA_STATE_DIR, else ./.rota)",
    )
    parser.add_argument(
        "--watch", action="store_true", help="see changes in new folders at once, by a process of some 35 MB (Linux)"
    )
    parser.add_argument("--host", metavar="ADDRESS", help="address of the console (default 127.0.0.1)")
    parser.add_argument(
        "--port", metavar="N", type=int, help="port of the console (default 8420, or the next free one; 0 takes any)"
    )
    parser.add_argument("--processes", metavar="N", type=int, help="child processes of the worker")
    parser.add_argument("--threads", metavar="N", type=int, help="threads of each of them")
    parser.set_defaults(run=_up)


def _up(options: argparse.Namespace) -> int:
    from console.up import Supervisor, Wish

    folders = [folder.expanduser() for folder in options.folders]
    for folder in folders:
        if not folder.is_dir():
            raise CommandFailed(f"{folder} is no folder", ExitCode.USAGE)
    state = options.state or Path(os.environ.get("ROTA_STATE_DIR") or DEFAULT_STATE)
    wish = Wish(
        state=state.expanduser(),
        folders=folders,
        watch=options.watch,
        host=options.host,
        port=options.port,
        processes=options.processes,
        threads=options.threads,
    )
    return Supervisor(wish).run()
