from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator

import pytest

from actors.datasources.retrying import Repeats, is_temporary, pause_seconds, retrying
from actors.datasources.storage import End, Listing, Row, Scanner
from rota.errors import Cancelled, PermanentError, TemporaryError


class Flaky:
    """A storage of one folder whose calls fail as often as told, before or after they had their effect."""

    def __init__(self, *, failures: int = 0, error: Exception | None = None, lost_answers: int = 0) -> None:
        self.failures = failures
        self.error = error or TemporaryError("busy")
        self.lost_answers = lost_answers
        self.files = {b"a": b"content"}
        self.calls: list[str] = []

    def list_folder(self, path):
        self._fail("list_folder")
        return Listing(path=path, token="", rows=[self._row(name) for name in sorted(self.files)])

    def stat(self, path):
        return self._row(path) if path in self.files else None

    def write(self, path, pieces, *, modified_ns=None, confirm=lambda: None):
        content = b"".join(pieces)
        self._fail("write")
        confirm()
        self.files[path] = content
        return self._row(path)

    def rename(self, path, target):
        self._fail("rename")
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "missing", path)
        if target in self.files:
            raise FileExistsError(errno.EEXIST, "there", target)
        self.files[target] = self.files.pop(path)
        self._lose_answer()

    def delete(self, path):
        self._fail("delete")
        self.files.pop(path, None)
        self._lose_answer()

    def _row(self, path):
        return Row(path, "file", len(self.files[path]), 0)

    def _fail(self, call: str) -> None:
        self.calls.append(call)
        if self.failures:
            self.failures -= 1
            raise self.error

    def _lose_answer(self) -> None:
        if self.lost_answers:
            self.lost_answers -= 1
            raise ConnectionResetError(errno.ECONNRESET, "connection lost")


class FlakyScanner(Flaky):
    """The same with a scan of its own over folders of numbers, which breaks before the given ones, each time one."""

    def __init__(self, folders: int = 10, breaks: Iterable[int] = ()) -> None:
        super().__init__()
        self.folders = folders
        self.breaks = list(breaks)
        self.started: list[list[bytes]] = []

    def scan(self, paths, known, *, check=lambda: None) -> Iterator[object]:
        self.started.append(list(paths))
        for path in paths:
            for n in range(self.folders):
                if n in self.breaks:
                    self.breaks.remove(n)
                    raise TemporaryError("page lost")
                yield Listing(path=path + b"/%d" % n, token="", rows=[])
            yield End(path=path)


def repeats(retries: int = 4, pauses: list[float] | None = None, **options) -> Repeats:
    return Repeats(retries=retries, sleep=(pauses if pauses is not None else []).append, **options)


def test_a_call_that_failed_for_the_time_being_is_repeated():
    flaky = Flaky(failures=4)

    assert [row.name for row in retrying(flaky, repeats()).list_folder(b"").rows] == [b"a"]
    assert flaky.calls == ["list_folder"] * 5


def test_the_last_failure_goes_up_with_the_number_of_tries():
    flaky = Flaky(failures=99, error=TemporaryError("busy", delay_ms=5))

    with pytest.raises(TemporaryError, match=r"busy \(tried 3 times\)") as raised:
        retrying(flaky, repeats(2)).delete(b"a")

    assert raised.value.delay_ms == 5
    assert flaky.calls == ["delete"] * 3


@pytest.mark.parametrize(
    "error",
    [PermanentError("wrong password"), FileNotFoundError(errno.ENOENT, "missing"), PermissionError(), OSError()],
)
def test_what_will_not_get_better_goes_up_at_once(error):
    flaky = Flaky(failures=1, error=error)

    with pytest.raises(type(error)):
        retrying(flaky, repeats()).list_folder(b"")

    assert flaky.calls == ["list_folder"]


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        BrokenPipeError(),
        TimeoutError(),
        OSError(errno.EHOSTUNREACH, "no route"),
        TemporaryError(),
    ],
)
def test_broken_connections_are_temporary(error):
    assert is_temporary(error)
    with pytest.raises(TemporaryError):
        retrying(Flaky(failures=9, error=error), repeats(1)).list_folder(b"")


def test_pauses_grow_at_random_up_to_a_bound():
    assert [pause_seconds(tried, 1.0) for tried in (1, 2, 3, 50)] == [0.5, 1.0, 2.0, 20.0]
    assert pause_seconds(50, 0.5) == 10.0
    assert pause_seconds(1, 0.0) == 0.0


def test_a_storage_that_asks_for_a_pause_gets_it():
    pauses: list[float] = []
    flaky = Flaky(failures=1, error=TemporaryError("slow down", delay_ms=7_000))

    retrying(flaky, repeats(1, pauses, chance=lambda: 0.0)).list_folder(b"")

    assert sum(pauses) == pytest.approx(7.0)


def test_a_pause_too_long_for_a_thread_is_left_to_the_task():
    pauses: list[float] = []
    flaky = Flaky(failures=1, error=TemporaryError("come back tomorrow", delay_ms=86_400_000))

    with pytest.raises(TemporaryError) as raised:
        retrying(flaky, repeats(4, pauses)).list_folder(b"")

    assert raised.value.delay_ms == 86_400_000
    assert pauses == []


def test_a_cancelled_run_does_not_wait_out_a_pause():
    pauses: list[float] = []

    def check() -> None:
        if sum(pauses) > 1:
            raise Cancelled

    flaky = Flaky(failures=1, error=TemporaryError("slow down", delay_ms=29_000))
    with pytest.raises(Cancelled):
        retrying(flaky, repeats(4, pauses, check=check)).list_folder(b"")

    assert sum(pauses) < 1.3
    assert flaky.calls == ["list_folder"]


def test_a_rename_whose_answer_was_lost_is_done():
    flaky = Flaky(lost_answers=1)

    retrying(flaky, repeats()).rename(b"a", b"b")

    assert flaky.files == {b"b": b"content"}
    assert flaky.calls == ["rename", "rename"]


def test_a_rename_onto_something_else_stays_refused():
    flaky = Flaky(failures=1)
    flaky.files[b"b"] = b"another"

    with pytest.raises(FileExistsError):
        retrying(flaky, repeats()).rename(b"a", b"b")

    assert flaky.files == {b"a": b"content", b"b": b"another"}


def test_a_rename_of_what_is_missing_stays_refused_although_the_target_is_there():
    flaky = Flaky(failures=1)
    flaky.files = {b"b": b"content"}

    with pytest.raises(FileNotFoundError):
        retrying(flaky, repeats()).rename(b"a", b"b")


def test_a_delete_whose_answer_was_lost_is_done():
    flaky = Flaky(lost_answers=1)

    retrying(flaky, repeats()).delete(b"a")

    assert flaky.files == {}


def test_a_write_is_repeated_when_its_pieces_can_be_had_again():
    flaky = Flaky(failures=2)

    assert retrying(flaky, repeats()).write(b"b", [b"new", b" content"]).size == 11
    assert flaky.files[b"b"] == b"new content"


def test_a_write_of_pieces_that_come_once_is_not_repeated():
    flaky = Flaky(failures=1)

    with pytest.raises(TemporaryError):
        retrying(flaky, repeats()).write(b"b", iter([b"new"]))

    assert flaky.files == {b"a": b"content"}
    assert flaky.calls == ["write"]


def test_only_a_scanner_is_offered_as_one():
    assert isinstance(retrying(FlakyScanner(), repeats()), Scanner)
    assert not isinstance(retrying(Flaky(), repeats()), Scanner)


def test_a_scan_that_broke_goes_on_and_tells_nothing_twice():
    scanner = FlakyScanner(breaks=[3, 5, 5, 9, 0])

    told = list(retrying(scanner, repeats(2)).scan([b"x", b"y"], lambda paths: {}))

    folders = [found.path for found in told if isinstance(found, Listing)]
    assert folders == [b"%s/%d" % (top, n) for top in (b"x", b"y") for n in range(10)]
    assert [found.path for found in told if isinstance(found, End)] == [b"x", b"y"]
    assert scanner.breaks == []


def test_a_scan_that_does_not_get_on_gives_up():
    scanner = FlakyScanner(breaks=[4] * 99)

    with pytest.raises(TemporaryError, match=r"page lost \(tried 3 times\)"):
        list(retrying(scanner, repeats(2)).scan([b"x"], lambda paths: {}))


def test_ended_branches_are_not_scanned_again():
    scanner = FlakyScanner(folders=4)
    scanned = retrying(scanner, repeats()).scan([b"x", b"y"], lambda paths: {})
    for found in scanned:
        if isinstance(found, End):
            scanner.breaks = [1]
            break

    list(scanned)

    assert scanner.started == [[b"x", b"y"], [b"y"]]
