"""Writes a manifest that appears whole or not at all, and that outlives the process while it is being written.

What is written of it is kept now and then as a piece beside it, see `kept`. In the end the pieces are put together into
one file.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.datasources.paths import split, text_of
from actors.datasources.storage import Kind, Storage
from actors.kept import Kept, Whole
from actors.run import Run
from rota.errors import PermanentError


class Manifest:
    """The lines of a manifest, in the order in which they come."""

    def __init__(self, storage: Storage, path: bytes, run: Run) -> None:
        """Begin one; the run is asked whether it has the task before anything that is written gets its name."""
        self._storage = storage
        self._path = path
        self._confirm = run.confirm
        self.lines = Kept(storage, path, task=run.task, confirm=run.confirm)

    def publish(self) -> None:
        """Give the whole its name, in place of whatever file had it; raises PermanentError where it cannot."""
        try:
            self._storage.write(self._path, Whole(self.lines.contents), confirm=self._confirm)
        except OSError as error:
            reason = error.strerror or error
            raise PermanentError(f"the manifest {text_of(self._path)!r} cannot be written: {reason}") from error
        self.lines.discard()


def begin_manifest(run: Run, storage: Storage, path: bytes) -> Manifest:
    """Begin a manifest; raises PermanentError where it could not get its name in the end."""
    storage.verify()
    there, folder = storage.stat(path), split(path)[0]
    if there is not None and there.kind != Kind.FILE:
        raise PermanentError(f"the manifest cannot be {text_of(path)!r}: a {there.kind} is there")
    if folder and storage.capabilities.folders:
        above = storage.stat(folder)
        if above is None or above.kind != Kind.FOLDER:
            raise PermanentError(f"the manifest cannot be {text_of(path)!r}: there is no such folder")
    return Manifest(storage, path, run)


def refuse_outside(paths: Sequence[bytes], folder: bytes) -> None:
    """Raise PermanentError for a path that a manifest in this folder cannot name."""
    for path in paths:
        if folder and path != folder and not path.startswith(folder + b"/"):
            raise PermanentError(
                f"{text_of(path) or 'the root'!r} is not below {text_of(folder)!r}: a manifest lies in a folder above"
                " all that it names"
            )
