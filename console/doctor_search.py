"""What `rota doctor` looks at for the search: the engine, where it keeps its files, and whether its indexes open."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from console.findings import FAIL, OK, WARN, Finding, disk, nearest
from rota.errors import RotaError

if TYPE_CHECKING:
    from bus.census import WorkerFigures
    from bus.connection import Bus
    from rota.settings import Settings
    from store.engine import Store
    from store.search.engine import Engine, Index

INDEX_QUEUE = "index"
"""The queue of the actors that write to indexes."""

_WHAT, _FOLDER, _WRITERS = "search", "search folder", "indexing"
_SECONDS = 5.0
_MOUNTS = Path("/proc/self/mounts")
#: File systems that other machines serve: what is mapped into memory there may change or vanish under its reader.
_DISTANT = frozenset((
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gfs2", "lustre",
    "nfs", "nfs4", "smb3", "smbfs",
))  # fmt: skip


def folder_checks(settings: Settings) -> Iterator[Finding]:
    """Yield whether the embedded engine can keep its files where it should; nothing for the others."""
    if settings.search_place.engine != "tantivy":
        return
    wanted = settings.search_dir
    folder = nearest(wanted)
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        advice = "let Rota's user write there, or correct search_dir"
        yield Finding(what=_FOLDER, level=FAIL, said=f"{folder} is not writable", advice=advice)
        return
    kind = file_system_of(folder, _MOUNTS.read_text(errors="surrogateescape") if _MOUNTS.exists() else "")
    if kind in _DISTANT:
        advice = "set search_dir to a disk of this machine, or search_engine to postgresql"
        yield Finding(what=_FOLDER, level=WARN, said=f"{wanted} is on another machine ({kind})", advice=advice)
        return
    yield disk(_FOLDER, wanted, advice="make room: indexes are written there")


def engine_check(store: Store, settings: Settings) -> Finding:
    """Tell which engine there is, and whether the index of each datasource opens."""
    from store.queries import indexes
    from store.search.opening import open_engine

    with store.reading() as conn:
        live = indexes.live(conn)
    engine = open_engine(settings.search_place, store)
    try:
        engine.datasources()  # an engine that is away says so even before there is any index
        broken = [f"{index.datasource}: {problem}" for index in live if (problem := _problem_of(engine, index))]
    finally:
        engine.close()
    if broken:
        advice = "build them anew with `rota datasources index NAME --full`"
        return Finding(what=_WHAT, level=FAIL, said=f"{engine.name}, {' | '.join(broken)}", advice=advice)
    count = "1 index opens" if len(live) == 1 else f"{len(live)} indexes open"
    return Finding(what=_WHAT, level=OK, said=f"{engine.name}, {count}")


def hosts_check(bus: Bus, settings: Settings) -> Finding:
    """Tell whether indexes are written and searched on the same machine, as the embedded engine needs it."""
    return judge_hosts(settings.search_place.engine, hosts_that_index(bus.census.workers()), here=socket.gethostname())


def judge_hosts(engine: str, hosts: set[str], *, here: str) -> Finding:
    """Judge on which hosts there are workers that index."""
    said = f"indexes are written on {', '.join(sorted(hosts))}" if hosts else "no worker writes indexes"
    if not hosts:
        advice = f"start a worker that serves the queue {INDEX_QUEUE}"
        return Finding(what=_WRITERS, level=WARN, said=said, advice=advice)
    if engine != "tantivy" or hosts == {here}:
        return Finding(what=_WRITERS, level=OK, said=said)
    if len(hosts) > 1:
        advice = f"set search_engine to postgresql, or let the workers of one host alone serve the queue {INDEX_QUEUE}"
        return Finding(what=_WRITERS, level=WARN, said=f"{said}, and tantivy keeps them on one machine", advice=advice)
    advice = "run the console there, or set search_engine to postgresql"
    return Finding(what=_WRITERS, level=WARN, said=f"{said}, and this is {here}", advice=advice)


def hosts_that_index(workers: list[WorkerFigures]) -> set[str]:
    """Return the hosts of the workers that serve the queue of indexing."""
    return {
        str(worker.about["host"])
        for worker in workers
        if INDEX_QUEUE in (worker.about.get("queues") or ()) and worker.about.get("host")
    }


def file_system_of(folder: Path, mounts: str) -> str:
    """Return the kind of file system that a folder is on; empty if the table of mounts does not tell."""
    path = os.path.realpath(folder)
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        # The kernel writes blanks as \040.
        place = fields[1].replace("\\040", " ")
        if (path == place or path.startswith(place.rstrip("/") + "/")) and len(place) >= len(best):
            best, kind = place, fields[2]
    return kind


def _problem_of(engine: Engine, index: Index) -> str | None:
    from rota.search.query import Query, Word

    try:
        engine.search(Query("rota", Word("rota")), [index], limit=1, seconds=_SECONDS)
    except RotaError as error:
        return str(error)
    return None
