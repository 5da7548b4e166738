"""Drafts: files that are written bit by bit under a private name, on every kind of storage that has them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from actors.datasources.abilities import Drafting, Uploading
from actors.datasources.drafts import DraftKind, draft_of, parse_draft
from actors.datasources.objects.writing import PART_BYTES
from actors.datasources.opening import open_storage
from actors.datasources.paths import split
from rota.ids import new_id
from tests.storages.served import Served

KEY = new_id()
KINDS = ("local", "s3", "sftp")


@pytest.fixture
def chunk(served: Served) -> bytes:
    """What is safe at once: a part where the storage takes parts."""
    return os.urandom(PART_BYTES if served.datasource.kind == "s3" else 70_000)


@pytest.fixture
def reopen(served: Served) -> Iterator[Callable[[], Drafting]]:
    """Opens the storage as another process would; skips where it has no drafts."""
    opened = []

    def open_one() -> Drafting:
        opened.append(open_storage(served.datasource))
        return opened[-1]

    yield open_one
    for storage in opened:
        storage.close()


@pytest.fixture
def drafting(served: Served, reopen: Callable[[], Drafting]) -> Drafting:
    if served.datasource.kind not in KINDS:
        pytest.skip("has no drafts")
    return reopen()


def read(storage, path: bytes) -> bytes:
    with storage.open_file(path) as file:
        return file.read()


def shown(served: Served) -> set[bytes]:
    return {path for path in served.walk() if not any(part.startswith(b".rota") for part in path.split(b"/"))}


def test_only_some_kinds_have_drafts(served, reopen):
    assert isinstance(reopen(), Drafting) == (served.datasource.kind in KINDS)
    assert isinstance(reopen(), Uploading) == (served.datasource.kind == "s3")


def test_a_draft_becomes_the_file_at_the_end(served, drafting, chunk):
    drafting.make_folder(b"folder")
    with closing(drafting.draft(b"folder/a b", KEY)) as draft:
        assert draft.size == 0
        draft.append(chunk)
        draft.append(b"end")
        draft.keep()
        assert draft.size >= len(chunk)
        assert b"folder/a b" not in served.walk()

        row = draft.publish(modified_ns=1_600_000_000_000_000_000)

    assert read(drafting, b"folder/a b") == chunk + b"end"
    assert (row.name, row.kind, row.size) == (b"a b", "file", len(chunk) + 3)
    if drafting.capabilities.keeps_modified:
        assert row.modified_ns == 1_600_000_000_000_000_000
    assert shown(served) - {b"folder"} == {b"folder/a b"}
    assert not any(b".rota-draft" in path for path in served.walk())


def test_a_draft_replaces_a_file(served, drafting, chunk):
    served.write(b"a", b"old")
    with closing(drafting.draft(b"a", KEY)) as draft:
        draft.append(chunk)
        assert read(drafting, b"a") == b"old"
        draft.publish()

    assert read(drafting, b"a") == chunk


@pytest.mark.parametrize("content", [b"", b"small"])
def test_a_draft_may_be_small(drafting, content):
    with closing(drafting.draft(b"a", KEY)) as draft:
        draft.append(content)
        draft.publish()

    assert read(drafting, b"a") == content


def test_another_process_goes_on_with_what_is_safe(served, drafting, reopen, chunk):
    with closing(drafting.draft(b"a", KEY)) as draft:
        draft.append(chunk)
        draft.keep()
        safe = draft.size
        draft.append(b"lost")
    later = reopen()

    with closing(later.draft(b"a", KEY)) as draft:
        assert safe == len(chunk)
        assert draft.size >= safe
        draft.cut(safe)
        draft.append(b"the rest")
        draft.publish()

    assert read(later, b"a") == chunk + b"the rest"
    assert shown(served) == {b"a"}


def test_a_draft_is_cut_to_where_it_was_safe(drafting, chunk):
    with closing(drafting.draft(b"a", KEY)) as draft:
        for _ in range(2):
            draft.append(chunk)
            draft.keep()
        draft.cut(len(chunk))
        assert draft.size == len(chunk)
        draft.append(b"other")
        draft.publish()
    assert read(drafting, b"a") == chunk + b"other"

    with closing(drafting.draft(b"a", KEY)) as draft:
        draft.append(chunk)
        draft.keep()
        draft.cut(0)
        draft.append(b"new")
        draft.publish()
    assert read(drafting, b"a") == b"new"


def test_drafts_of_other_tasks_and_other_files_are_others(served, drafting):
    keys = [(b"a", KEY), (b"a", new_id()), (b"b", KEY)]
    for number, (path, key) in enumerate(keys):
        with closing(drafting.draft(path, key)) as draft:
            draft.append(b"%d" % number)
            draft.publish()
            assert read(drafting, path) == b"%d" % number
    assert shown(served) == {b"a", b"b"}


def test_what_confirms_may_stop_it(served, drafting, chunk):
    def refuse() -> None:
        raise KeyError("changed")

    with closing(drafting.draft(b"a", KEY)) as draft:
        draft.append(chunk)
        with pytest.raises(KeyError):
            draft.publish(confirm=refuse)
        assert shown(served) == set()
        draft.discard()
        draft.discard()
    assert {path for path, (kind, _) in served.walk().items() if kind == "file"} == set()
    if isinstance(drafting, Uploading):
        assert list(drafting.unfinished()) == []


def test_a_folder_is_in_the_way(served, drafting):
    served.write(b"a/b", b"1")

    def publish() -> None:
        with closing(drafting.draft(b"a", KEY)) as draft:
            draft.append(b"x")
            draft.publish()

    with pytest.raises(OSError):  # noqa: PT011 -- each system has its own
        publish()

    assert read(drafting, b"a/b") == b"1"


def test_a_draft_lies_beside_its_file_under_a_name_that_tells_whose_it_is(served, drafting):
    with closing(drafting.draft(b"a", KEY)) as draft:
        draft.append(b"x")
        draft.keep()
        [name] = [split(path)[1] for path in served.walk() if b".rota-draft" in path]

    found = parse_draft(name)
    assert found is not None
    assert (found.kind, found.id) == (DraftKind.KEPT, KEY)
    assert name == split(draft_of(b"a", KEY))[1]


def test_uploads_that_stay_behind_are_found_and_thrown_away(served, drafting, chunk):
    if not isinstance(drafting, Uploading):
        pytest.skip("has no uploads in parts")
    for path in (b"x/a", b"x/b"):
        with closing(drafting.draft(path, KEY)) as draft:
            draft.append(chunk)
            draft.keep()

    found = sorted(drafting.unfinished())
    assert [upload.path for upload in found] == [b"x/a", b"x/b"]
    for upload in found:
        drafting.abort(upload.path, upload.key)
        drafting.abort(upload.path, upload.key)

    assert list(drafting.unfinished()) == []
    assert served.uploads() == []
    with closing(drafting.draft(b"x/a", KEY)) as draft:
        assert draft.size == 0
        draft.append(b"again")
        draft.publish()
    assert read(drafting, b"x/a") == b"again"
