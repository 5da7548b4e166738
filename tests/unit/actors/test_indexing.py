"""The deciding parts of indexing: what names a document, what is read, what differs, and what a run does."""

from __future__ import annotations

import pytest

from actors.datasources.storage import Row
from actors.extracting.extractor import Extractor, Limits
from actors.extracting.outcomes import Extracted
from actors.indexing.choosing import Choice, Chooser
from actors.indexing.comparing import Comparison
from actors.indexing.identity import content_id, document_id
from actors.indexing.planning import Plan, Progress, Way, lends, plan_run
from rota.datasources import Rules
from store.records import IndexRecord
from store.search.engine import Shape

MD5 = "0123456789abcdef0123456789abcdef"
SHAPE = Shape(True, "none", "pdf/1")
OTHER = Shape(True, "german", "pdf/1")


def known(name="a.txt", *, kind="file", size=5, modified_ns=10, inode=100, etag="", hash_=None):
    """A row as the catalog has it, with a column that is nobody's business."""
    return (*Row(name.encode(), kind, size, modified_ns, inode, 1, etag), hash_, 7)


def extract(file, limits: Limits) -> Extracted:
    return Extracted("")


CHOOSER = Chooser(Rules(largest_read=100), SHAPE, [Extractor(name="pdf", version=1, extract=extract, extensions={"pdf", "jpg"})])  # fmt: skip


# --- identity ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [{"name": "b.txt"}, {"kind": "link"}, {"size": 6}, {"modified_ns": 11}, {"inode": 101}, {"etag": "e"}, {"hash_": "h"}],
)  # fmt: skip
def test_another_state_of_an_entry_is_another_document(other) -> None:
    assert document_id(b"f", known()) != document_id(b"f", known(**other))


def test_ids_are_63_bits_and_the_same_each_time() -> None:
    assert document_id(b"f", known()) == 7123447795384535508
    assert content_id(b"f", known()) == 3993547959349474271
    assert all(0 <= document_id(b"f", known(str(n))) < 2**63 for n in range(100))


def test_a_path_does_not_run_into_what_follows_it() -> None:
    assert document_id(b"a/b", known("c")) == document_id(b"a", known("b/c"))
    assert document_id(b"a", known("bc")) != document_id(b"ab", known("c"))


@pytest.mark.parametrize(
    ("row", "copy"),
    [
        (known(hash_="h"), known("b", inode=7, modified_ns=3, hash_="h")),
        (known(etag=MD5, inode=0), known("b", etag=MD5, inode=0, modified_ns=3)),
        (known(etag=f"{MD5}-12", inode=0), known("b", etag=f"{MD5}-12", inode=0)),
        (known(), known("b")),
    ],
)
def test_the_same_content_at_another_path_is_known(row, copy) -> None:
    assert content_id(b"f", row) == content_id(b"g", copy) != 0


@pytest.mark.parametrize(
    ("row", "other"),
    [
        (known(inode=0), known("b", inode=0)),
        (known(inode=0, etag="5-1f2e3d"), known("b", inode=0, etag="5-1f2e3d")),
        (known(hash_="h"), known(hash_="i")),
        (known(hash_="h"), known(hash_="h", size=6)),
        (known(), known(modified_ns=11)),
        (known(etag=MD5, inode=0), known(etag=MD5[::-1], inode=0)),
    ],
)
def test_what_may_be_another_content_counts_as_one(row, other) -> None:
    assert content_id(b"f", row) != content_id(b"f", other)


# --- what is read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "choice"),
    [
        (known("a.txt"), Choice.TEXT),
        (known("README"), Choice.TEXT),
        (known("what.ever"), Choice.TEXT),
        (known("scan.jpg"), Choice.TEXT),
        (known("scan.png"), Choice.NAME),
        (known("film.mkv"), Choice.NAME),
        (known("tool.exe"), Choice.NAME),
        (known("folder", kind="folder", size=0), Choice.NAME),
        (known("link.txt", kind="link"), Choice.NAME),
        (known("blank.txt", size=0), Choice.NAME),
        (known("a.txt", size=100), Choice.TEXT),
        (known("a.txt", size=101), Choice.TOO_LARGE),
        (known("a.PDF", size=101), Choice.TOO_LARGE),
        (known("film.mkv", size=101), Choice.NAME),
        (known("what.ever", size=101), Choice.NAME),
    ],
)
def test_which_files_are_read(row, choice) -> None:
    assert CHOOSER.choose(row) is choice


def test_without_contents_nothing_is_read() -> None:
    chooser = Chooser(Rules(largest_read=1), Shape(False, "none", ""), [])

    assert chooser.choose(known("a.txt", size=500)) is Choice.NAME


# --- what differs ------------------------------------------------------------------------------------------------


def test_missing_and_gone_documents_are_told_apart() -> None:
    same, new = known("same"), known("new.mkv")
    there = {document_id(b"f", same): content_id(b"f", same), 1: 11, 2: 0}
    comparison = Comparison(b"f", there, CHOOSER)

    (missing,) = comparison.missing([same, new])

    assert (missing.id, missing.folder, missing.row, missing.content) == (document_id(b"f", new), b"f", new, 0)
    assert comparison.gone == {1: 11, 2: 0}
    assert len(there) == 3


def test_a_document_that_is_asked_for_again_is_wanted_although_it_is_there() -> None:
    row = known()
    id_ = document_id(b"f", row)
    comparison = Comparison(b"f", {id_: 0}, CHOOSER, again={id_})

    (wanted,) = comparison.missing([row])

    assert (wanted.is_there, wanted.content) == (True, content_id(b"f", row))
    assert comparison.gone == {}


# --- what a run does ---------------------------------------------------------------------------------------------


def record(live=1, live_shape=SHAPE, building=None, building_shape=None) -> IndexRecord:
    return IndexRecord(
        datasource="files", live=live, live_shape=live_shape if live else None, building=building,
        building_shape=building_shape, last_generation=9, documents=5, bytes=5, last_run=None, last_check=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("there", "full", "progress", "way"),
    [
        (record(), False, None, Way.FOLLOW),
        (record(), True, None, Way.BEGIN),
        (record(live=None), False, None, Way.BEGIN),
        (record(live_shape=OTHER), False, None, Way.BEGIN),
        # An attempt before this one got so far:
        (record(building=2, building_shape=SHAPE), True, Progress(2, b"a"), Way.RESUME),
        (record(building=2, building_shape=OTHER), True, Progress(2, b"a"), Way.BEGIN),
        (record(live=2), True, Progress(2, b"a"), Way.FOLLOW),
        (record(live=3), True, Progress(2, b"a"), Way.BEGIN),
        # Somebody else left a build behind:
        (record(live=2, building=2, building_shape=SHAPE), False, None, Way.RESUME),
        (record(live_shape=OTHER, building=2, building_shape=SHAPE), False, None, Way.RESUME),
        (record(building=2, building_shape=SHAPE), False, None, Way.FOLLOW),
        (record(building=2, building_shape=SHAPE), True, None, Way.BEGIN),
        (record(live_shape=OTHER, building=2, building_shape=OTHER), False, None, Way.BEGIN),
    ],
)
def test_what_a_run_does(there, full, progress, way) -> None:
    plan = plan_run(there, SHAPE, full=full, progress=progress)

    assert plan.way is way
    if way is Way.RESUME:
        assert plan.progress == (progress or Progress(2))


def test_an_index_that_is_lost_is_built_anew_or_built_on() -> None:
    assert plan_run(record(), SHAPE, full=False, progress=None, is_lost=True) == Plan(Way.BEGIN)
    building = record(building=2, building_shape=SHAPE)
    assert plan_run(building, SHAPE, full=False, progress=Progress(2), is_lost=True).way is Way.RESUME


@pytest.mark.parametrize("after", [None, b"", b"a/\xff"])
def test_progress_survives_a_checkpoint(after: bytes | None) -> None:
    progress = Progress(3, after)

    assert Progress.from_json(progress.to_json()) == progress
    assert Progress.from_json({"counts": {}}) is None


def test_texts_are_lent_where_the_extractors_would_give_the_same() -> None:
    assert lends(OTHER, SHAPE, full=False)
    assert not lends(OTHER, SHAPE, full=True)
    assert not lends(Shape(False, "none", ""), SHAPE, full=False)
    assert not lends(Shape(True, "none", "pdf/0"), SHAPE, full=False)
