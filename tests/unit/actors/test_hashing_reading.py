"""Reading in pieces, the order of what threads give, and what a verification says in the end."""

from __future__ import annotations

import hashlib
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from actors.hashing.findings import Differs, Fault, Findings, Skipped, Unread, Verified
from actors.hashing.ordering import InOrder
from actors.hashing.reading import AHEAD_BYTES, PIECE_BYTES, Reader
from actors.hashing.resume import Resume
from actors.hashing.tally import Tally
from actors.testing import RecordingRun
from actors.threads import Threads
from rota.errors import Cancelled, PermanentError, TemporaryError


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as made:
        yield made


@pytest.fixture(params=["plain", "ahead"])
def reader(request, pool):
    return Reader(check=lambda: None, ahead=pool if request.param == "ahead" else None)


class Dribbling(io.BytesIO):
    """Gives less than it is asked for, as connections do."""

    def readinto(self, buffer):
        return super().readinto(memoryview(buffer)[:100_003])


@pytest.mark.parametrize("file", [io.BytesIO, Dribbling])
@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, AHEAD_BYTES, AHEAD_BYTES + 1, 3 * AHEAD_BYTES + 5])
def test_a_file_is_handed_on_whole_and_in_order(reader, file, size):
    content = bytes(range(251)) * (size // 251 + 1)
    content = content[:size]
    hasher = hashlib.sha256()

    assert reader.feed(file(content), size, hasher.update) == size
    assert hasher.hexdigest() == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("size", [0, 10, 2 * AHEAD_BYTES])
def test_a_file_that_grows_is_read_one_byte_further(reader, size):
    assert reader.feed(io.BytesIO(b"x" * (size + 5 * AHEAD_BYTES)), size, lambda _: None) == size + 1


def test_a_file_that_became_shorter_tells_by_its_length(reader):
    assert reader.feed(io.BytesIO(b"x" * 10), 3 * AHEAD_BYTES, lambda _: None) == 10


def test_nobody_reads_on_when_it_shall_end(pool):
    pieces = []

    def check() -> None:
        if pieces:
            raise Cancelled

    with pytest.raises(Cancelled):
        Reader(check=check, ahead=pool).feed(io.BytesIO(b"x" * 9 * AHEAD_BYTES), 9 * AHEAD_BYTES, pieces.append)
    assert len(pieces) == 1


def test_an_error_of_the_file_goes_up(reader):
    class Broken(io.BytesIO):
        def readinto(self, buffer):
            if self.tell():
                raise OSError(5, "broken")
            return super().readinto(memoryview(buffer)[:1000])

    with pytest.raises(OSError, match="broken"):
        reader.feed(Broken(b"x" * 3 * AHEAD_BYTES), 3 * AHEAD_BYTES, lambda _: None)


def test_results_come_in_the_order_of_the_tasks(pool):
    first = threading.Event()
    others = threading.Semaphore(0)
    done: list[int] = []

    def act(number: int) -> int:
        if number == 0:
            assert first.wait(60)
        others.release()
        return number * 10

    crew = InOrder(
        Threads(pool=pool, size=4, check=lambda: None), act, done=lambda _, came: done.append(came), at_once=2
    )
    for number in range(9):
        crew.give(number)
    for _ in range(6):
        assert others.acquire(timeout=60)
    assert done == []
    first.set()
    crew.finish()

    assert done == [number * 10 for number in range(9)]


def test_large_tasks_are_not_handed_over_together(pool):
    threads_of: dict[int, int] = {}
    both = threading.Barrier(2, timeout=60)

    def act(number: int) -> None:
        both.wait()
        threads_of[number] = threading.get_ident()

    crew = InOrder(Threads(pool=pool, size=4, check=lambda: None), act, done=lambda *_: None, at_once=64)
    crew.give(1, size=2**30)
    crew.give(2, size=2**30)
    crew.finish()

    assert threads_of[1] != threads_of[2]


def test_what_a_task_raises_ends_the_work(pool):
    def act(number: int) -> None:
        raise PermanentError("no use")

    crew = InOrder(Threads(pool=pool, size=4, check=lambda: None), act, done=lambda *_: None, at_once=1)
    crew.give(1)

    with pytest.raises(PermanentError, match="no use"):
        crew.finish()


def test_a_checkpoint_comes_back_whatever_the_names_are():
    resume = Resume(after=b"\xff/\n", files=3, bytes=5, failed=1, skipped=2, pieces=2, kept_bytes=99)
    resume.show("a", "sha256:00")

    assert Resume.from_json(resume.to_json()) == resume
    assert Resume.from_json(None) == Resume()


def test_few_files_are_shown():
    resume = Resume()
    for number in range(1000):
        resume.show(f"{number:0200}", "sha256:" + "0" * 64)

    assert 50 < len(resume.items) <= 100
    assert [int(item["path"]) for item in resume.items] == list(range(len(resume.items)))


def test_checkpoints_stay_small_whatever_the_names_are():
    resume = Resume(after=b"\xff" * 4096)
    for number in range(1000):
        resume.show("\1" * number, "sha256:" + "0" * 64)
    run = RecordingRun()
    found = findings_of(run)
    for fault in Fault:
        for _ in range(100):
            found.take("\U0001f600".encode() * 60, Differs(fault, "it is odd"))
    found.keep("ff" * 4096)

    assert resume.fits
    assert len(msgspec.json.encode(resume.to_json())) < 32_000
    assert len(msgspec.json.encode(run.checkpoints[-1])) < 32_000


def findings_of(run: RecordingRun) -> Findings:
    tally = Tally(run)
    tally.deed = "verified"
    return Findings(run, tally, clock=iter(range(0, 10_000, 100)).__next__)


def test_nothing_found_raises_nothing():
    found = findings_of(RecordingRun())
    found.take(b"a", Verified(5))
    found.take(b"b", Skipped("a link"))

    found.raise_faults("it says")


def test_an_error_says_how_much_is_wrong_and_names_the_first():
    run = RecordingRun()
    found = findings_of(run)
    for number in range(30):
        found.take(b"%02d" % number, Differs(Fault.MISSING, "it is not there"))
    found.take(b"x" * 5000, Differs(Fault.EXTRA, "it should not be there"))
    found.take("line 7", Differs(Fault.BAD_LINE, "it is odd"))

    with pytest.raises(PermanentError, match="30 missing, 1 extra, 1 bad lines; 0 files are right") as caught:
        found.raise_faults("'SUMS' says")
    assert "'00', '01'" in str(caught.value)
    assert "and 20 more" in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert ("error", "'00': it is not there") in run.log.lines


def test_what_may_be_readable_later_fails_for_the_time_being():
    found = findings_of(RecordingRun())
    found.take(b"a", Unread(ConnectionResetError("gone")))

    with pytest.raises(TemporaryError, match="not everything was verified"):
        found.raise_faults("it says")


def test_what_cannot_be_read_fails_for_good():
    found = findings_of(RecordingRun())
    found.take(b"a", Unread(PermissionError(13, "Permission denied")))

    with pytest.raises(PermanentError, match="'a': Permission denied"):
        found.raise_faults("it says")


def test_what_an_earlier_attempt_found_counts():
    run = RecordingRun()
    found = findings_of(run)
    found.take(b"a", Differs(Fault.DIFFERENT, "it has another content"))
    found.take(b"b", Verified(7))
    found.keep("here")

    again = findings_of(RecordingRun())
    assert again.resume(run.checkpoints[-1]) == "here"
    with pytest.raises(PermanentError, match="1 different; 1 files are right. different: 'a'"):
        again.raise_faults("it says")


def test_progress_is_told_in_bytes():
    run = RecordingRun()
    now = [0.0]
    tally = Tally(run, clock=lambda: now[0])
    tally.total = 4000
    for seconds, size in ((1.0, 1000), (1.1, 1), (5.0, 999)):
        now[0] = seconds
        tally.moved(size)

    assert [(report.done, report.total, report.unit) for report in run.reports] == [
        (1000, 4000, "bytes"),
        (2000, 4000, "bytes"),
    ]
    assert "about 5 s left" in run.reports[-1].text


def test_more_than_was_expected_is_no_total():
    run = RecordingRun()
    tally = Tally(run)
    tally.total = 10
    tally.moved(11)

    tally.report()
    tally.report(ended=True)

    assert [report.total for report in run.reports[-2:]] == [None, 11]
