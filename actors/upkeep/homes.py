"""Where the data of a user lies. Pure."""

from __future__ import annotations

from actors.datasources.paths import is_private, join
from rota.errors import PermanentError


def home_of(homes: str | None, user: str) -> bytes | None:
    """Give the path of a user's folder in the folder of all homes; None if there is no such folder.

    Raises PermanentError for a name that could lead anywhere else, and for what is Rota's own.
    """
    name = user.encode("utf-8", "surrogateescape")
    if not name or name in {b".", b".."} or b"/" in name or b"\0" in name or is_private(name):
        raise PermanentError(f"{user!r} is no name of a user: it must be that of one folder, without '/'")
    if homes is None:
        return None
    folder = homes.encode("utf-8", "surrogateescape")
    if any(map(is_private, folder.split(b"/"))):
        raise PermanentError(f"homes {homes!r} is Rota's own folder: name another one in the datasource's rules")
    return join(folder, name)
