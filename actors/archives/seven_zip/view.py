"""Shows an archive to py7zr as a file, and tells its errors from those of the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from actors.archives.reading import ArchiveFile, Damaged, PasswordNeeded, Unsupported
from actors.archives.streams import Sequential
from rota.errors import RotaError


class View(Sequential):
    """The bytes of an archive, with a position; for one thread."""

    def __init__(self, file: ArchiveFile) -> None:
        super().__init__(self._read_counted, file.size)
        self.name = file.name
        self.size = file.size
        self.consumed = 0
        """How many bytes were read."""
        self.error: BaseException | None = None
        """What went wrong while it was read, which is no fault of the archive."""
        self._file = file

    def _read_counted(self, offset: int, size: int) -> bytes:
        try:
            data = self._file.read_at(offset, size)
        except BaseException as error:
            self.error = error
            raise
        self.consumed += len(data)
        return data


@contextmanager
def judged(view: View, what: str) -> Iterator[None]:
    """Turn what py7zr and the decoders raise into errors of the archive; `what` begins the message.

    They were made for valid archives: of another one's bytes nearly any exception may come.
    """
    from py7zr.exceptions import PasswordRequired, UnsupportedCompressionMethodError

    try:
        yield
    except RotaError:
        raise
    except PasswordRequired as error:
        raise PasswordNeeded(f"{what} is encrypted, and no password is given") from error
    except UnsupportedCompressionMethodError as error:
        raise Unsupported(f"{what} cannot be read: {error.args[-1]}") from error
    except MemoryError as error:
        raise Unsupported(f"{what} needs more memory than there is") from error
    except Exception as error:
        if view.error is not None:
            raise
        raise Damaged(f"{what} is damaged: {error or type(error).__name__}") from error
