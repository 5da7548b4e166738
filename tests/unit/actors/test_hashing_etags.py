"""Etags that are computed from the content."""

from __future__ import annotations

import hashlib

import pytest

from actors.hashing.etags import EtagHasher, OddEtag, part_sizes, parts_told

MIB = 1024 * 1024


def etag(content: bytes, part: int) -> str:
    parts = [hashlib.md5(content[at : at + part]).digest() for at in range(0, len(content), part)]
    return f"{hashlib.md5(b''.join(parts)).hexdigest()}-{len(parts)}"


def hashed(content: bytes, sizes, known: str, piece: int = 700) -> str:
    hasher = EtagHasher(sizes, known=known)
    for at in range(0, len(content), piece):
        hasher.update(memoryview(content)[at : at + piece])
    return hasher.hexdigest()


@pytest.mark.parametrize(
    ("told", "parts"),
    [
        ("d41d8cd98f00b204e9800998ecf8427e", 0),
        ('"d41d8cd98f00b204e9800998ecf8427e-12"', 12),
        ("d41d8cd98f00b204e9800998ecf8427e-0", None),
        ("0x8DCD3A", None),
        ("", None),
    ],
)
def test_an_etag_tells_in_how_many_parts_a_file_was_sent(told, parts):
    assert parts_told(told) == parts


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 3000, 3500])
def test_an_etag_of_parts_is_the_one_of_their_digests(size):
    content = bytes(range(256)) * 14
    content = content[:size]
    expected = etag(content, 1000) if size else f"{hashlib.md5(hashlib.md5(b'').digest()).hexdigest()}-1"

    assert hashed(content, [1000], "") == expected
    assert hashed(content, [0], "") == hashlib.md5(content).hexdigest()


def test_the_size_that_gives_the_known_etag_is_found_among_several():
    content = bytes(range(256)) * 10

    assert hashed(content, [1000, 900, 1024], etag(content, 900)) == etag(content, 900)


def test_an_etag_that_no_size_gives_is_told():
    with pytest.raises(OddEtag, match="does not follow from its content"):
        hashed(b"content", [4], "0" * 32 + "-2")
    with pytest.raises(OddEtag):
        EtagHasher([], known="0x8DCD3A")


@pytest.mark.parametrize("part", [5 * MIB, 8 * MIB, 15 * MIB, 16 * MIB, 64 * MIB, 5_000_000, 100 * MIB])
def test_usual_sizes_are_guessed_from_the_number_of_parts(part):
    size = 3 * part + 17

    assert part in part_sizes(size, etag="0" * 32 + "-4", given=None)


def test_a_size_that_fits_a_file_just_so_is_guessed():
    assert 37 * MIB in part_sizes(37 * MIB * 10_000 - 5, etag="0" * 32 + "-10000", given=None)


def test_a_size_that_gives_another_number_of_parts_is_not_tried():
    sizes = part_sizes(100 * MIB, etag="0" * 32 + "-2", given=None)

    assert sizes
    assert all(-(-100 * MIB // size) == 2 for size in sizes)
    assert len(sizes) <= 8


def test_a_size_that_was_given_is_the_only_one():
    assert part_sizes(100, etag="0" * 32 + "-2", given=50) == [50]
    assert part_sizes(100, etag="0" * 32 + "-3", given=50) == []
    assert part_sizes(100, etag="0" * 32, given=50) == (0,)


def test_without_an_etag_a_file_is_whole_unless_it_is_larger_than_a_given_part():
    assert part_sizes(100, etag="", given=None) == (0,)
    assert part_sizes(100, etag="", given=100) == (0,)
    assert part_sizes(101, etag="", given=100) == (100,)
    assert part_sizes(101, etag="0x8D", given=None) == ()
