"""How many files are carried at once between two datasources, and how often one is tried again. Pure."""

from __future__ import annotations

from actors.datasources.storage import Datasource

# More than there are processors: each waits for its file to be on the disk.
_LOCAL_THREADS = 4


def threads_between(source: Datasource, target: Datasource, *, spare: int = 0) -> int:
    """Give how many files are copied at once: as many as both storages take, a few between local folders.

    `spare` connections are left for what is asked of a storage while a file is on its way there: where every one of
    them is held by a copy that wants another, all would wait for each other.
    """
    most = [max(1, int(each.options.get("in_flight", 8)) - spare) for each in (source, target) if each.kind != "local"]
    return min(most, default=_LOCAL_THREADS)


def retries_between(source: Datasource, target: Datasource) -> int:
    """Give how often a copy is begun again after a temporary failure; never between local folders."""
    return max(int(each.options.get("retries", 4)) if each.kind != "local" else 0 for each in (source, target))
