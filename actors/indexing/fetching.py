"""Fetches small files ahead in several threads, because over a network each is a wait and hardly any work."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import BinaryIO, TypeVar

from actors.extracting.feeding import INLINE_BYTES, Source

Key = TypeVar("Key")


def fetched_ahead(sources: Iterable[Source[Key]], *, in_flight: int) -> Generator[Source[Key], None, None]:
    """Give these files in their order, the small ones fetched already; so many at a time.

    What fetching one raises is raised when it is opened. All that was taken from `sources` is given. Closing the
    iterator early waits for nothing.
    """
    pool = ThreadPoolExecutor(in_flight, thread_name_prefix="fetch")
    ahead: deque[Source[Key]] = deque()
    try:
        for source in sources:
            is_small = source.size <= INLINE_BYTES
            ahead.append(_small(source, pool.submit(_fetch, source.open)) if is_small else source)
            if len(ahead) >= in_flight:
                yield ahead.popleft()
        yield from ahead
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    # The last ones may be given, and not opened yet.
    pool.shutdown(wait=False)


def _small(source: Source[Key], coming: Future[bytes]) -> Source[Key]:
    return source._replace(open=partial(_opened, source.open, coming))


def _opened(open_: Callable[[], BinaryIO], coming: Future[bytes]) -> BinaryIO:
    content = coming.result()
    # It has grown since it was listed.
    return open_() if len(content) > INLINE_BYTES else io.BytesIO(content)


def _fetch(open_: Callable[[], BinaryIO]) -> bytes:
    """Read a small file, or one byte more than small files have; a raw file gives fewer at a time."""
    pieces: list[bytes] = []
    missing = INLINE_BYTES + 1
    with open_() as file:
        while missing and (piece := file.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
    return b"".join(pieces)
