"""Files that take their process down, or try to: each is one recorded error, and its neighbours come through."""

from __future__ import annotations

import os
import resource

import psutil
import pytest

from actors.extracting.extractor import Limits
from actors.extracting.outcomes import Extracted, Failed, Reason
from actors.extracting.pool import Extractors, Source
from tests.extractors_for_tests import misbehaving
from tests.integration.extracting.conftest import MEMORY, extracted, readers, source

NEIGHBOURS = 100

ENDLESS = ("loop_in_python", "loop_in_c", "sleep", "trickle")
ENDED = {
    "eat_memory": (Reason.MEMORY, "more memory than a file may use"),
    "eat_memory_in_c": (Reason.MEMORY, "more memory than a file may use"),
    "segfault": (Reason.CRASHED, "SIGSEGV"),
    "abort": (Reason.CRASHED, "SIGABRT"),
    "leave 0": (Reason.CRASHED, "exit code 0"),
    "leave 7": (Reason.CRASHED, "exit code 7"),
    "babble": (Reason.CRASHED, "answered what none of ours does"),
    "forge text": (Reason.CRASHED, "answered what none of ours does"),
    "forge meta": (Reason.CRASHED, "answered what none of ours does"),
    "forge message": (Reason.CRASHED, "answered what none of ours does"),
    "forge start": (Reason.CRASHED, "answered what none of ours does"),
    "exit_politely": (Reason.FAILED, "SystemExit: 3"),
    "nest": (Reason.TOO_LARGE, "nested too deeply"),
    "fail strange\u2028news": (Reason.FAILED, "ValueError: strange news"),
    "refuse it has a password": (Reason.ENCRYPTED, "it has a password"),
    "refuse_oddly whatever": (Reason.FAILED, "'whatever' is not a valid Reason"),
    "no_such_deed": (Reason.FAILED, "KeyError"),
}


@pytest.mark.parametrize("deed", ENDED)
def test_bad_file_is_one_error_and_its_neighbours_are_read(pool, deed):
    good = {f"{number}.txt": f"text {number}" for number in range(NEIGHBOURS)}
    sources = [source(name, text) for name, text in good.items()]
    sources.insert(NEIGHBOURS // 3, source("bad.deed", deed))

    told = extracted(pool, *sources)

    reason, message = ENDED[deed]
    bad = told.pop("bad.deed")
    assert bad.reason is reason
    assert message in bad.message
    assert "\n" not in bad.message
    assert told == {name: Extracted(text) for name, text in good.items()}


def test_files_that_never_end_are_one_error_each_and_their_neighbours_are_read():
    good = {f"{number}.txt": f"text {number}" for number in range(NEIGHBOURS)}
    sources = [source(name, text) for name, text in good.items()]
    for number, deed in enumerate(ENDLESS, 1):
        sources.insert(number * NEIGHBOURS // 5, source(f"{deed}.deed", deed))

    limits = Limits(seconds=2.0, memory=MEMORY)
    with Extractors(processes=len(ENDLESS), limits=limits, registry=misbehaving()) as impatient:
        told = extracted(impatient, *sources)

    bad = [told.pop(f"{deed}.deed") for deed in ENDLESS]
    assert [(outcome.reason, "longer than 2 s" in outcome.message) for outcome in bad] == [(Reason.TIMEOUT, True)] * 4
    assert told == {name: Extracted(text) for name, text in good.items()}


def test_many_bad_files_at_once_are_each_told_with_their_own_reason(pool):
    quick = ["segfault", "leave 7", "eat_memory", "abort", "nest", "babble"]
    deeds = {f"{number}-{deed}.deed": deed for number in range(2) for deed in quick}

    told = extracted(pool, *(source(name, deed) for name, deed in deeds.items()), source("good.txt", "good"))

    assert told.pop("good.txt") == Extracted("good")
    assert {name: outcome.reason for name, outcome in told.items()} == {
        name: ENDED[deed][0] for name, deed in deeds.items()
    }


def test_large_bad_file_is_tried_twice_and_its_descriptor_is_closed(pool, tmp_path):
    path = tmp_path / "bad.deed"
    path.write_bytes(b"segfault" + b"\n" * 1_000_000)

    bad = Source("bad.deed", b"bad.deed", path.stat().st_size, lambda: path.open("rb"))
    told = extracted(pool, source("good.txt", "good"), bad)

    assert told["bad.deed"] == Failed(Reason.CRASHED, "the process that read it was ended by SIGSEGV")
    assert told["good.txt"] == Extracted("good")
    assert str(path) not in [file.path for file in psutil.Process().open_files()]


def test_what_a_file_prints_goes_nowhere(pool, capfd):
    told = extracted(pool, source("a.deed", "print_noise"), source("good.txt", "good"))

    assert told == {"a.deed": Extracted("said a lot, and read ''"), "good.txt": Extracted("good")}
    assert capfd.readouterr() == ("", "")


def test_text_is_cut_and_fit_to_be_kept(pool):
    told = extracted(pool, source("odd.deed", "odd_text"), source("endless.deed", "endless_text"))

    assert told["odd.deed"] == Extracted("a b?c")
    assert told["endless.deed"] == Extracted("x" * pool.limits.most_text)


def test_memory_of_the_worker_returns_to_its_base(pool):
    worker = psutil.Process()
    huge = "word " * 50_000
    extracted(pool, *(source(f"{number}.txt", huge) for number in range(10)))
    base = worker.memory_info().rss

    for _ in range(3):
        for _, outcome in pool.extract(source(f"{number}.txt", huge) for number in range(100)):
            assert isinstance(outcome, Extracted)
        extracted(pool, source("bad.deed", "eat_memory"), source("endless.deed", "endless_text"))

    assert worker.memory_info().rss < base + 32 * 1024 * 1024


def test_memory_of_a_reading_process_is_small(pool):
    extracted(pool, *(source(f"{number}.txt", "text " * 1_000) for number in range(1_000)))

    assert [reader for reader in readers() if reader.memory_info().rss > 64 * 1024 * 1024] == []


def test_no_core_is_written_and_no_limit_of_the_worker_is_changed(pool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kinds = (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_AS, resource.RLIMIT_CPU)
    before = [resource.getrlimit(kind) for kind in kinds]

    extracted(pool, source("bad.deed", "segfault"))

    assert os.listdir(tmp_path) == []
    assert [resource.getrlimit(kind) for kind in kinds] == before
