"""A corpus of documents that were made to hurt: each ends within its limits as one recorded error, or as text."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import psutil
import pytest

from actors.extracting.extractor import Limits
from actors.extracting.outcomes import Extracted, Failed, Reason
from actors.extracting.pool import Extractors, Source
from actors.extracting.registry import load_extractors
from tests.integration.extracting.conftest import Streamed, extracted, opened, readers, source
from tests.integration.extracting.hostile import CORPUS, MIB, docx, paragraph
from tests.waiting import wait_until

LIMITS = Limits(most_bytes=32 * MIB, most_text=200_000, memory=256 * MIB)
GIB = 1024 * MIB
GOOD = {f"{number}.txt": f"text {number}" for number in range(300)}


class Read(NamedTuple):
    """What came of the whole corpus among good files."""

    told: dict[str, Any]
    grown: int
    """By how many bytes the worker grew meanwhile."""


in_one_process = pytest.mark.xdist_group("hostile corpus")
"""For all that share what came of it."""


@pytest.fixture
def shipped() -> Iterator[Extractors]:
    """The extractors that ship with Rota."""
    with Extractors(processes=2, limits=LIMITS) as extractors:
        yield extractors
    wait_until(lambda: not readers(), timeout=10)


@pytest.fixture(scope="module")
def corpus() -> Read:
    """All of it, read once."""
    worker = psutil.Process()
    sources = [source(name, content) for name, content in [*GOOD.items(), *CORPUS.items()]]
    random.Random(5).shuffle(sources)
    with Extractors(processes=2, limits=LIMITS) as shipped:
        extracted(shipped, *(source(name, text) for name, text in GOOD.items()))
        base = worker.memory_info().rss
        told = extracted(shipped, *sources)
        return Read(told, worker.memory_info().rss - base)


@in_one_process
def test_whole_corpus_ends_within_its_limits_and_the_neighbours_are_read(corpus):
    assert {name: corpus.told[name] for name in GOOD} == {name: Extracted(text) for name, text in GOOD.items()}
    for name in CORPUS:
        outcome = corpus.told[name]
        if isinstance(outcome, Extracted):
            assert len(outcome.text) <= LIMITS.most_text, name
            assert "root:" not in outcome.text, name
        else:
            assert outcome.message, name
    assert corpus.grown < 64 * MIB


@in_one_process
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bomb.docx", Reason.TOO_LARGE),
        ("cut.docx", Reason.BROKEN),
        ("cut.pdf", Reason.BROKEN),
        ("deep.html", Reason.TOO_LARGE),
        ("deep.rtf", Reason.TOO_LARGE),
        ("encrypted.pdf", Reason.ENCRYPTED),
        ("old-and-encrypted.docx", Reason.ENCRYPTED),
    ],
)
def test_reason_is_the_true_one(corpus, name, reason):
    outcome = corpus.told[name]

    assert isinstance(outcome, Failed)
    assert outcome.reason is reason


def test_documents_of_the_same_making_that_hurt_nobody_are_read(shipped):
    told = extracted(
        shipped,
        source("plain.docx", docx(paragraph(b"Hello from a document"))),
        source("plain.pdf", CORPUS["plain.pdf"]),
    )

    assert told["plain.docx"].text.strip() == "Hello from a document"
    assert told["plain.pdf"].text.strip() == "Hello from a page"


@in_one_process
@pytest.mark.parametrize("name", ["endless.pdf", "wide.docx"])
def test_document_without_end_is_read_until_there_is_enough(corpus, name):
    outcome = corpus.told[name]

    # Blanks are dropped where they say nothing, after the text was gathered.
    assert isinstance(outcome, Extracted)
    assert LIMITS.most_text / 2 < len(outcome.text) <= LIMITS.most_text


@in_one_process
def test_no_document_is_the_extractors_own_failure_or_crashes_its_process(corpus):
    told = {name: corpus.told[name] for name in CORPUS}

    # Both make the library in C take whatever it gets, until it aborts. That it was for want of memory cannot be told
    # where this process had as much itself.
    spent = {told.pop(name).reason for name in ("bomb.pdf", "cyclic-form.pdf")}
    assert spent <= {Reason.MEMORY, Reason.TIMEOUT, Reason.CRASHED}
    blamed = {Reason.FAILED, Reason.CRASHED, Reason.MEMORY, Reason.TIMEOUT}
    assert {name: told[name] for name in told if isinstance(told[name], Failed) and told[name].reason in blamed} == {}


def test_noise_under_any_name_is_an_error_or_nothing(shipped):
    noise = random.Random(7).randbytes(20_000)
    contents = {"noise": noise, "empty": b"", "zeros": bytes(20_000), "text": b"words " * 1_000, "two": b"PK"}
    extensions = sorted({extension for extractor in load_extractors() for extension in extractor.extensions})
    sources = [source(f"{name}.{extension}", content) for extension in extensions for name, content in contents.items()]

    told = extracted(shipped, *sources)

    wrong = {Reason.FAILED, Reason.CRASHED, Reason.MEMORY, Reason.TIMEOUT, Reason.UNREADABLE}
    assert {name: told[name] for name in told if isinstance(told[name], Failed) and told[name].reason in wrong} == {}


def test_gigabyte_of_one_line_costs_what_its_beginning_costs(shipped, tmp_path):
    worker = psutil.Process()
    path = tmp_path / "sparse.log"
    with path.open("wb") as file:
        file.write(b"one long line " * 1_000)
        file.truncate(GIB)
    far = Streamed(b"one long line " * 1_000, GIB)
    before = worker.memory_info().rss

    told = extracted(
        shipped,
        Source("sparse", b"sparse.log", GIB, lambda: path.open("rb")),
        Source("far", b"far.log", GIB, lambda: opened(far)),
    )

    assert {len(outcome.text) for outcome in told.values()} == {LIMITS.most_text}
    assert far.given < 5 * MIB
    assert worker.memory_info().rss < before + 32 * MIB
    assert all(reader.memory_info().rss < 64 * MIB for reader in readers())
