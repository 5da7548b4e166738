from __future__ import annotations

from actors.datasources.digest import folder_digest
from actors.datasources.guards import doubt_about_deletions
from actors.datasources.storage import Row
from actors.syncing.difference import Change, Entry, compare


def row(name="a", *, kind="file", size=1, modified_ns=10, inode=100, device=1, etag=""):
    return Row(name.encode(), kind, size, modified_ns, inode, device, etag)


def known(row_, hash_=None):
    """What the catalog has, with a column that is nobody's business."""
    return (*row_, hash_, 7)


def entry(row_, hash_=None, *, folder=b"f"):
    return Entry(folder, row_, hash_)


def kinds(found):
    return {
        name: len(getattr(found, name))
        for name in ("created", "updated", "touched", "replaced", "gone")
        if getattr(found, name)
    }


def test_same_rows_differ_in_nothing():
    assert kinds(compare(b"f", [row()], [known(row())])) == {}


def test_new_and_gone():
    found = compare(b"f", [row("b")], [known(row("a"))])

    assert found.created == [Entry(b"f", row("b"))]
    assert found.gone == [entry(row("a"))]


def test_size_time_or_inode_make_an_update():
    for changed in (row(size=2), row(modified_ns=11), row(inode=101)):
        found = compare(b"f", [changed], [known(row())])
        assert found.updated == [Change(entry(row()), Entry(b"f", changed))]


def test_another_device_is_no_change_of_content():
    """After a restart a disk may have another number, after a move to another disk all inodes are new."""
    assert kinds(compare(b"f", [row(device=2, inode=101)], [known(row())])) == {"touched": 1}


def test_folders_time_is_no_change_of_content():
    found = compare(b"f", [row(kind="folder", size=0, modified_ns=99)], [known(row(kind="folder", size=0))])

    assert kinds(found) == {"touched": 1}


def test_file_that_becomes_a_link_is_updated():
    assert kinds(compare(b"f", [row(kind="link")], [known(row())])) == {"updated": 1}


def test_folder_that_becomes_a_file_is_replaced():
    assert kinds(compare(b"f", [row()], [known(row(kind="folder"))])) == {"replaced": 1}


def test_update_forgets_the_hash_and_touch_keeps_it():
    updated = compare(b"f", [row(size=2)], [known(row(), "x:1")]).updated[0]
    touched = compare(b"f", [row(device=2)], [known(row(), "x:1")]).touched[0]

    assert (updated.new.hash, touched.new.hash) == (None, "x:1")


def test_hash_shows_what_size_and_time_hide():
    hidden = compare(b"f", [row()], [known(row(), "x:1")], hashes={b"a": "x:2"})
    first = compare(b"f", [row()], [known(row())], hashes={b"a": "x:2"})
    same = compare(b"f", [row()], [known(row(), "x:2")], hashes={b"a": "x:2"})

    assert (kinds(hidden), kinds(first), kinds(same)) == ({"updated": 1}, {"touched": 1}, {})


def test_etag_makes_an_update_where_both_sides_have_one():
    assert kinds(compare(b"f", [row(etag="2")], [known(row(etag="1"))])) == {"updated": 1}
    assert kinds(compare(b"f", [row(etag="2")], [known(row())])) == {"touched": 1}


def test_rows_of_an_unknown_folder_are_all_new():
    found = compare(b"f", [row("a"), row("b")], [], hashes={b"b": "x:1"})

    assert found.created == [entry(row("a")), entry(row("b"), "x:1")]


def test_digest_covers_every_column():
    base = folder_digest([row(), row("b")])
    variants = [
        [row("c"), row("b")],
        [row(kind="link"), row("b")],
        [row(size=2), row("b")],
        [row(modified_ns=11), row("b")],
        [row(inode=101), row("b")],
        [row(device=2), row("b")],
        [row()],
        [],
    ]

    assert len({base, *map(folder_digest, variants)}) == len(variants) + 1
    assert len(base) == 16
    assert folder_digest([row(), row("b")]) == base


def test_digest_stays_what_it_is():
    """What is stored in catalogs; if it has to change, its version changes with it."""
    assert folder_digest([row()]).hex() == "85e287ed53f72d258c6a62d9ff7f708f"


def test_digest_takes_the_largest_numbers():
    assert folder_digest([row(size=2**63 - 1, modified_ns=-(2**63) + 1, inode=2**64 - 1, device=2**64 - 1)])


def doubt(deleted, known, *, root_is_empty=False):
    return doubt_about_deletions(deleted=deleted, known=known, root_is_empty=root_is_empty)


def test_deletions_are_doubtful_when_more_than_half_goes():
    assert doubt(51, 100) == "51 of 100 entries are gone, more than 50%"
    assert doubt(50, 100) is None
    assert doubt(20, 30) is not None


def test_a_few_deletions_are_never_doubtful():
    assert doubt(19, 19) is None


def test_empty_storage_is_always_doubtful():
    assert doubt(1, 1, root_is_empty=True) == "the storage is empty and the catalog has 1 entries"
    assert doubt(0, 0, root_is_empty=True) is None
