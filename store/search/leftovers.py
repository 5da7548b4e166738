"""Removes what an engine still keeps of datasources that are gone.

Rows go with their datasource, an engine's files do not. Whoever deletes a datasource drops its generations; what is
left because that failed, or because a run wrote to them at the same moment, is found by the next check of the indexes.
"""

from __future__ import annotations

from rota.errors import RotaError
from store.engine import Store
from store.locks import hold
from store.queries import datasources
from store.search.engine import Engine


def drop_datasource(store: Store, engine: Engine, name: str) -> bool:
    """Drop all generations of a datasource that is gone; nothing happens, and False comes back, if it is there."""
    with store.writing() as conn:
        # Whoever saves a datasource of this name waits until its index is as empty as its catalog.
        hold(conn, [f"datasource:{name}"])
        if datasources.find(conn, name) is not None:
            return False
        for generation in engine.generations(name):
            engine.drop(name, generation)
        return True


def drop_leftovers(store: Store, engine: Engine) -> list[str]:
    """Drop what is left of all datasources that are gone, and return their names.

    One that cannot be dropped now is left to the next time.
    """
    kept = engine.datasources()
    with store.reading() as conn:
        known = {record.name for record in datasources.list_datasources(conn)}
    dropped = []
    for name in kept:
        try:
            if name not in known and drop_datasource(store, engine, name):
                dropped.append(name)
        except RotaError:
            continue
    return dropped
