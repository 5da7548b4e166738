"""Archives that a bad day made: cut off anywhere, or with bytes that were turned; only an ArchiveError may come."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.archives.reading import ArchiveError
from actors.datasources.rows import Kind
from rota.archives import MADE, Format
from tests.archives.round_trip import packed, unpacked
from tests.archives.trees import CALM, FOLDER, NAMES, Node, content

TREE = {
    b"folder": FOLDER,
    b"folder/empty": Node(),
    b"folder/link": Node(kind=Kind.LINK, link=b"../random"),
    b"folder/text": Node(data=content(3000)),
    b"folder/" + NAMES[3]: Node(data=b"odd"),
    b"random": Node(data=content(2000, packs=False)),
}
CUT_BYTES = 1024
"""How much of its end is cut off, byte by byte."""

each_format = pytest.mark.parametrize("format_", MADE)


@cache
def archive(format_: Format) -> bytes:
    """Give a small archive; reading a damaged one takes no time."""
    return packed(format_, TREE)


@each_format
def test_an_archive_that_is_cut_off_is_refused_or_whole(format_: Format) -> None:
    whole = archive(format_)
    cuts = range(1, CUT_BYTES)
    # A tar that is not packed ends with zeros that say nothing.
    unnoticed = len(cuts) if format_ is Format.TAR else 0

    refused = sum(_is_refused(format_, whole[:-missing]) for missing in cuts)

    assert refused == len(cuts) - unnoticed


def _is_refused(format_: Format, data: bytes) -> bool:
    try:
        assert unpacked(format_, data).keys() == TREE.keys()
    except ArchiveError:
        return True
    return False


@each_format
@settings(CALM, max_examples=150)
@given(turns=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), min_size=1, max_size=4))
def test_turned_bytes_give_a_tree_or_an_archive_error(format_: Format, turns: list[tuple[int, int]]) -> None:
    data = bytearray(archive(format_))
    for at, mask in turns:
        data[at % len(data)] ^= mask

    try:
        found = unpacked(format_, bytes(data))
    except (ArchiveError, KeyError):
        return  # KeyError: a member became a special one, which has no place in a tree
    assert len(found) <= len(TREE)


@pytest.mark.parametrize("format_", [each for each in MADE if each is not Format.TAR])
@settings(CALM, max_examples=100)
@given(at=st.integers(0, 1 << 20), mask=st.integers(1, 255))
def test_a_turned_byte_is_never_taken_for_content(format_: Format, at: int, mask: int) -> None:
    data = bytearray(archive(format_))
    data[at % len(data)] ^= mask

    try:
        found = unpacked(format_, bytes(data))
    except (ArchiveError, KeyError):
        return
    contents = {node.data for node in TREE.values()}
    assert {node.data for node in found.values()} <= contents
