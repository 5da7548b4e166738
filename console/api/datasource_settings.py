"""Datasources saved, switched and removed in somebody's name, for the API and the pages alike."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from console.api.datasource_shaping import READ_ONLY, definition_of
from console.api.deeds import deed
from console.api.identity import Who
from console.api.parts import Parts
from console.index_waking import stale_event
from rota.datasources import Datasource, Rules, parse_datasource
from rota.errors import RotaError
from store.locks import hold
from store.queries import audit, bin_items, catalog, datasources
from store.records import CatalogCounts, DatasourceRecord

Check = Callable[[DatasourceRecord | None], None]
"""Is handed the datasource as it is before it is saved, None where there is none, and raises if that is not right."""

NO_COUNTS = CatalogCounts(folders=0, entries=0, bytes=0)
_SOURCE = "the datasource"

_log = logging.getLogger(__name__)


def parse(given: Mapping[str, Any]) -> Datasource:
    """Return the datasource that somebody defines; what the API adds to a definition is left out.

    Raises InvalidDefinition with every problem.
    """
    return parse_datasource({name: value for name, value in given.items() if name not in READ_ONLY}, source=_SOURCE)


def save(parts: Parts, who: Who, wanted: Datasource, check: Check) -> DatasourceRecord:
    """Save a definition if `check` lets it pass; what syncs found, and the marker, stay as they are."""
    record = _record_of(wanted)
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        hold(conn, [_target(record.name)])
        known = datasources.find(conn, record.name)
        check(known)
        changed = _changed_fields(known, record)
        if known is not None and not changed:
            return known
        saved = datasources.save(conn, record, at=now)
        said = {"root": record.root} if known is None else {"changed": changed}
        action = "datasource.add" if known is None else "datasource.change"
        audit.add(conn, [deed(who, action, _target(record.name), now, **said)])
    if known is not None and _is_indexed_otherwise(known, record):
        _wake_indexing(parts, record.name, now)
    return saved


def switch(parts: Parts, who: Who, name: str, *, enabled: bool) -> DatasourceRecord:
    """Switch a datasource on or off; NotFound if there is none of that name."""
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        hold(conn, [_target(name)])
        known = datasources.get(conn, name)
        if known.enabled == enabled:
            return known
        saved = datasources.save(conn, msgspec.structs.replace(known, enabled=enabled), at=now)
        action = "datasource.enable" if enabled else "datasource.disable"
        audit.add(conn, [deed(who, action, _target(name), now)])
    return saved


def forget_marker(parts: Parts, who: Who, name: str) -> DatasourceRecord:
    """Expect no marker in the root any more; the file itself stays. NotFound if there is no such datasource."""
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        hold(conn, [_target(name)])
        if datasources.get(conn, name).marker is not None:
            datasources.set_marker(conn, name, None)
            audit.add(conn, [deed(who, "datasource.forget-marker", _target(name), now)])
        return datasources.get(conn, name)


def remove(parts: Parts, who: Who, name: str) -> None:
    """Forget a datasource, its catalog and its bin batch by batch, and its index; the files stay untouched."""
    # Switched off first: no scheduled sync fills again what is being emptied.
    switch(parts, who, name, enabled=False)
    for remove_batch in (catalog.remove_batch, bin_items.remove_batch):
        more = True
        while more:
            # A transaction of its own for each batch: others want to write in between.
            with parts.store.writing() as conn:
                more = remove_batch(conn, name).more
    now = parts.clock.now_ms()
    with parts.store.writing() as conn:
        datasources.delete(conn, name)
        audit.add(conn, [deed(who, "datasource.delete", _target(name), now)])
    parts.searching.forget(name)


def _is_indexed_otherwise(before: DatasourceRecord, after: DatasourceRecord) -> bool:
    """Tell whether the rules ask for another index than before, or for none any more."""
    one, other = (Rules.model_validate(record.rules) for record in (before, after))
    return any(getattr(one, name) != getattr(other, name) for name in ("index", "contents", "language"))


def _wake_indexing(parts: Parts, name: str, now: int) -> None:
    """Have the index follow within seconds; without Redis it does at the next run of the job for all datasources."""
    try:
        parts.bus.events.publish([stale_event(name, source=f"/datasources/{name}/settings", at=now)])
    except RotaError as error:
        _log.warning("index.not_woken", extra={"datasource": name, "error": str(error)})


def _target(name: str) -> str:
    return f"datasource:{name}"


def _record_of(wanted: Datasource) -> DatasourceRecord:
    root = wanted.root
    if wanted.kind == "local":
        root = root.rstrip("/") or "/"
    return DatasourceRecord(
        name=wanted.name,
        kind=wanted.kind,
        root=root,
        label=wanted.label,
        options=wanted.options,
        rules=wanted.rules.model_dump(mode="json"),
        enabled=wanted.enabled,
        queue=wanted.queue,
    )


def _changed_fields(known: DatasourceRecord | None, record: DatasourceRecord) -> list[str]:
    if known is None:
        return []
    before = definition_of(known)
    return [name for name, value in definition_of(record).items() if before[name] != value]
