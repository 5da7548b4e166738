"""Drafts of an object store: uploads in parts, whose id lies in a small private object until they are finished.

A listing of uploads does not tell which task began which, so the id is written down first thing. A crash between the
two leaves an upload without parts, for the clean-up of leftovers or a rule of the bucket.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from actors.datasources.drafts import RECORDS, draft_of
from actors.datasources.objects.uploads import ResumableService
from actors.datasources.objects.writing import MAX_PARTS, PART_BYTES
from actors.datasources.paths import join, split
from actors.datasources.storage import Row

_MOST_ID_BYTES = 4096


class ObjectDraft:
    """A draft of an object; see `Draft` for the promises. Only whole parts are safe."""

    def __init__(
        self, service: ResumableService, *, key: bytes, record: bytes, threads: int, find: Callable[[], Row]
    ) -> None:
        """Open it, as far as it was written, or begin one; `find` gives the row of the object once it is there."""
        self._service = service
        self._key = key
        self._record = record
        self._find = find
        self._threads = threads
        self._waiting = bytearray()
        self._sending: deque[Future[str]] = deque()
        self._pool: ThreadPoolExecutor | None = None
        self._upload, self._tags = self._resume() or self._begin()

    @property
    def size(self) -> int:
        """How many bytes of it are safe."""
        return len(self._tags) * PART_BYTES

    def cut(self, size: int) -> None:
        """Forget what follows so many bytes; parts that are there already are sent again."""
        self._wait(0)
        self._waiting.clear()
        del self._tags[size // PART_BYTES :]

    def append(self, piece: bytes) -> None:
        """Write what follows, some parts at a time."""
        self._waiting += piece
        while len(self._waiting) >= PART_BYTES:
            part = bytes(self._waiting[:PART_BYTES])
            del self._waiting[:PART_BYTES]
            self._send(part)

    def keep(self) -> None:
        """Make what was written safe, as far as it fills parts."""
        self._wait(0)

    def publish(self, *, modified_ns: int | None = None, confirm: Callable[[], None] = lambda: None) -> Row:
        """Give it its name, and give its row; its time is that of this moment."""
        self._wait(0)
        content, tags = bytes(self._waiting), list(self._tags)
        if tags and content:
            tags.append(self._service.part(self._key, self._upload, len(tags) + 1, content))
        confirm()
        if tags:
            self._service.finish(self._key, self._upload, tags)
            self._service.delete(self._record)
        else:
            self._service.put(self._key, content)
            self.discard()
        return self._find()

    def discard(self) -> None:
        """Remove it; nothing happens if it is not there."""
        # A part that came after the end of its upload would stay with some services.
        self.close()
        with suppress(FileNotFoundError):
            self._service.abort(self._key, self._upload)
        self._service.delete(self._record)

    def close(self) -> None:
        """Let go of it, once no part is on its way any more; twice is fine."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        self._sending.clear()

    def _resume(self) -> tuple[str, list[str]] | None:
        """Find the upload, and the tags of those parts that are whole and follow each other from the first one on."""
        try:
            body = self._service.get(self._record)
        except FileNotFoundError:
            return None
        try:
            upload = b"".join(body)[:_MOST_ID_BYTES].decode("utf-8", "replace")
        finally:
            body.close()
        try:
            parts = self._service.parts(self._key, upload)
        except FileNotFoundError:
            return None
        tags: list[str] = []
        for part in parts:
            if part.number != len(tags) + 1 or part.size != PART_BYTES:
                break
            tags.append(part.tag)
        return upload, tags

    def _begin(self) -> tuple[str, list[str]]:
        upload = self._service.begin(self._key)
        try:
            self._service.put(self._record, upload.encode())
        except BaseException:
            with suppress(OSError):
                self._service.abort(self._key, upload)
            raise
        return upload, []

    def _send(self, part: bytes) -> None:
        number = len(self._tags) + len(self._sending) + 1
        if number >= MAX_PARTS:
            raise OSError(errno.EFBIG, f"an object has at most {MAX_PARTS:,} parts of {PART_BYTES:,} bytes")
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="rota-upload")
        self._sending.append(self._pool.submit(self._service.part, self._key, self._upload, number, part))
        self._wait(self._threads)

    def _wait(self, most: int) -> None:
        """Wait until no more than so many parts are on their way."""
        while len(self._sending) > most:
            self._tags.append(self._sending.popleft().result())


def record_of(prefix: bytes, path: bytes, key: str) -> bytes:
    """Give the key of the object that holds the id of a draft's upload; `prefix` is that of all keys."""
    return prefix + join(RECORDS, split(draft_of(path, key))[1])
