"""`rota doctor`: looks at everything an installation needs, and says of each thing what to do when it is not well."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.doctor_bins import bin_check
from console.doctor_search import engine_check, folder_checks, hosts_check
from console.exits import CommandFailed
from console.findings import FAIL, OK, WARN, Finding, disk
from console.opening import load_for, open_bus, open_store
from rota.clock import SystemClock
from rota.errors import RotaError

if TYPE_CHECKING:
    from bus.connection import Bus
    from rota.settings import Settings
    from store.engine import Store

_OLDEST_PYTHON = (3, 11)
_OLDEST_REDIS = (7, 0)
_CLOCK_WARN_MS, _CLOCK_FAIL_MS = 500, 5_000
_CLOCK = SystemClock()


def examine(state: Path | None) -> Iterator[Finding]:
    """Yield what each check finds, the basics first; what needs something that is not there is left out."""
    yield _python()
    try:
        settings = load_for(state)
    except CommandFailed as failed:
        yield Finding(what="settings", level=FAIL, said=str(failed), advice="correct rota.toml or the environment")
        return
    yield Finding(what="settings", level=OK, said=f"state folder {settings.state_dir}")
    yield disk("disk", settings.state_dir, advice="make room: history and Redis are written there")
    yield from folder_checks(settings)
    yield from _examine_store(settings)
    yield from _examine_bus(settings)


def _examine_store(settings: Settings) -> Iterator[Finding]:
    store = None
    try:
        store = open_store(settings)
        store.ping()
    except (CommandFailed, RotaError) as error:
        yield Finding(what="database", level=FAIL, said=str(error), advice="start it, or correct database_url")
        return
    else:
        yield from (_guarded(what, check, store, settings) for what, check in _STORE_CHECKS)
    finally:
        if store is not None:
            store.close()


def _examine_bus(settings: Settings) -> Iterator[Finding]:
    bus = None
    try:
        bus = open_bus(settings)
        bus.ping()
    except (CommandFailed, RotaError) as error:
        advice = "start `rota up`, or correct redis_url"
        yield Finding(what="Redis", level=FAIL, said=str(error), advice="" if "rota up" in str(error) else advice)
        return
    else:
        yield from (_guarded(what, check, bus, settings) for what, check in _BUS_CHECKS)
    finally:
        if bus is not None:
            bus.close()


def _guarded(what: str, check: Callable[[Any, Settings], Finding], part: Any, settings: Settings) -> Finding:
    try:
        return check(part, settings)
    except Exception as error:  # a check that fails, of whatever cause, is a finding and must not hide the others
        return Finding(what=what, level=FAIL, said=str(error), advice="look into the log of the process")


def _python() -> Finding:
    said = f"{platform.python_version()} on {platform.system()}"
    if sys.version_info < _OLDEST_PYTHON:
        return Finding(what="Python", level=FAIL, said=said, advice="install 3.11 or later")
    return Finding(what="Python", level=OK, said=said)


def _tables(store: Store, _: Settings) -> Finding:
    from store.migrations import HEAD
    from store.schema import current_revision

    with store.reading() as conn:
        found = current_revision(conn)
    if found == HEAD:
        return Finding(what="database", level=OK, said=f"{store.dialect}, tables at revision {found}")
    said = f"{store.dialect}, tables at revision {found or 'none'}, this program needs {HEAD}"
    return Finding(what="database", level=FAIL, said=said, advice="run `rota db upgrade`")


def _definitions(_: Store, settings: Settings) -> Finding:
    from actors.registry import load_registry
    from rota.definitions import SUFFIXES, parse_definition, read_definitions

    actors = load_registry(settings.actor_modules)
    broken: list[str] = list(actors.problems)
    folder = settings.definitions_dir
    files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES) if folder.is_dir() else []
    for path in files:
        try:
            for raw in read_definitions(path):
                parse_definition(raw.data, source=raw.source, actors=actors)
        except RotaError as error:
            broken.append(" ".join(str(error).split()))
    if broken:
        return Finding(what="jobs", level=WARN, said=" | ".join(broken), advice=f"correct them in {folder}")
    return Finding(what="jobs", level=OK, said=f"{len(files)} definition files in {folder}, all valid")


def _database_clock(store: Store, _: Settings) -> Finding:
    asked = _CLOCK.now_ms()
    theirs = store.server_time()
    if theirs is None:
        return Finding(what="database clock", level=OK, said="SQLite uses this machine's")
    return clock_check("database clock", theirs, asked=asked, answered=_CLOCK.now_ms())


def _redis(bus: Bus, _: Settings) -> Finding:
    server = bus.census.server()
    said = f"{server.name} {server.version}"
    if server.compatible_with < _OLDEST_REDIS:
        return Finding(what="Redis", level=FAIL, said=said, advice="Rota needs 7.0 or later")
    if server.eviction != "noeviction":
        advice = "set maxmemory-policy to noeviction, or Redis drops waiting work when memory is short"
        return Finding(what="Redis", level=FAIL, said=f"{said}, maxmemory-policy {server.eviction}", advice=advice)
    if not server.append_only:
        advice = "set appendonly to yes; without it a crash of Redis repeats what was done since its last snapshot"
        return Finding(what="Redis", level=WARN, said=f"{said}, no append-only file", advice=advice)
    return Finding(what="Redis", level=OK, said=f"{said}, append-only file on, no eviction")


def _leader(bus: Bus, settings: Settings) -> Finding:
    figures = bus.census.figures()
    if figures.leader is None:
        time.sleep(settings.leader_lease_seconds)  # one may be taking over right now
        figures = bus.census.figures()
    if figures.leader is None:
        return Finding(what="scheduler", level=FAIL, said="none leads", advice="start `rota scheduler` (or `rota up`)")
    return Finding(what="scheduler", level=OK, said=f"{figures.leader} leads, epoch {figures.epoch}")


def _workers(bus: Bus, _: Settings) -> Finding:
    workers = bus.census.workers()
    if not workers:
        return Finding(what="workers", level=FAIL, said="none is alive", advice="start `rota worker` (or `rota up`)")
    served = {queue for worker in workers for queue in worker.about.get("queues") or ()}
    alone = [queue.name for queue in bus.census.queues() if sum(queue.waiting.values()) and queue.name not in served]
    said = f"{len(workers)} alive"
    if served and alone:
        advice = "start a worker for it (--queues)"
        return Finding(
            what="workers", level=WARN, said=f"{said}, none serves the queue {', '.join(alone)}", advice=advice
        )
    return Finding(what="workers", level=OK, said=said)


def _redis_clock(bus: Bus, _: Settings) -> Finding:
    asked = _CLOCK.now_ms()
    theirs = bus.census.server().now
    return clock_check("Redis clock", theirs, asked=asked, answered=_CLOCK.now_ms())


def _dead_letters(bus: Bus, _: Settings) -> Finding:
    count = bus.dead.count()
    if count:
        advice = "look at them with `rota dead list`"
        return Finding(what="dead letters", level=WARN, said=f"{count} messages were set aside", advice=advice)
    return Finding(what="dead letters", level=OK, said="none")


def clock_check(what: str, theirs: int, *, asked: int, answered: int) -> Finding:
    """Compare a server's clock with this machine's (ms): it was read between the question and the answer."""
    difference = theirs - min(max(theirs, asked), answered)
    said = f"{abs(difference) / 1000:.3f} s {'ahead of' if difference > 0 else 'behind'} this machine"
    if abs(difference) < _CLOCK_WARN_MS:
        return Finding(what=what, level=OK, said=said)
    level = WARN if abs(difference) < _CLOCK_FAIL_MS else FAIL
    return Finding(what=what, level=level, said=said, advice="let both follow the same time servers (NTP)")


_STORE_CHECKS: tuple[tuple[str, Callable[[Any, Settings], Finding]], ...] = (
    ("database", _tables),
    ("database clock", _database_clock),
    ("jobs", _definitions),
    ("bins", bin_check),
    ("search", engine_check),
)
_BUS_CHECKS: tuple[tuple[str, Callable[[Any, Settings], Finding]], ...] = (
    ("Redis", _redis),
    ("Redis clock", _redis_clock),
    ("scheduler", _leader),
    ("workers", _workers),
    ("indexing", hosts_check),
    ("dead letters", _dead_letters),
)
