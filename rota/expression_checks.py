"""What is wrong with the expressions of a job, as far as that can be told before it runs: their words and names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from rota.errors import Problem, RotaError
from rota.expressions import (
    BRANCH_NAMES,
    EVENT_PARAM_NAMES,
    KEY_NAMES,
    KEY_RUN_FIELDS,
    STEP_NAMES,
    Expression,
    expressions_in,
    has_expression,
    parse_template,
)
from rota.expressions import compile as compile_expression
from rota.jobs import WHEN_WORDS, Job, Step
from rota.params import value_problem
from rota.problems import allowed_names, field_path
from rota.triggers import EventTrigger, Trigger

Path = tuple[str | int, ...]


def expression_problems(job: Job, *, tried: bool = False) -> Iterator[Problem]:
    """Yield what is wrong with the expressions of a job, and with the parameters that its triggers give.

    With `tried` they were taken by the CEL library before, which is not loaded to ask again.
    """
    for n, trigger in enumerate(job.triggers):
        yield from _trigger_problems(job, trigger, ("triggers", n, "params"))
    for n, step in enumerate(job.steps):
        yield from _step_problems(job, step, ("steps", n))
    for name, limit in (("concurrency", job.concurrency), ("rate", job.rate)):
        if limit is not None:
            yield from _Place(job, KEY_NAMES, run_fields=KEY_RUN_FIELDS).template(limit.key, (name, "key"))
    if not tried:
        yield from _refused(job)


def _refused(job: Job) -> Iterator[Problem]:
    """Yield the expressions that read well and that the library does not take all the same."""
    for where, text in _texts(job):
        try:
            expression = compile_expression(text)
        except RotaError:
            continue  # told already
        try:
            expression.check()
        except RotaError as error:
            yield Problem(field_path(where), str(error))


def _texts(job: Job) -> Iterator[tuple[Path, str]]:
    for path, template in expressions_in(job.definition()):
        with suppress(RotaError):
            yield from ((path, part.text) for part in parse_template(template) if isinstance(part, Expression))
    for n, trigger in enumerate(job.triggers):
        if isinstance(trigger, EventTrigger):
            if trigger.where is not None:
                yield ("triggers", n, "where"), trigger.where
            for name, gate in (("debounce", trigger.debounce), ("throttle", trigger.throttle)):
                if gate is not None and gate.key is not None:
                    yield ("triggers", n, name, "key"), gate.key
    for n, step in enumerate(job.steps):
        if step.when not in WHEN_WORDS:
            yield ("steps", n, "when"), step.when
        if step.for_each is not None:
            yield ("steps", n, "for_each", "items"), step.for_each.items


class _Place:
    """A place where expressions stand: what they may name there, and which steps have ended by then.

    `run_fields` are those of `run` that are known there, None for all.
    """

    def __init__(
        self,
        job: Job,
        names: frozenset[str],
        before: Iterable[str] = (),
        *,
        words: Iterable[str] = (),
        run_fields: frozenset[str] | None = None,
    ) -> None:
        self._job = job
        self._names = names
        self._before = frozenset(before)
        self._allowed = names.union(words)
        self._run_fields = run_fields

    def template(self, template: object, prefix: Path) -> Iterator[Problem]:
        """Check the `${…}` in all texts of a value."""
        for path, text in expressions_in(template):
            where = field_path((*prefix, *path))
            try:
                parts = parse_template(text)
            except RotaError as error:
                yield Problem(where, str(error))
                continue
            for part in parts:
                if isinstance(part, Expression):
                    yield from (Problem(where, message) for message in self._messages(part))

    def expression(self, text: str, path: Path) -> Iterator[Problem]:
        """Check a text that is an expression as a whole."""
        where = field_path(path)
        try:
            expression = compile_expression(text)
        except RotaError as error:
            yield Problem(where, str(error))
            return
        yield from (Problem(where, message) for message in self._messages(expression))

    def _messages(self, expression: Expression) -> Iterator[str]:
        for name in sorted(expression.names - self._names):
            yield f"{name} is not known here; {allowed_names(name, self._allowed)}"
        for name in sorted(expression.fields_of("params") - set(self._job.params)):
            yield f"params.{name} is not declared; {allowed_names(name, self._job.params)}"
        for name in sorted(expression.fields_of("steps") - self._before):
            yield f"steps.{name} does not end before this step; {allowed_names(name, self._before)}"
        if self._run_fields is not None:
            for name in sorted(expression.fields_of("run") - self._run_fields):
                yield f"run.{name} is not known here; {allowed_names(name, self._run_fields)}"


def _step_problems(job: Job, step: Step, prefix: Path) -> Iterator[Problem]:
    before = _before(job, step)
    place = _Place(job, STEP_NAMES, before)
    if step.when not in WHEN_WORDS:
        yield from _Place(job, STEP_NAMES, before, words=WHEN_WORDS).expression(step.when, (*prefix, "when"))
    if step.for_each is not None:
        yield from place.expression(step.for_each.items, (*prefix, "for_each", "items"))
        place = _Place(job, BRANCH_NAMES, before)
    yield from place.template(step.with_, (*prefix, "with"))


def _trigger_problems(job: Job, trigger: Trigger, prefix: Path) -> Iterator[Problem]:
    for name, value in trigger.params.items():
        where = (*prefix, name)
        spec = job.params.get(name)
        if spec is None:
            yield Problem(field_path(where), f"is not declared by the job; {allowed_names(name, job.params)}")
        elif isinstance(trigger, EventTrigger) and any(True for _ in expressions_in(value)):
            yield from _Place(job, EVENT_PARAM_NAMES).template(value, where)
        elif _holds_expression(value):
            yield Problem(field_path(where), "may not hold ${…}: only an event gives values to fill in")
        elif message := value_problem(spec, value):
            yield Problem(field_path(where), message)


def _holds_expression(value: object) -> bool:
    try:
        return any(has_expression(text) for _, text in expressions_in(value))
    except RotaError:
        return True


def _before(job: Job, step: Step) -> frozenset[str]:
    """Return the steps that have always ended when this one starts."""
    needs = {each.id: each.needs for each in job.steps}
    found: set[str] = set()
    pending = list(step.needs)
    while pending:
        needed = pending.pop()
        if needed not in found:
            found.add(needed)
            pending.extend(needs[needed])
    return frozenset(found)
