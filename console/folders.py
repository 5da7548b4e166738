"""The last step of `rota up`: each folder becomes a datasource and is synced, through the API, in a short process.

It asks until the console answers and the sync job is known, so it may start before both.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from console.client import Client, segment
from console.connection import FILE_NAME, read_connection
from console.difference_words import found_by
from console.exits import CommandFailed, ExitCode
from console.following import wait_for_end
from console.slugs import slug

_START_SECONDS = 60.0
_PAUSE_SECONDS = 0.1
_SYNC_SECONDS = 3600.0
_OPEN = ("waiting", "queued", "running", "retrying", "paused")

Answer = TypeVar("Answer")


def main(arguments: Sequence[str]) -> int:
    """Add and sync the folders, watched ones after the word `--watch`; return the exit code."""
    watch = "--watch" in arguments
    state, *folders = (Path(argument) for argument in arguments if argument != "--watch")
    try:
        with closing(_patiently(lambda: _connect(state))) as client:
            names = [add_folder(client, folder, watch=watch) for folder in folders]
            print(f"{'folders':<10} {', '.join(names)}; reading them", flush=True)
            runs = {name: start_sync(client, name) for name in names}
            for name, run in runs.items():
                _tell(name, sync(client, name, run))
    except CommandFailed as failed:
        print(f"rota: {failed}", file=sys.stderr)
        return failed.code
    return ExitCode.OK


def add_folder(client: Client, folder: Path, *, watch: bool) -> str:
    """Return the name of the datasource of a folder, which is made unless there is one; then it stays as it is."""
    known = list(client.items("/datasources"))
    for datasource in known:
        if datasource["kind"] == "local" and datasource["root"] == str(folder):
            return str(datasource["name"])
    name = slug(folder.name, {datasource["name"] for datasource in known})
    client.post("/datasources", {"name": name, "root": str(folder), "watch": watch})
    return name


def start_sync(client: Client, name: str) -> str:
    """Start the sync of a datasource, and return its run."""
    return _patiently(lambda: str(client.post(f"/datasources/{segment(name)}/sync")["run"]))


def sync(client: Client, name: str, run: str) -> dict[str, Any]:
    """Wait for the sync of a datasource and return the ended run.

    One that was skipped, because another was running that may have begun before the folder was added, runs once more.
    """
    while True:
        ended = wait_for_end(client, run, timeout=_SYNC_SECONDS)
        if ended["state"] != "skipped":
            return ended
        for other in client.items("/runs", job=ended["job"], state=",".join(_OPEN)):
            wait_for_end(client, other["id"], timeout=_SYNC_SECONDS)
        run = start_sync(client, name)


def _connect(state: Path) -> Client:
    try:
        client = Client(read_connection(state / FILE_NAME))
    except FileNotFoundError as error:
        raise CommandFailed("the console did not start", ExitCode.UNREACHABLE) from error
    client.get("/jobs", limit=1)
    return client


def _patiently(ask: Callable[[], Answer]) -> Answer:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return ask()
        except CommandFailed as failed:
            # Not there yet: the console, or the job that the scheduler brings.
            waits = failed.code in (ExitCode.UNREACHABLE, ExitCode.NOT_FOUND)
            if not waits or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


def _tell(name: str, run: dict[str, Any]) -> None:
    counts = found_by(run["result"])
    words = [f"{counts[word]} {word}" for word in ("entries", "created", "updated", "deleted") if word in counts]
    failure = (run["error"] or {}).get("message") or run["reason"] or ""
    said = ", ".join(words) if run["state"] == "succeeded" else failure
    print(f"{'sync':<10} {name} {run['state']}{': ' if said else ''}{said}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
