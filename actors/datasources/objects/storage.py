"""The driver for object stores: S3 and what speaks it, Google Cloud Storage, Azure's Blob Storage.

Keys are read as paths: `a/b` is the file `b` in the folder `a`, which is there as long as a key begins with `a/`. A key
that ends with a slash marks a folder and is no entry. Components that cannot be names are counted as special, once in
the folder that they are in, whatever is below them.

A row's time is the one of the listing, of whole seconds at most services. `stat` asks the listing too: what it gives is
exactly what a scan gives.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO

from actors.datasources.abilities import Doomed, Ended
from actors.datasources.burials import Burial
from actors.datasources.digging import ThreadDiggers
from actors.datasources.globs import Selection
from actors.datasources.marker import check_marker
from actors.datasources.objects.digging import ObjectDigger
from actors.datasources.objects.grouping import Gathered, is_odd
from actors.datasources.objects.opening import open_service
from actors.datasources.objects.pages import Object
from actors.datasources.objects.reading import open_object
from actors.datasources.objects.scanning import PAGE_KEYS, PATIENT_PAGES, Lister, scan_objects
from actors.datasources.objects.writing import MOST_THREADS, write_object
from actors.datasources.paths import split
from actors.datasources.storage import Capabilities, Datasource, Found, Kind, Listing, Lookup, Row, Unlisted, Why
from rota.errors import PermanentError, TemporaryError

_MAX_KEY_BYTES = 1024
_PIECE_BYTES = 1024 * 1024


class ObjectStorage:
    """A bucket, or what has a prefix in it; see `Storage` and `Scanner` for the promises."""

    def __init__(
        self, datasource: Datasource, *, page_keys: int = PAGE_KEYS, patient_pages: int = PATIENT_PAGES
    ) -> None:
        """Judge the endpoint and resolve the credentials; nothing is asked yet.

        Raises PermanentError for a definition that is no good, TemporaryError where the endpoint cannot be resolved.
        """
        self._datasource = datasource
        self._page_keys = page_keys
        self._threads = int(datasource.options.get("in_flight", 8))
        # One connection less: what is written may come out of the same bucket.
        self._upload_threads = max(1, min(MOST_THREADS, self._threads - 1))
        self._selection = Selection.of(datasource.rules, whole=datasource.whole)
        self._service, self._prefix = open_service(datasource)
        self._lister = Lister(
            self._service, self._prefix, self._selection, page_keys=page_keys, patient_pages=patient_pages
        )

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(
            etags=True,
            folders=False,
            moves=False,
            keeps_modified=False,
            in_flight=self._threads,
            step_ns=1_000_000_000,
        )

    def verify(self) -> None:
        """Raise unless the bucket answers to these credentials and its marker is there."""
        self._service.list(self._prefix, most=1)
        try:
            check_marker(self._datasource, self.open_file)
        except OSError as error:
            raise PermanentError(
                f"datasource {self._datasource.name!r} cannot be read: {error.strerror or error}"
            ) from error

    def scan(
        self, paths: Sequence[bytes], known: Lookup, *, check: Callable[[], None] = lambda: None
    ) -> Iterator[Found]:
        """List these folders and everything below them."""
        return scan_objects(self._lister, paths, known, selection=self._selection, threads=self._threads, check=check)

    def list_folder(self, path: bytes) -> Listing | Unlisted:
        """List one folder."""
        below = self._below(path)
        found = Gathered(path)
        token, is_there = "", not path
        while True:
            page = self._service.list(below, level=True, token=token, most=self._page_keys)
            is_there = is_there or bool(page.objects or page.prefixes)
            for name in (prefix[len(below) : -1] for prefix in page.prefixes):
                (found.odd if is_odd(name) else found.folders).add(name)
            for each in page.objects:
                _take(found, each, each.key[len(below) :])
            token = page.token
            if not token:
                break
        if not is_there:
            return Unlisted(path=path, why=Why.VANISHED, reason="nothing is below it")
        return found.listing(self._selection)

    def stat(self, path: bytes) -> Row | None:
        """Give one entry: the folder, where a file has its name too."""
        name = split(path)[1]
        try:
            key = self._key(path)
        except OSError:
            return None
        if not path or self._below_it(key):
            return Row(name, Kind.FOLDER.value, 0, 0)
        found = self._object(key)
        return _row(name, found) if found else None

    def open_file(self, path: bytes) -> BinaryIO:
        """Open a file for reading."""
        return open_object(self._service, self._key(path))

    def write(
        self,
        path: bytes,
        pieces: Iterable[bytes],
        *,
        modified_ns: int | None = None,
        confirm: Callable[[], None] = lambda: None,
    ) -> Row:
        """Make a file of these pieces, or replace the one at the path."""
        key = self._key(path)
        self._no_folder(path, key)
        write_object(self._service, key, pieces, confirm=confirm, threads=self._upload_threads)
        found = self._object(key)
        if found is None:
            raise TemporaryError(f"datasource {self._datasource.name!r}: a file was gone right after it was written")
        return _row(split(path)[1], found)

    def make_folder(self, path: bytes) -> None:
        """Do nothing: folders don't exist by themselves."""

    def rename(self, path: bytes, target: bytes) -> None:
        """Give a file another path, by copy and delete.

        Raises IsADirectoryError for a folder. Two that rename to one target at the same time are told apart where the
        service looks for it. A file that is replaced while it is copied stays, beside the copy; OSError tells so.
        """
        source, goal = self._key(path), self._key(target)
        found = self._object(source)
        self._no_folder(path, source)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        if self.stat(target) is not None:
            raise FileExistsError(errno.EEXIST, "something is there already", target)
        if found.size <= self._service.largest_copy:
            self._service.copy(source, goal)
        else:
            with self.open_file(path) as file:
                pieces = iter(lambda: file.read(_PIECE_BYTES), b"")
                write_object(self._service, goal, pieces, confirm=lambda: None, threads=self._upload_threads)
        now = self._object(source)
        if now is not None and now != found:
            raise OSError(errno.EBUSY, "was replaced while it was copied, and stays beside the copy", path)
        self._service.delete(source)

    def delete(self, path: bytes) -> None:
        """Delete a file, or the marker of an empty folder; nothing happens if it is not there.

        Of a file and a folder with one name it is about the folder, as `stat` is. Raises OSError (ENOTEMPTY) for a
        folder with something in it.
        """
        key = self._key(path)
        marker = key + b"/"
        below = self._below_it(key, most=2)
        if any(each.key != marker for each in below):
            raise OSError(errno.ENOTEMPTY, "the folder is not empty", path)
        self._service.delete(marker if below else key)

    def bury(self, items: Iterable[Doomed], *, check: Callable[[], None] = lambda: None) -> Iterator[Ended]:
        """Delete items of the bin for good, many objects in a request where the service allows it."""
        digger = ObjectDigger(self._service, self._prefix, step_ns=self.capabilities.step_ns)
        diggers = ThreadDiggers(digger.dig, threads=self._threads, list_entries=PAGE_KEYS)
        return Burial(items, diggers, check=check).run()

    def close(self) -> None:
        """Close the connections."""
        self._service.close()

    def _object(self, key: bytes) -> Object | None:
        objects = self._service.list(key, most=1).objects  # of all keys with this prefix, it is the first
        return objects[0] if objects and objects[0].key == key else None

    def _below_it(self, key: bytes, *, most: int = 1) -> list[Object]:
        if len(key) >= _MAX_KEY_BYTES:
            return []  # no key is longer, and services refuse such a prefix
        return self._service.list(key + b"/", most=most).objects

    def _no_folder(self, path: bytes, key: bytes) -> None:
        if self._below_it(key):
            raise IsADirectoryError(errno.EISDIR, "a folder", path)

    def _below(self, path: bytes) -> bytes:
        return self._prefix + path + b"/" if path else self._prefix

    def _key(self, path: bytes) -> bytes:
        """Give the key of a path; raises OSError for one that no key can have."""
        key = self._prefix + path
        try:
            key.decode()
        except UnicodeDecodeError:
            raise OSError(errno.EILSEQ, "keys are UTF-8, and this name is not", path) from None
        if len(key) > _MAX_KEY_BYTES:
            raise OSError(errno.ENAMETOOLONG, f"keys have at most {_MAX_KEY_BYTES:,} bytes", path)
        if path and any(map(is_odd, path.split(b"/"))):
            raise OSError(errno.EINVAL, "no path", path)
        return key


def _take(found: Gathered, each: Object, name: bytes) -> None:
    if not name:
        return  # the folder's own marker
    if is_odd(name):
        found.odd.add(name)
    else:
        found.files.append(_row(name, each))


def _row(name: bytes, found: Object) -> Row:
    return Row(name, Kind.FILE.value, found.size, found.modified_ns, etag=found.etag)
