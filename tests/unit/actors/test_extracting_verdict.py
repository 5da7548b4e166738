from __future__ import annotations

import errno
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.extracting.extractor import Limits, TextGatherer
from actors.extracting.outcomes import Extracted, Failed, Reason, Unextractable
from actors.extracting.reader import Death
from actors.extracting.reading import cause_of
from actors.extracting.verdict import tidy, tidy_message, verdict_of
from actors.extracting.wire import MOST_META

MIB = 1024 * 1024
LIMITS = Limits(memory=100 * MIB, seconds=7)


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        (Unextractable(Reason.ENCRYPTED, "it has a password"), Reason.ENCRYPTED, "it has a password"),
        (MemoryError(), Reason.MEMORY, "reading it needs more memory than a file may use"),
        (RecursionError(), Reason.TOO_LARGE, "its parts are nested too deeply"),
        (OSError(errno.EIO, "Input/output error"), Reason.UNREADABLE, "Input/output error"),
        (PermissionError(errno.EPERM, "no"), Reason.FAILED, "the extractor failed: PermissionError: [Errno 1] no"),
        (OSError("odd file"), Reason.FAILED, "the extractor failed: OSError: odd file"),
        (KeyError("x"), Reason.FAILED, "the extractor failed: KeyError: 'x'"),
        (SystemExit(3), Reason.FAILED, "the extractor failed: SystemExit: 3"),
    ],
)
def test_error_is_told_as_what_it_means(error, reason, message):
    assert verdict_of(error) == Failed(reason, message)


def test_message_is_one_short_line():
    told = verdict_of(ValueError("a\nb\0" + "c" * 10_000_000)).message

    assert told.startswith("the extractor failed: ValueError: a b c")
    assert len(told) <= 500


@pytest.mark.parametrize(
    ("death", "reason", "words"),
    [
        (Death(-signal.SIGSEGV, 90 * MIB), Reason.CRASHED, "ended by SIGSEGV"),
        (Death(-signal.SIGABRT, 10 * MIB), Reason.CRASHED, "ended by SIGABRT"),
        (Death(-signal.SIGABRT, 90 * MIB), Reason.MEMORY, "more memory than a file may use"),
        (Death(-signal.SIGKILL, 90 * MIB), Reason.MEMORY, "more memory than a file may use"),
        (Death(-signal.SIGXCPU, 10 * MIB), Reason.TIMEOUT, "longer than 7 s"),
        (Death(-63, 10 * MIB), Reason.CRASHED, "ended by signal 63"),
        (Death(3, 10 * MIB), Reason.CRASHED, "ended by itself (exit code 3)"),
        (Death(None, 0), Reason.TIMEOUT, "cannot be ended"),
    ],
)
def test_end_of_a_process_is_told_as_what_it_means(death, reason, words):
    failed = cause_of(death, LIMITS)

    assert failed.reason is reason
    assert words in failed.message


@given(
    st.text(st.characters(), max_size=50),
    st.lists(st.tuples(st.text(st.characters(), max_size=100), st.text(st.characters(), max_size=2_000)), max_size=120),
)
def test_whatever_an_extractor_gives_can_be_kept(text, meta):
    told = tidy(Extracted(text, tuple(meta)), 20)

    assert len(told.text) <= 20
    assert len(told.meta) <= MOST_META
    for kept in (told.text, *(part for pair in told.meta for part in pair)):
        assert "\0" not in kept
        assert kept.encode() or not kept
    assert all(0 < len(name) <= 64 and 0 < len(value) <= 1_000 for name, value in told.meta)
    assert not any(line in value for _, value in told.meta for line in "\r\n")


def test_meta_that_is_said_twice_is_kept_once():
    assert tidy(Extracted("", (("a", "1"), ("a", " 1\n"), ("a", "2"), ("b", " "))), 1).meta == (("a", "1"), ("a", "2"))


@given(st.lists(st.text(max_size=10)), st.integers(0, 30))
def test_gatherer_keeps_the_beginning_and_says_when_it_is_full(pieces, most):
    gathered, whole = TextGatherer(most), "".join(pieces)
    for piece in pieces:
        assert gathered.add(piece) is not gathered.is_full

    assert gathered.text() == whole[:most]
    assert gathered.is_full == (len(whole) >= most)


ODD = st.text(st.characters() | st.sampled_from("\0 \n\ud800"), max_size=60)


@given(ODD, st.lists(st.tuples(ODD, ODD)))
def test_what_is_tidy_stays_as_it_is(text, meta):
    tidied = tidy(Extracted(text, tuple(meta)), 20)

    assert tidy(tidied, 20) == tidied
    assert tidy_message(tidy_message(text)) == tidy_message(text)
