"""A pool whose files may misbehave."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

import psutil
import pytest

from actors.extracting.extractor import Limits
from actors.extracting.pool import Extractors, Source
from tests.extractors_for_tests import misbehaving
from tests.waiting import wait_until

MEMORY = 512 * 1024 * 1024


def source(name: str, content: bytes | str) -> Source[str]:
    """A file whose content is in memory, known by its name."""
    held = content.encode() if isinstance(content, str) else content
    return Source(name, name.encode(), len(held), lambda: io.BytesIO(held))


def extracted(pool: Extractors, *sources: Source[str], **options: object) -> dict[str, object]:
    """What came of each file; each is told once."""
    told = list(pool.extract(sources, **options))
    assert len(told) == len(sources)
    return dict(told)


def readers() -> list[psutil.Process]:
    """The reading processes of this process, dead ones that nobody waited for too."""
    # No others are asked about: a server that tests share may have a child that ends just now.
    return [child for child in psutil.Process().children() if _reads(child)]


def _reads(child: psutil.Process) -> bool:
    try:
        return child.status() == psutil.STATUS_ZOMBIE or "extracting.child" in "".join(child.cmdline())
    except psutil.ZombieProcess:
        return True
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def pool() -> Iterator[Extractors]:
    """Two processes; nothing of them is left behind."""
    limits = Limits(memory=MEMORY)
    with Extractors(processes=2, limits=limits, registry=misbehaving()) as extractors:
        yield extractors
    wait_until(lambda: not readers(), timeout=10)


class Streamed(io.RawIOBase):
    """A file that comes from afar: no descriptor, and its content is made while it is read."""

    def __init__(self, piece: bytes, size: int) -> None:
        self._piece = piece
        self._left = size
        self.given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        taken = min(len(buffer), self._left, len(self._piece))
        buffer[:taken] = self._piece[:taken]
        self._left -= taken
        self.given += taken
        return taken


def opened(file: io.RawIOBase) -> BinaryIO:
    """The file as sources open it."""
    return file  # type: ignore[return-value]
