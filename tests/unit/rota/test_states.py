"""The life of a run: every arrow, and no other."""

from __future__ import annotations

import itertools

import pytest

from rota.states import INITIAL, OPEN, TERMINAL, TRANSITIONS, RunState, allowed

ARROWS = """
waiting   -> queued paused failed cancelled skipped
queued    -> running retrying paused succeeded failed cancelled
running   -> running queued retrying paused succeeded failed cancelled
retrying  -> queued running retrying paused succeeded failed cancelled
paused    -> waiting queued failed cancelled
succeeded ->
failed    ->
cancelled ->
skipped   ->
"""


def test_exactly_the_drawn_arrows_are_allowed() -> None:
    drawn = {
        (old.strip(), new)
        for old, _, news in (line.partition("->") for line in ARROWS.strip().splitlines())
        for new in news.split()
    }

    found = {(old.value, new.value) for old, new in itertools.product(RunState, RunState) if allowed(old, new)}

    assert found == drawn


def test_nothing_leaves_a_terminal_state() -> None:
    assert all(not TRANSITIONS[state] for state in TERMINAL)
    assert all(TRANSITIONS[state] for state in OPEN)
    assert OPEN | TERMINAL == set(RunState) == set(TRANSITIONS)


@pytest.mark.parametrize("start", sorted(INITIAL - TERMINAL))
def test_every_state_is_reached_and_leads_to_an_end(start: RunState) -> None:
    def reach(state: RunState) -> set[RunState]:
        found, pending = {state}, [state]
        while pending:
            fresh = TRANSITIONS[pending.pop()] - found
            found |= fresh
            pending += fresh
        return found

    assert all(reach(state) & TERMINAL for state in RunState)
    assert reach(RunState.WAITING) == set(RunState)
    assert start in OPEN


def test_states_are_written_as_their_names() -> None:
    assert RunState("queued") is RunState.QUEUED
    assert f"{RunState.QUEUED}" == "queued"
