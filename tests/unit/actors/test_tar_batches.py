"""How entries are divided among threads; only names and sizes matter."""

from __future__ import annotations

from actors.archives.packing import SMALL_BYTES, Entry
from actors.archives.tar.batches import MOST_ENTRIES, Batch, batches
from actors.datasources.rows import Kind

MIB = 1024 * 1024


def file(name: str, size: int) -> Entry:
    return Entry(name.encode(), Kind.FILE, size, 0, name.encode())


def names(entries: list[Entry]) -> list[list[bytes] | bytes]:
    """Tell what comes out: names of a batch in a list, large files by their name alone."""
    return [
        [entry.name for entry in batch.entries] if isinstance(batch, Batch) else batch.name
        for batch in batches(entries, most_bytes=MIB)
    ]


def test_nothing_gives_no_batch() -> None:
    assert names([]) == []


def test_a_batch_ends_before_it_would_be_too_long() -> None:
    entries = [file("a", MIB // 2), file("b", MIB // 4), file("c", MIB // 4), file("d", 1)]

    assert names(entries) == [[b"a", b"b"], [b"c", b"d"]]


def test_an_entry_longer_than_a_batch_has_one_to_itself() -> None:
    entries = [file("a", 1), file("b", SMALL_BYTES), file("c", 1)]

    assert names(entries) == [[b"a"], [b"b"], [b"c"]]


def test_a_large_file_stands_alone_and_ends_the_batch_before_it() -> None:
    entries = [file("a", 1), file("b", SMALL_BYTES + 1), file("c", 1), file("d", SMALL_BYTES + 1)]

    assert names(entries) == [[b"a"], b"b", [b"c"], b"d"]


def test_headers_count_too() -> None:
    entries = [file(f"{number:05}", 0) for number in range(MOST_ENTRIES)]
    lengths = [batch.length for batch in batches(entries, most_bytes=MIB) if isinstance(batch, Batch)]

    assert len(lengths) == 3
    assert all(length <= MIB for length in lengths)


def test_a_batch_has_only_so_many_entries() -> None:
    entries = [file(f"{number:05}", 0) for number in range(2 * MOST_ENTRIES + 1)]
    found = [batch for batch in batches(entries, most_bytes=64 * MIB) if isinstance(batch, Batch)]

    assert [len(batch.entries) for batch in found] == [MOST_ENTRIES, MOST_ENTRIES, 1]
    assert [entry for batch in found for entry in batch.entries] == entries


def test_borders_behind_a_border_do_not_depend_on_what_was_before() -> None:
    entries = [file(f"{number:03}", number * 9_999 % 700_000) for number in range(100)]
    whole = names(entries)
    first = whole[0]
    assert isinstance(first, list)

    assert names(entries[len(first) :]) == whole[1:]
