"""Opens the storage of a datasource by its kind.

Drivers are imported here, when one is opened: a process pays only for the kinds it uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from actors.datasources.retrying import Repeats, retrying
from actors.datasources.storage import Datasource, Storage
from rota.datasources import OPTIONS
from rota.errors import PermanentError


def open_storage(datasource: Datasource, *, check: Callable[[], None] = lambda: None) -> Storage:
    """Open a storage, repeats of failed requests included; the caller closes it.

    `check` is called before each repeat and while one is waited for; what it raises ends both: hand over `run.check`.
    Raises PermanentError when the storage is absent, refuses us, or is of an unknown kind, TemporaryError when it does
    not answer.
    """
    if datasource.kind == "local":
        from actors.datasources.local.storage import LocalStorage

        return LocalStorage(datasource)
    repeats = Repeats(retries=int(datasource.options.get("retries", 4)), check=check)
    return retrying(repeats.call(lambda: _open_remote(datasource)), repeats)


def hurried(datasource: Datasource, *, seconds: float) -> Datasource:
    """Give the datasource with less patience: nothing is repeated, and no request takes longer than so many seconds."""
    options = dict(datasource.options)
    if "retries" in options:
        options["retries"] = 0
    if "timeout_seconds" in options:
        options["timeout_seconds"] = min(options["timeout_seconds"], seconds)
    return replace(datasource, options=options)


def _open_remote(datasource: Datasource) -> Storage:
    match datasource.kind:
        case "s3" | "gcs":
            from actors.datasources.objects import ResumableStorage

            return ResumableStorage(datasource)
        case "azure":
            from actors.datasources.objects import ObjectStorage

            return ObjectStorage(datasource)
        case "sftp":
            from actors.datasources.sftp.storage import SftpStorage

            return SftpStorage(datasource)
        case "webdav":
            from actors.datasources.webdav.storage import WebdavStorage

            return WebdavStorage(datasource)
        case "fsspec":
            from actors.datasources.fsspec.storage import FilesystemSpecStorage

            return FilesystemSpecStorage(datasource)
    raise PermanentError(
        f"datasource {datasource.name!r}: kind {datasource.kind!r} is unknown; allowed: {', '.join(OPTIONS)}"
    )
