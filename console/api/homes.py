"""What of a datasource belongs to somebody whose role lets them work on their own files only: what is in their home."""

from __future__ import annotations

from actors.datasources.paths import is_within, text_of
from actors.upkeep.homes import home_of
from console.api.identity import Who
from rota.errors import NotFound, PermanentError
from store.engine import Connection
from store.queries import datasources
from store.records import DatasourceRecord


def check_home(who: Who, record: DatasourceRecord, path: bytes, *, itself: bool = False) -> None:
    """Raise NotFound unless somebody may work on what is at a path of a datasource.

    Whoever works on the whole installation may. Others may below their folder in the datasource's homes, and on that
    folder `itself` where it is asked for: what is made beside it would be outside.
    """
    if not who.own_only:
        return
    home = home_for(who, record)
    if home is None:
        raise NotFound(f"there is no datasource {record.name}")
    if not is_within(path, home) or (path == home and not itself):
        raise NotFound(f"{record.name} has no {text_of(path) or 'root'} for you: yours is what is in {text_of(home)}")


def check_path(conn: Connection, who: Who, name: str, path: str, *, itself: bool = False) -> None:
    """Do so for a path as people write it; NotFound for a datasource that does not exist too."""
    check_home(who, datasources.get(conn, name), path.encode("utf-8", "surrogateescape"), itself=itself)


def home_for(who: Who, record: DatasourceRecord) -> bytes | None:
    """Return the folder of somebody in a datasource; None where they have none."""
    try:
        home = home_of(record.rules.get("homes"), who.name)
    except PermanentError:  # a name that no folder can have, or homes that are Rota's own
        return None
    return home or None
