"""The pool of reading processes: what it hands over, gives back, survives, and leaves behind."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import time
from itertools import chain, count, islice
from pathlib import Path

import psutil
import pytest

from actors.extracting.extractor import Limits
from actors.extracting.outcomes import Extracted, Failed, Reason
from actors.extracting.pool import Extractors, Source
from rota.errors import Interrupted, TemporaryError
from tests.extractors_for_tests import misbehaving
from tests.integration.extracting.conftest import Streamed, extracted, opened, readers, source
from tests.processes import is_running
from tests.waiting import wait_until

LARGE = 3 * 1024 * 1024


def test_every_file_is_told_once_with_its_own_text(pool):
    texts = {f"{number}.txt": f"text number {number}" for number in range(2_000)}

    told = extracted(pool, *(source(name, text) for name, text in texts.items()))

    assert told == {name: Extracted(text) for name, text in texts.items()}
    assert len(readers()) <= 2


@pytest.mark.parametrize(("busy_seconds", "processes"), [(0.0, 2), (60.0, 1)])
def test_another_process_is_started_when_the_first_stays_busy(pool, monkeypatch, busy_seconds, processes):
    monkeypatch.setattr("actors.extracting.crew._BUSY_SECONDS", busy_seconds)

    told = extracted(pool, *(source(f"{number}.txt", "text") for number in range(200)))

    assert len(told) == 200
    assert len(readers()) == processes


def test_process_that_was_started_ahead_reads_the_first_file(pool):
    pool.begin()
    [ahead] = readers()

    told = extracted(pool, source("pid.deed", "process_id"))

    assert told == {"pid.deed": Extracted(str(ahead.pid))}


def test_file_of_no_known_type_gives_nothing_and_is_no_error(pool):
    told = extracted(pool, source("a.bin", bytes(range(256)) * 10), source("empty.txt", b""))

    assert told == {"a.bin": Extracted(""), "empty.txt": Extracted("")}
    assert readers() == []


def test_file_of_no_known_type_is_not_fetched(pool):
    far = Streamed(bytes(range(256)), LARGE)

    told = extracted(pool, Source("a.bin", b"a.bin", LARGE, lambda: opened(far)))

    assert (told["a.bin"], far.given) == (Extracted(""), 4096)


def test_large_file_of_this_machine_is_read_where_it_is(pool, tmp_path):
    path = tmp_path / "large.whole"
    path.write_bytes(b"head" + bytes(LARGE))

    told = extracted(pool, Source("a", b"large.whole", LARGE, lambda: path.open("rb")))

    assert told["a"].text == f"{LARGE + 4} bytes, the first b'head'"


@pytest.mark.parametrize("said", [LARGE, 10, 0], ids=["size known", "size too small", "size unknown"])
def test_large_file_from_afar_comes_whole(pool, said):
    far = Streamed(b"head" + bytes(996), LARGE)

    told = extracted(pool, Source("a", b"large.whole", said, lambda: opened(far)))

    assert told["a"].text == f"{LARGE} bytes, the first b'head'"


def test_file_that_became_smaller_than_it_was_is_read_as_it_is(pool):
    told = extracted(pool, Source("a", b"a.txt", LARGE, lambda: io.BytesIO(b"little")))

    assert told["a"] == Extracted("little")


def test_file_from_afar_that_is_larger_than_may_be_fetched_is_told_and_left(tmp_path):
    far = [Streamed(b"head" + bytes(996), LARGE), Streamed(b"head" + bytes(996), LARGE)]
    limits = Limits(most_copied=LARGE - 1)

    with Extractors(processes=1, limits=limits, registry=misbehaving()) as pool:
        told = extracted(
            pool,
            Source("known", b"a.whole", LARGE, lambda: opened(far[0])),
            Source("unknown", b"a.whole", 300_000, lambda: opened(far[1])),
        )

    assert {outcome.reason for outcome in told.values()} == {Reason.TOO_LARGE}
    assert far[0].given == 4096


def test_no_more_of_a_text_from_afar_is_fetched_than_can_be_used(pool):
    far = Streamed(b"word " * 1000, 1024**3)

    told = extracted(pool, Source("a", b"a.log", 1024**3, lambda: opened(far)))

    assert len(told["a"].text) == pool.limits.most_text
    assert far.given < 5 * 1024 * 1024


def test_file_that_cannot_be_opened_or_read_is_unreadable_and_the_others_are_read(pool):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    def gone():
        raise FileNotFoundError(2, "No such file or directory")

    told = extracted(
        pool, Source("gone", b"a.txt", 1, gone), Source("broken", b"a.txt", 1, Broken), source("good.txt", "good")
    )

    assert told["gone"] == Failed(Reason.UNREADABLE, "No such file or directory")
    assert told["broken"] == Failed(Reason.UNREADABLE, "Input/output error")
    assert told["good.txt"] == Extracted("good")


def test_worker_that_can_open_no_more_files_blames_none_of_them(pool):
    def full():
        raise OSError(errno.EMFILE, "Too many open files")

    with pytest.raises(TemporaryError, match="Too many open files"):
        extracted(pool, Source("a.txt", b"a.txt", 1, full))


def test_descriptor_that_cannot_be_handed_over_is_never_taken_for_another(pool, tmp_path, monkeypatch):
    monkeypatch.setattr("actors.extracting.crew._FEW", 10_000)
    path = tmp_path / "large.whole"
    path.write_bytes(bytes(LARGE))
    large = (Source(number, b"a.whole", LARGE, lambda: path.open("rb")) for number in range(1000))
    before = psutil.Process().num_fds()

    with pytest.raises(TemporaryError, match="cannot hand a file over"):
        list(pool.extract(chain([source("a.deed", "sleep"), source("b.deed", "sleep")], large)))

    assert psutil.Process().num_fds() <= before + 4


def test_file_whose_closing_fails_leaves_no_descriptor(pool, tmp_path):
    class FailsAtItsEnd(io.FileIO):
        def close(self):
            super().close()
            raise OSError(5, "Input/output error")

    path = tmp_path / "large.whole"
    path.write_bytes(bytes(LARGE))
    extracted(pool, source("a.txt", "text"))
    before = psutil.Process().num_fds()

    told = extracted(pool, *(Source(n, b"a.whole", LARGE, lambda: opened(FailsAtItsEnd(path))) for n in range(20)))

    assert set(told.values()) == {Failed(Reason.UNREADABLE, "Input/output error")}
    assert psutil.Process().num_fds() <= before + 4


def test_file_that_hangs_ends_in_time_though_others_come_slowly():
    given, told = [], []

    def sources():
        yield source("hangs.deed", "sleep")
        while not told:
            given.append(f"{len(given)}.txt")
            came = time.monotonic() + 0.5
            wait_until(lambda: time.monotonic() > came)
            yield source(given[-1], "text")

    with Extractors(processes=1, limits=Limits(seconds=1.5), registry=misbehaving()) as pool:
        for name, outcome in pool.extract(sources()):
            if name == "hangs.deed":
                told.append(outcome)
            else:
                assert outcome == Extracted("text")

    assert [outcome.reason for outcome in told] == [Reason.TIMEOUT]
    assert len(given) < 10


@pytest.mark.parametrize("raised", [TemporaryError("the storage is away"), Interrupted()])
def test_what_concerns_the_whole_goes_up_and_ends_what_still_reads(pool, raised):
    def away():
        raise raised

    sources = [source("loop.deed", "loop_in_python"), *(source(f"{n}.txt", "x") for n in range(100))]

    with pytest.raises(type(raised)):
        extracted(pool, *sources, Source("away", b"a.txt", 1, away))

    wait_until(lambda: len(readers()) < 2, timeout=10)
    assert extracted(pool, source("after.txt", "after")) == {"after.txt": Extracted("after")}


def test_check_is_called_while_a_file_is_read_and_may_end_it(pool):
    class Cancelled(Exception):
        pass

    calls = count()

    def check():
        if next(calls) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        extracted(pool, source("loop.deed", "loop_in_python"), check=check)

    wait_until(lambda: not readers(), timeout=10)


def test_iterator_that_is_closed_early_leaves_no_descriptor_and_reads_no_further(pool, tmp_path):
    path = tmp_path / "large.whole"
    path.write_bytes(bytes(LARGE))
    taken = []

    def sources():
        for number in count():
            taken.append(number)
            yield Source(number, b"a.whole", LARGE, lambda: path.open("rb"))

    before = psutil.Process().num_fds()
    told = pool.extract(sources())
    list(islice(told, 3))
    told.close()

    assert len(taken) < 100
    wait_until(lambda: psutil.Process().num_fds() <= before + 4, timeout=10)  # idle processes keep their connections


def test_consumer_that_is_away_for_longer_than_a_file_may_take_blames_no_file():
    with Extractors(processes=2, limits=Limits(seconds=1.0), registry=misbehaving()) as pool:
        told = pool.extract([source(f"{number}.txt", "x" * 100_000) for number in range(40)])
        outcomes = [next(told)]
        back = time.monotonic() + 1.5
        wait_until(lambda: time.monotonic() > back)

        outcomes += told

    assert [outcome for _, outcome in outcomes if isinstance(outcome, Failed)] == []
    assert len(outcomes) == 40


def test_process_that_is_killed_between_two_calls_is_replaced(pool):
    extracted(pool, source("a.txt", "before"))
    [reader] = readers()
    reader.kill()
    wait_until(lambda: reader.status() == psutil.STATUS_ZOMBIE, timeout=10)

    assert extracted(pool, source("a.txt", "after")) == {"a.txt": Extracted("after")}


def test_processes_outlive_the_signals_that_stop_the_worker(pool):
    [(_, told)] = extracted(pool, source("pid.deed", "process_id")).items()
    os.kill(int(told.text), signal.SIGTERM)
    os.kill(int(told.text), signal.SIGINT)

    assert extracted(pool, source("pid.deed", "process_id"))["pid.deed"] == told


def test_processes_that_cannot_start_are_one_clear_error(monkeypatch):
    with Extractors(processes=1, registry=misbehaving()) as pool:
        monkeypatch.setattr("actors.extracting.starting._PROGRAM", "raise SystemExit(7)")
        with pytest.raises(TemporaryError, match="end before they begin"):
            extracted(pool, source("a.txt", "text"))

        monkeypatch.setattr("sys.executable", "/nowhere/python")
        with pytest.raises(TemporaryError, match="cannot start a process that reads files"):
            extracted(pool, source("a.txt", "text"))


def test_processes_get_no_variable_of_the_worker(pool, monkeypatch):
    monkeypatch.setenv("ROTA_SECRET", "hidden")

    told = extracted(pool, source("a.deed", "variables"))["a.deed"].text.split()

    assert "PATH" in told
    assert not {name for name in told if name.startswith(("ROTA", "PYTHON"))}


@pytest.mark.parametrize(("bound", "value"), [("_MOST_ANSWERED", 50), ("_MOST_RESIDENT", 1024)])
def test_worn_process_is_replaced(pool, monkeypatch, bound, value):
    monkeypatch.setattr(f"actors.extracting.crew.{bound}", value)

    told = extracted(pool, *(source(f"{number}.deed", "process_id") for number in range(300)))

    assert len({outcome.text for outcome in told.values()}) > 3
    assert len(readers()) <= 2


def test_processes_end_with_a_worker_that_is_killed(tmp_path):
    program = (
        "from actors.extracting.pool import Extractors\n"
        "from tests.extractors_for_tests import misbehaving\n"
        "from tests.integration.extracting.conftest import source\n"
        "with Extractors(processes=1, registry=misbehaving()) as pool:\n"
        "    told = pool.extract([source('a.deed', 'process_id'), source('b.deed', 'loop_in_c')])\n"
        "    print(next(told)[1].text, flush=True)\n"
        "    next(told)\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as worker:
        reader = int(worker.stdout.readline())
        worker.kill()

    wait_until(lambda: not is_running(reader), timeout=30)


def test_worker_that_knows_all_extractors_has_loaded_no_library_of_theirs():
    program = (
        "import sys\n"
        "from actors.extracting.pool import Extractors\n"
        "Extractors().close()\n"
        "heavy = 'lxml pypdfium2 python_calamine selectolax charset_normalizer exifread tinytag tantivy sqlalchemy httpx'\n"
        "print([name for name in heavy.split() if name in sys.modules])\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
