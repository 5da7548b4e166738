"""A file that is open for a download: which one it is, and how it is read."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.datasources.local.storage import LocalStorage
from actors.datasources.storage import Datasource
from console.content_reading import PIECE_BYTES, Content, open_content, start_reading
from rota.errors import TemporaryError
from store.records import DatasourceRecord


@pytest.fixture
def record(tmp_path: Path) -> DatasourceRecord:
    (tmp_path / "x").write_bytes(b"0123456789")
    return DatasourceRecord(name="docs", kind="local", root=str(tmp_path))


@pytest.fixture
def content(record: DatasourceRecord) -> Iterator[Content]:
    content = open_content(record, b"x")
    yield content
    content.close()


def test_a_file_that_another_one_replaced_is_not_sent_as_the_one_that_was_told(
    record: DatasourceRecord, content: Content, tmp_path: Path
) -> None:
    (tmp_path / "new").write_bytes(b"another one")
    os.replace(tmp_path / "new", tmp_path / "x")

    with pytest.raises(TemporaryError, match="was replaced by another one"):
        start_reading(record, content, 0, 10)


def test_a_file_that_grows_is_sent_as_far_as_it_was_told(
    record: DatasourceRecord, content: Content, tmp_path: Path
) -> None:
    with (tmp_path / "x").open("ab") as file:
        file.write(b"more")

    assert start_reading(record, content, 2, 8) == b"23456789"


class FromItsStart(io.BytesIO):
    """Content that can only be read on."""

    def seekable(self) -> bool:
        return False


class Slow(LocalStorage):
    """A storage whose files are read from their start, and break when they are closed."""

    def __init__(self, datasource: Datasource, *, breaking: bool = False) -> None:
        super().__init__(datasource)
        self.breaking = breaking
        self.closed = False

    def open_file(self, path: bytes) -> Any:
        with super().open_file(path) as file:
            opened = FromItsStart(file.read())
        if self.breaking:
            opened.close = self._break  # type: ignore[method-assign]
        return opened

    def _break(self) -> None:
        raise TemporaryError("the connection is lost")

    def close(self) -> None:
        self.closed = True
        super().close()


def slow(folder: Path, size: int, *, breaking: bool = False) -> tuple[Slow, Content]:
    (folder / "x").write_bytes(b"a" * (size - 1) + b"z")
    storage = Slow(Datasource(name="docs", kind="local", root=str(folder)), breaking=breaking)
    row = storage.stat(b"x")
    assert row is not None
    return storage, Content(storage, b"x", row)


def test_what_is_read_past_is_read_past_piece_by_piece(tmp_path: Path) -> None:
    size = 3 * PIECE_BYTES
    _, content = slow(tmp_path, size)
    record = DatasourceRecord(name="docs", kind="local", root=str(tmp_path))

    assert start_reading(record, content, size - 1, 1) == b""
    steps = 0
    while content.behind:
        content.catch_up()
        steps += 1

    assert steps == 3
    assert content.read(1) == b"z"
    content.close()


def test_a_storage_is_let_go_of_though_its_file_does_not_close(tmp_path: Path) -> None:
    storage, content = slow(tmp_path, 1, breaking=True)
    content.go_to(0)

    content.close()

    assert storage.closed
