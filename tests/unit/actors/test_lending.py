from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.datasources.lending import Lender
from rota.errors import PermanentError, TemporaryError


class Things:
    """Numbers, made and disposed of."""

    def __init__(self):
        self.made = 0
        self.disposed = []

    def make(self):
        self.made += 1
        return self.made

    def lender(self, *, most=2, seconds=60.0):
        return Lender(self.make, self.disposed.append, most=most, seconds=seconds)


def test_thing_is_lent_again_once_it_is_back():
    things = Things()
    lender = things.lender()

    first = lender.borrow()
    other = lender.borrow()
    lender.give_back(first)

    assert first != other
    assert lender.borrow() == first
    assert things.made == 2


def test_no_more_than_allowed_are_out():
    lender = Things().lender(seconds=0.01)
    lender.borrow(), lender.borrow()

    with pytest.raises(TemporaryError, match="in use"):
        lender.borrow()


def test_borrower_waits_for_one_to_come_back():
    lender = Things().lender(most=1)
    first = lender.borrow()

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lender.borrow)
        lender.give_back(first)
        assert waiting.result(60) == first


def test_broken_thing_is_disposed_of_and_replaced():
    things = Things()
    lender = things.lender(most=1)

    lender.give_back(lender.borrow(), broken=True)

    assert things.disposed == [1]
    assert lender.borrow() == 2


def test_failure_to_make_one_takes_no_place():
    def fail():
        raise KeyError

    lender = Lender(fail, print, most=1, seconds=0.01)
    for _ in range(3):
        with pytest.raises(KeyError):
            lender.borrow()


def test_closed_lender_disposes_of_all():
    things = Things()
    lender = things.lender()
    out, idle = lender.borrow(), lender.borrow()
    lender.give_back(idle)

    lender.close()
    lender.close()
    assert things.disposed == [idle]
    lender.give_back(out)

    assert things.disposed == [idle, out]
    with pytest.raises(PermanentError):
        lender.borrow()


def test_thing_is_one_threads_own():
    lender = Things().lender(most=3)
    held, guard = set(), threading.Lock()

    def use(_):
        thing = lender.borrow()
        with guard:
            assert thing not in held
            held.add(thing)
        with guard:
            held.remove(thing)
        lender.give_back(thing)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(500)))
