"""Writes an object: small ones in one request, large ones in parts that show nowhere until the last step.

A writer that is killed between parts leaves them with the service, invisible, where a rule of the bucket for unfinished
uploads takes them away (Azure does so by itself, after a week).
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

from actors.datasources.objects.service import ObjectService
from rota.errors import RotaError

PART_BYTES = 16 * 1024 * 1024
"""Size of all parts but the last: some services want them equal."""
MAX_PARTS = 10_000
"""As many as S3 takes; with `PART_BYTES`, files of 156 GiB."""
MOST_THREADS = 3
"""So many parts are sent at once, if the datasource allows as many requests."""


def write_object(
    service: ObjectService,
    key: bytes,
    pieces: Iterable[bytes],
    *,
    confirm: Callable[[], None],
    threads: int = MOST_THREADS,
) -> int:
    """Make or replace an object and give its size; memory is that of `threads` and two more parts.

    If anything raises, nothing is left. Raises OSError for more than `MAX_PARTS` parts.
    """
    parts = _parts(pieces, PART_BYTES)
    first = next(parts, b"")
    second = next(parts, None)
    if second is None:
        confirm()
        service.put(key, first)
        return len(first)
    upload = service.begin(key)
    try:
        size, tags = _send(service, key, upload, chain((first, second), parts), threads=threads)
        confirm()
        service.finish(key, upload, tags)
    except BaseException:
        _abort(service, key, upload)
        raise
    return size


def _send(
    service: ObjectService, key: bytes, upload: str, parts: Iterable[bytes], *, threads: int
) -> tuple[int, list[str]]:
    size = 0
    tags: list[str] = []
    sending: deque[Future[str]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="rota-upload") as pool:
        try:
            for number, part in enumerate(parts, start=1):
                if number > MAX_PARTS:
                    raise OSError(errno.EFBIG, f"an object has at most {MAX_PARTS:,} parts of {len(part):,} bytes")
                size += len(part)
                sending.append(pool.submit(service.part, key, upload, number, part))
                if len(sending) >= threads:
                    tags.append(sending.popleft().result())
            tags += [each.result() for each in sending]
        finally:
            for each in sending:
                each.cancel()
    return size, tags


def _abort(service: ObjectService, key: bytes, upload: str) -> None:
    try:
        service.abort(key, upload)
    except (RotaError, OSError):
        return  # what made it stop is what has to be told; a rule of the bucket takes the parts away


def _parts(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        while len(gathered) >= size:
            yield bytes(gathered[:size])
            del gathered[:size]
    if gathered:
        yield bytes(gathered)
