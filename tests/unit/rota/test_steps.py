"""Which steps of a run come next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from rota.branches import UNDER_WAY, free_branches, state_of_branches
from rota.expressions import ExpressionFailed
from rota.jobs import Step
from rota.states import OPEN, TERMINAL, RunState
from rota.steps import Decision, TakenOver, decide_next, taken_over


def step(step_id: str, *needs: str, when: str = "success") -> Step:
    return Step(id=step_id, actor="sleep", needs=needs, when=when)


def holds(of: Step, states: Mapping[str, RunState]) -> bool:
    """Evaluate a condition that names its own answer, or the state of a step: `yes`, `no`, `odd`, `a is failed`."""
    if of.when == "odd":
        raise ExpressionFailed("it is odd")
    name, _, state = of.when.partition(" is ")
    return states[name] == state if state else of.when == "yes"


def decide(steps: list[Step], **states: str) -> Decision:
    return decide_next(steps, {name: RunState(state) for name, state in states.items()}, holds)


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


def test_a_condition_decides_when_everything_before_it_has_ended() -> None:
    steps = [step("a"), step("b", "a", when="yes"), step("c", "a", when="no"), step("d", "a", when="a is failed")]

    assert decide(steps, a="running") == Decision()
    assert decide(steps, a="succeeded") == Decision(ready=("b",), skip=("c", "d"))
    assert decide(steps, a="failed") == Decision(ready=("b", "d"), skip=("c",))


def test_a_condition_sees_what_was_skipped_in_the_same_moment() -> None:
    steps = [step("a"), step("b", "a"), step("c", "b", when="b is skipped")]

    assert decide(steps, a="failed") == Decision(ready=("c",), skip=("b",))


def test_a_condition_without_needs_decides_at_the_start() -> None:
    assert decide([step("a", when="no"), step("b", "a", when="always")]) == Decision(ready=("b",), skip=("a",))


def test_a_condition_that_has_no_value_fails_its_step_and_what_follows_goes_on_from_there() -> None:
    steps = [step("a"), step("b", "a", when="odd"), step("c", "b"), step("tidy", "c", when="failure")]

    assert decide(steps, a="succeeded") == Decision(ready=("tidy",), skip=("c",), failed=(("b", "it is odd"),))
    assert decide([step("a", when="odd")]).run_state is RunState.FAILED


def test_after_a_cancel_no_condition_is_asked() -> None:
    steps = [step("a"), step("b", "a", when="odd")]

    assert decide(steps, a="cancelled") == Decision(skip=("b",), run_state=RunState.CANCELLED)
    assert decide_next(steps, {"a": RunState.FAILED}, holds, cancelled=True).run_state is RunState.CANCELLED


def test_the_state_of_a_step_follows_from_its_branches() -> None:
    cases = {
        ("succeeded", "succeeded"): "succeeded",
        ("succeeded", "failed", "cancelled"): "failed",
        ("succeeded", "cancelled", "skipped"): "cancelled",
        ("succeeded", "skipped"): "skipped",
        ("failed", "waiting"): "running",
        ("failed", "paused"): "running",
        ("retrying",): "running",
    }

    assert {states: state_of_branches(map(RunState, states)).value for states in cases} == cases


@given(st.dictionaries(st.sampled_from(RunState), st.integers(0, 50)), st.integers(1, 20))
def test_never_more_branches_start_than_may_be_under_way(counts: dict[RunState, int], parallel: int) -> None:
    free = free_branches(counts, parallel)
    under_way = sum(counts.get(state, 0) for state in UNDER_WAY)

    assert 0 <= free <= counts.get(RunState.WAITING, 0)
    assert free == 0 or under_way + free <= parallel
    assert free or under_way >= parallel or not counts.get(RunState.WAITING)


def test_what_succeeded_is_taken_over_unless_something_before_it_runs_again() -> None:
    steps = [*LINE, step("d"), step("tidy", "d", when="always"), step("free", when="no")]
    states = {"a": "succeeded", "b": "failed", "c": "skipped", "d": "failed", "tidy": "succeeded", "free": "skipped"}

    found = taken_over(steps, {name: RunState(state) for name, state in states.items()})

    assert found == TakenOver(whole=frozenset({"a"}), partly=frozenset({"b", "d"}))


def test_a_branched_step_behind_one_that_runs_again_starts_anew() -> None:
    steps = [step("a"), step("b", "a", when="always")]

    found = taken_over(steps, {"a": RunState.FAILED, "b": RunState.FAILED})

    assert found == TakenOver(whole=frozenset(), partly=frozenset({"a"}))


@st.composite
def plans(draw: st.DrawFn) -> list[Step]:
    names = [f"s{n}" for n in range(draw(st.integers(1, 7)))]
    steps = []
    for n, name in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:n]), unique=True)) if n else []
        words = ["success", "always", "yes", "no", "odd", *(["failure", f"{needs[0]} is failed"] if needs else [])]
        when = draw(st.sampled_from(words))
        steps.append(step(name, *needs, when=when))
    return steps


class Simulation:
    """A run whose steps have branches, followed decision by decision as the scheduler does it."""

    def __init__(self, steps: list[Step], branches: dict[str, int], parallel: int) -> None:
        self.steps = steps
        self.lengths = branches
        self.parallel = parallel
        self.tasks: dict[str, list[RunState]] = {each.id: [RunState.WAITING] for each in steps}
        self.decided: list[str] = []
        self.end: RunState | None = None

    def states(self) -> dict[str, RunState]:
        return {
            name: states[0] if name not in self.decided else state_of_branches(states)
            for name, states in self.tasks.items()
        }

    def decide(self) -> None:
        """Follow what is decided until nothing more comes of it."""
        while self.end is None:
            decision = decide_next(self.steps, self.states(), holds, cancelled=self.cancelled())
            self.end = decision.run_state
            self.decided += [*decision.ready, *decision.skip, *(name for name, _ in decision.failed)]
            for name in decision.skip:
                self.tasks[name] = [RunState.SKIPPED]
            for name, _ in decision.failed:
                self.tasks[name] = [RunState.FAILED]
            for name in decision.ready:
                length = self.lengths[name]
                self.tasks[name] = [RunState.WAITING] * length or [RunState.SUCCEEDED]
            ended_here = self.start_branches() or not all(self.lengths[name] for name in decision.ready)
            if not ended_here:
                return

    def cancelled(self) -> bool:
        return any(RunState.CANCELLED in states for states in self.tasks.values())

    def start_branches(self) -> bool:
        """Let the next branches start, or skip them after a cancel; say whether any was skipped."""
        skipped = False
        for name in self.decided:
            states = self.tasks[name]
            if self.cancelled():
                skipped = skipped or RunState.WAITING in states
                self.tasks[name] = [RunState.SKIPPED if each is RunState.WAITING else each for each in states]
                continue
            for _ in range(free_branches(Counter(states), self.parallel)):
                states[states.index(RunState.WAITING)] = RunState.QUEUED
        return skipped

    def under_way(self) -> list[tuple[str, int]]:
        return [(name, n) for name, states in self.tasks.items() for n, each in enumerate(states) if each in UNDER_WAY]


@settings(deadline=None)
@given(plans(), st.data(), st.integers(1, 3))
def test_every_run_ends_whatever_its_steps_and_branches_do(
    steps: list[Step], data: st.DataObject, at_once: int
) -> None:
    lengths = {each.id: data.draw(st.integers(0, 4)) for each in steps}
    run = Simulation(steps, lengths, at_once)
    run.decide()
    while run.end is None:
        open_tasks = run.under_way()
        assert open_tasks, "it is stuck: nothing is under way, and it has not ended"
        assert all(sum(each == name for each, _ in open_tasks) <= at_once for name in lengths)
        name, n = data.draw(st.sampled_from(open_tasks))
        ends = [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.RETRYING, RunState.PAUSED]
        run.tasks[name][n] = data.draw(st.sampled_from(ends if run.tasks[name][n] is RunState.QUEUED else ends[:3]))
        run.decide()

    states = run.states()
    assert run.end in TERMINAL
    assert set(states.values()) <= TERMINAL
    assert sorted(run.decided) == sorted(states), "each step is decided once"
    assert (run.end is RunState.CANCELLED) == run.cancelled()
    assert run.cancelled() or (RunState.FAILED in states.values()) == (run.end is RunState.FAILED)
