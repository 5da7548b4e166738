"""Opens the storage of a datasource by its kind."""

from __future__ import annotations

from actors.datasources.local import LocalStorage
from actors.datasources.storage import Datasource, Storage
from rota.errors import PermanentError


def open_storage(datasource: Datasource) -> Storage:
    """Open a storage; the caller closes it. Raises PermanentError when it is absent or of an unknown kind."""
    if datasource.kind == "local":
        return LocalStorage(datasource)
    raise PermanentError(f"datasource {datasource.name!r}: kind {datasource.kind!r} is unknown; allowed: local")
