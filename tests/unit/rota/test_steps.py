"""Which steps of a run come next."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rota.jobs import Step
from rota.states import OPEN, TERMINAL, RunState
from rota.steps import Decision, decide_next


def step(step_id: str, *needs: str, when: str = "success") -> Step:
    return Step(id=step_id, actor="sleep", needs=needs, when=when)


def decide(steps: list[Step], **states: str) -> Decision:
    return decide_next(steps, {name: RunState(state) for name, state in states.items()})


LINE = [step("a"), step("b", "a"), step("c", "b")]


def test_steps_without_needs_start_together() -> None:
    assert decide([step("a"), step("b"), step("c", "a")]).ready == ("a", "b")


def test_a_step_starts_when_all_it_needs_has_succeeded() -> None:
    steps = [step("a"), step("b"), step("c", "a", "b")]

    assert decide(steps, a="succeeded", b="running").ready == ()
    assert decide(steps, a="succeeded", b="succeeded").ready == ("c",)


def test_what_comes_after_a_failure_is_skipped_to_the_end_at_once() -> None:
    assert decide(LINE, a="failed") == Decision(skip=("b", "c"), run_state=RunState.FAILED)


def test_failure_and_always_start_behind_skipped_steps_too() -> None:
    steps = [step("a"), step("b", "a"), step("tidy", "b", when="failure"), step("tell", "b", when="always")]

    after_failure = decide(steps, a="failed")
    after_success = decide(steps, a="succeeded", b="succeeded")

    assert (after_failure.ready, after_failure.skip) == (("tidy", "tell"), ("b",))
    assert (after_success.ready, after_success.skip) == (("tell",), ("tidy",))


def test_a_run_fails_even_if_a_later_step_tidied_up() -> None:
    steps = [step("a"), step("tidy", "a", when="always")]

    assert decide(steps, a="failed", tidy="succeeded").run_state is RunState.FAILED


def test_after_a_cancel_nothing_starts_any_more() -> None:
    steps = [step("a"), step("b"), step("c", "a", when="always")]

    assert decide(steps, a="cancelled", b="running") == Decision(skip=("c",))
    assert decide(steps, a="cancelled", b="succeeded", c="skipped").run_state is RunState.CANCELLED


def test_a_run_goes_on_while_anything_is_open() -> None:
    for state in OPEN - {RunState.WAITING}:
        assert decide(LINE, a=state) == Decision()


def test_a_run_succeeds_when_all_steps_have() -> None:
    assert decide(LINE, a="succeeded", b="succeeded", c="succeeded").run_state is RunState.SUCCEEDED


@st.composite
def plans(draw: st.DrawFn) -> list[Step]:
    names = [f"s{n}" for n in range(draw(st.integers(1, 7)))]
    steps = []
    for n, name in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:n]), unique=True)) if n else []
        when = draw(st.sampled_from(["success", "failure", "always"] if needs else ["success", "always"]))
        steps.append(step(name, *needs, when=when))
    return steps


@settings(deadline=None)
@given(plans(), st.data())
def test_every_run_ends_whatever_its_steps_do(steps: list[Step], data: st.DataObject) -> None:
    states: dict[str, RunState] = {}
    for _ in range(len(steps) + 1):
        decision = decide_next(steps, states)
        if decision.run_state is not None:
            break
        assert decision.ready
        states |= dict.fromkeys(decision.skip, RunState.SKIPPED)
        for ready in decision.ready:
            states[ready] = data.draw(st.sampled_from([RunState.SUCCEEDED, RunState.FAILED]))

    states |= dict.fromkeys(decision.skip, RunState.SKIPPED)
    assert decision.run_state in TERMINAL
    assert set(states) == {each.id for each in steps}
    assert (RunState.FAILED in states.values()) == (decision.run_state is RunState.FAILED)
