from __future__ import annotations

import os
import socket
from threading import Thread

import msgspec
import pytest

from actors.datasources.digest import folder_digest
from actors.datasources.local.walking import (
    Answer,
    Asked,
    Failed,
    Listed,
    Part,
    Setup,
    Unchanged,
    answers,
    serve,
)
from actors.datasources.packed import CHUNK_ROWS
from actors.datasources.paths import Root
from actors.datasources.prints import print_of
from actors.datasources.storage import Row
from actors.frames import LENGTH_BYTES, framed
from tests.trees import Fifo, make_tree

decode_rows = msgspec.msgpack.Decoder(list[Row]).decode


@pytest.fixture
def held(root, opener):
    with Root(str(root), opener=opener) as opened:
        yield opened


def ask(held, path=b"", token="", digest=b"", prints=b""):
    return list(answers(held, Asked(path, token, digest, prints), None))


def rows_of(told):
    return [row for part in told if isinstance(part, Part) for row in decode_rows(part.rows)]


def test_unknown_folder_is_told_with_its_rows(root, held):
    make_tree(root, {"b": {}, "a": b"123", "pipe": Fifo()})

    told = ask(held)

    status = os.stat(root / "a")
    assert rows_of(told)[0] == Row(b"a", "file", 3, status.st_mtime_ns, status.st_ino, status.st_dev)
    assert [row.name for row in rows_of(told)] == [b"a", b"b"]
    assert (told[-1].token != "", told[-1].special) == (True, 1)


def test_known_folder_is_told_by_its_figures_and_its_folders(root, held):
    make_tree(root, {"b": {}, "c": {}, "a": b"123", "pipe": Fifo()})
    first = ask(held)
    digest = folder_digest(rows_of(first))

    assert ask(held, token=first[-1].token, digest=digest) == [Unchanged(3, 3, 1, [b"b", b"c"])]
    assert isinstance(ask(held, token="other", digest=digest)[-1], Listed)
    assert isinstance(ask(held, token=first[-1].token, digest=b"other")[-1], Listed)


def test_few_rows_that_differ_are_told_alone_with_the_prints_of_what_they_were(root, held):
    make_tree(root, {"folder": {}, **{f"{number}": b"1" for number in range(9)}})
    first = ask(held)
    before = {row.name: row for row in rows_of(first)}
    (root / "3").write_bytes(b"22")
    whole = ask(held)

    (told,) = ask(held, token=first[-1].token, digest=first[-1].digest, prints=first[-1].prints)

    (row,) = decode_rows(told.rows)
    assert (row.name, row.size, told.missing) == (b"3", 2, [print_of(before[b"3"])])
    assert (told.entries, told.size, told.special, told.folders) == (10, 10, 0, [b"folder"])
    assert (told.token, told.digest, told.prints) == (whole[-1].token, whole[-1].digest, whole[-1].prints)
    assert told.digest == folder_digest(rows_of(whole))


def test_empty_folder_is_known_too(held):
    first = ask(held)

    assert rows_of(first) == []
    assert ask(held, token=first[-1].token, digest=folder_digest([])) == [Unchanged(0, 0, 0, [])]


def test_huge_folder_comes_in_sorted_parts(root, held):
    names = sorted(b"%d" % number for number in range(2 * CHUNK_ROWS + 5))
    make_tree(root, dict.fromkeys(names, b""))

    told = ask(held)

    assert [row.name for row in rows_of(told)] == names
    assert [type(one) for one in told] == [Part, Part, Part, Listed]
    assert ask(held, token=told[-1].token, digest=folder_digest(rows_of(told))) == [Unchanged(len(names), 0, 0, [])]


def test_denied_folder_is_told_as_failed(root, held, unprivileged):
    if os.getuid() == 0:
        os.seteuid(0)
        os.chown(root, 65534, 65534)
        os.seteuid(65534)
    make_tree(root, {"denied": {"x": b""}})
    os.chmod(root / "denied", 0o000)

    told = ask(held, b"denied")

    os.chmod(root / "denied", 0o755)
    assert told == [Failed(13, "Permission denied")]


def test_serving_ends_with_the_connection(root, held):
    make_tree(root, {"a": {"x": b""}})
    ours, theirs = socket.socketpair()
    # The helper owns the descriptor that it inherits.
    serving = Thread(target=serve, args=(theirs, os.dup(held.descriptor)))
    with theirs, ours, ours.makefile("rb") as reading:
        serving.start()
        encode = msgspec.msgpack.encode
        ours.sendall(framed(encode(Setup(by_steps=False, include=(), exclude=()))))
        ours.sendall(framed(encode([Asked(b"a", "", b"", b""), Asked(b"none", "", b"", b"")])))
        frames = [reading.read(int.from_bytes(reading.read(LENGTH_BYTES))) for _ in range(4)]
        ours.shutdown(socket.SHUT_RDWR)
        serving.join(10)

    assert not serving.is_alive()
    assert frames[0] == b""
    assert [type(msgspec.msgpack.decode(frame, type=Answer)) for frame in frames[1:]] == [Part, Listed, Failed]
