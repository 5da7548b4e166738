"""Expressions: CEL, and templates that hold it as `${…}`. Nothing else: no template language, no eval.

What an expression may name, depending on where it stands:

- in a trigger's `where` and in the keys of debounce and throttle: `event` (the CloudEvents attributes, with
  `event.data`) and `job`;
- in a trigger's `params`: `event`, `events` (those that were gathered) and `job`;
- in a step's `with`, `when` and `for_each`: `params`, `steps` (`steps.purge.result`, `steps.purge.state`), `run`,
  `job`, `event`, `events` and `datasources`; in the `with` of a step with `for_each` also `item` and `index`;
- in the keys of `concurrency` and `rate`: `params`, `job`, and of the run `run.person`.

Evaluation cannot be interrupted, so what it costs at most is told before it starts, from the expression and the sizes
of what it reads: what takes too long whatever it is given is refused when it is saved, the rest when it is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from rota.cel_costs import estimate_ns
from rota.cel_shapes import Shape
from rota.cel_syntax import Node, NotRead, TooDeep, parse
from rota.cel_values import Taking, TooMuch, demands_of
from rota.errors import RotaError
from rota.times import iso_duration, rfc3339, to_ms

TRIGGER_NAMES = frozenset({"event", "job"})
EVENT_PARAM_NAMES = frozenset({"event", "events", "job"})
STEP_NAMES = frozenset({"params", "steps", "run", "job", "event", "events", "datasources"})
BRANCH_NAMES = STEP_NAMES | {"item", "index"}
KEY_NAMES = frozenset({"params", "job", "run"})
KEY_RUN_FIELDS = frozenset({"person"})
"""What a key may read of `run`: it is filled in before there is one."""

MAX_EXPRESSION_CHARS = 2000
MAX_TEMPLATE_DEPTH = 32
MAX_TEMPLATE_EXPRESSIONS = 500
MAX_FILLED_CHARS = 1_000_000
"""The most text that the expressions within longer texts of a template may become."""
BUDGET_MS = 30
"""The most that one expression, or all of a template, may be expected to take; in truth it is well below 50 ms."""

_SETUP_NS = 20_000
"""What each evaluation takes besides, such as the call of the library."""

_LITERAL = re.compile(
    r"""[rRbB]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""", re.DOTALL
)
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_MEMBER = re.compile(rf"({_PATH.pattern}) in ({_PATH.pattern})", re.ASCII)
_RESERVED = frozenset(
    {
        "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
        "namespace", "null", "package", "return", "true", "var", "void", "while",
    }
)  # fmt: skip


class InvalidExpression(RotaError):
    """Raised when an expression is not CEL or is too costly; correct the definition."""


class ExpressionFailed(RotaError):
    """Raised when an expression cannot be evaluated with the values at hand, such as a missing field."""


class Expression:
    """An expression that was read; made by `compile`, safe to use from several threads.

    The library takes 13 MB of each process, and most never evaluate an expression that needs it: one that only follows
    names, such as `params.datasource`, or looks for a text in a list of them, is CEL too, but needs no CEL to be
    evaluated. Another one is handed to the library when it is evaluated for the first time, or by `check`.
    """

    __slots__ = ("_demands", "_evaluator", "_path", "_sought", "_tree", "names", "text")

    def __init__(self, text: str) -> None:
        if len(text) > MAX_EXPRESSION_CHARS:
            raise InvalidExpression(f"has {len(text)} characters, allowed are {MAX_EXPRESSION_CHARS}")
        self.text = text
        self._path: tuple[str, ...] = ()
        if _PATH.fullmatch(text) and _RESERVED.isdisjoint(text.split(".")):
            self._path = tuple(text.split("."))
            self.names = frozenset(self._path[:1])
            """The names that must be given, such as `event` and `params`."""
            return
        member = _MEMBER.fullmatch(text)
        self._sought: tuple[str, ...] = ()
        if member and _RESERVED.isdisjoint(re.split(r"[. ]", text.replace(" in ", " ", 1))):
            self._sought = (member[1], member[2])
        self._tree = _read(text)
        self._evaluator: Any = None
        self._demands = demands_of(self._tree)
        self.names = frozenset(self._demands)

    def check(self) -> None:
        """Let the library read it as well; InvalidExpression if it does not take it."""
        if not self._path:
            self._program()

    def fields_of(self, name: str) -> frozenset[str]:
        """Return the fields that are read from one name: `{"size"}` for `params` in `params.size > 3`."""
        if self._path:
            return frozenset(self._path[1:2] if self._path[0] == name else ())
        return frozenset(self._demands[name].fields if name in self._demands else ())

    def evaluate(self, context: Mapping[str, Any], budget: Budget | None = None) -> object:
        """Return the value as JSON would hold it; ExpressionFailed says why there is none.

        A name alone, such as `params.paths`, gives what is there, which is not to be changed. Of a budget that is
        shared, each evaluation takes its part; without one it has `BUDGET_MS` for itself.
        """
        try:
            if self._path:
                return _follow(self._path, context)
            if self._sought and (found := _found(self._sought, context)) is not None:
                return found
            return _as_json(self._program().execute(self._granted(context, budget or Budget())))
        except Exception as error:  # the library raises many kinds for values that do not fit
            raise ExpressionFailed(f"{self.text!r}: {_reason(error)}") from error
        except BaseException as error:
            if type(error).__module__ != "pyo3_runtime":
                raise
            # A panic of the library derives from BaseException, so that nothing but its name tells it.
            raise ExpressionFailed(f"{self.text!r}: the library failed: {error}") from error

    def _program(self) -> Any:
        if self._evaluator is None:
            self._evaluator = _evaluator_of(self.text)
        return self._evaluator

    def _granted(self, context: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        """Return what is read of the context, once the budget has paid for what will be done with it."""
        taking = Taking(budget.left_ns)
        values: dict[str, Any] = {}
        shapes: dict[str, Shape] = {}
        for name, demand in self._demands.items():
            if name in context:
                values[name], shapes[name] = taking.take(context[name], demand)
        budget.spend(_SETUP_NS + taking.ns + estimate_ns(self._tree, shapes))
        return values

    def holds(self, context: Mapping[str, Any]) -> bool:
        """Return the value of a condition; ExpressionFailed if it is neither true nor false."""
        value = self.evaluate(context)
        if not isinstance(value, bool):
            raise ExpressionFailed(f"{self.text!r} gives {type(value).__name__}, not true or false")
        return value


class Budget:
    """The time that some evaluations may be expected to take together; counted beforehand, so no clock is read."""

    __slots__ = ("left_ns",)

    def __init__(self, ms: float = BUDGET_MS) -> None:
        self.left_ns = ms * 1e6

    def spend(self, ns: float) -> None:
        """Take a part of it; TooMuch if less is left."""
        if ns > self.left_ns:
            raise TooMuch(f"it could take {ns / 1e6:,.0f} ms with these values")
        self.left_ns -= ns


@lru_cache(maxsize=4096)
def compile(text: str) -> Expression:  # noqa: A001 - the word for it, always used as expressions.compile
    """Return the expression; InvalidExpression says where it is wrong, as far as that shows without the library."""
    return Expression(text)


@lru_cache(maxsize=4096)
def parse_template(text: str) -> tuple[str | Expression, ...]:
    """Return the parts of a text with `${…}` in it, in order; `$${` stands for a plain `${`."""
    parts: list[str | Expression] = []
    plain, at = "", 0
    while (start := text.find("${", at)) >= 0:
        if text[start - 1 : start] == "$":
            plain += text[at : start - 1] + "${"
            at = start + 2
            continue
        end = _closing(text, start + 2)
        plain += text[at:start]
        parts += [plain, compile(text[start + 2 : end].strip())] if plain else [compile(text[start + 2 : end].strip())]
        plain, at = "", end + 1
    plain += text[at:]
    return (*parts, plain) if plain or not parts else tuple(parts)


def has_expression(text: str) -> bool:
    """Say whether a text holds a `${…}` that is filled in at run time."""
    return "${" in text and any(isinstance(part, Expression) for part in parse_template(text))


def expressions_in(template: object) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield where in a JSON-like value there is text with `${`, and that text."""
    if isinstance(template, str):
        if "${" in template:
            yield (), template
    elif isinstance(template, Mapping):
        for key, value in template.items():
            yield from (((key, *path), text) for path, text in expressions_in(value))
    elif isinstance(template, list | tuple):
        for n, value in enumerate(template):
            yield from (((n, *path), text) for path, text in expressions_in(value))


def fill(template: object, context: Mapping[str, Any]) -> object:
    """Return a JSON-like value with every `${…}` in its texts replaced.

    A text that is one expression becomes its value, whatever its type; within longer text, what is not text is written
    as JSON. ExpressionFailed if one of them cannot be evaluated, or all of them together take too long.
    """
    return _Filling(context).fill(template, 0)


class _Filling:
    """One call of `fill`, which counts what it evaluates: many small expressions could make a huge value."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = context
        self._left = MAX_TEMPLATE_EXPRESSIONS
        self._chars_left = MAX_FILLED_CHARS
        self._budget = Budget()

    def fill(self, template: object, depth: int) -> object:
        if depth > MAX_TEMPLATE_DEPTH:
            raise ExpressionFailed(f"nested deeper than {MAX_TEMPLATE_DEPTH} levels")
        if isinstance(template, str):
            return self._fill_text(template) if "${" in template else template
        if isinstance(template, Mapping):
            return {key: self.fill(value, depth + 1) for key, value in template.items()}
        if isinstance(template, list | tuple):
            return [self.fill(value, depth + 1) for value in template]
        return template

    def _fill_text(self, text: str) -> object:
        parts = parse_template(text)
        if len(parts) == 1 and isinstance(parts[0], Expression):
            return self._evaluate(parts[0])
        return "".join(part if isinstance(part, str) else self._text_of(part) for part in parts)

    def _text_of(self, expression: Expression) -> str:
        text = _as_text(self._evaluate(expression))
        self._chars_left -= len(text)
        if self._chars_left < 0:
            raise ExpressionFailed(f"texts would grow by more than {MAX_FILLED_CHARS:,} characters")
        return text

    def _evaluate(self, expression: Expression) -> object:
        self._left -= 1
        if self._left < 0:
            raise ExpressionFailed(f"holds more than {MAX_TEMPLATE_EXPRESSIONS} expressions")
        return expression.evaluate(self._context, self._budget)


def _follow(path: tuple[str, ...], context: Mapping[str, Any]) -> object:
    value: object = context
    for name in path:
        if not isinstance(value, Mapping):
            raise TypeError(f"{name!r} is asked of {type(value).__name__}, which has no fields")
        value = value[name]
    return value


def _found(paths: tuple[str, ...], context: Mapping[str, Any]) -> bool | None:
    """Return whether a text is in a list of texts; None where it is anything else, which has rules of its own."""
    sought, among = (_follow(tuple(path.split(".")), context) for path in paths)
    if not isinstance(sought, str) or not isinstance(among, list | tuple):
        return None
    return sought in among if all(isinstance(each, str) for each in among) else None


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _closing(text: str, start: int) -> int:
    """Return where the brace that closes an expression is; braces within it and within its texts do not count."""
    depth, at = 0, start
    while at < min(len(text), start + MAX_EXPRESSION_CHARS):
        literal = _LITERAL.match(text, at)
        if literal:
            at = literal.end()
            continue
        if text[at] == "}" and depth == 0:
            return at
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
    raise InvalidExpression(f"{text[start - 2 : start + 40]!r} has no closing brace; write $${{ for a plain ${{")


def _read(text: str) -> Node:
    """Read an expression without the library, so far that what it names and costs is known."""
    try:
        tree = parse(text)
        least_ms = estimate_ns(tree, {}) / 1e6
    except TooDeep as error:
        raise InvalidExpression(f"{text[:100]!r} {error}") from error
    except NotRead as error:
        _evaluator_of(text)  # what is wrong is told better by the library, unless it takes what we do not
        raise InvalidExpression(f"{text[:100]!r}: {error}") from error
    if least_ms > BUDGET_MS:
        raise InvalidExpression(
            f"{text[:100]!r} could take {least_ms:,.0f} ms whatever it is given, allowed are {BUDGET_MS}: "
            "its macros go through too much, or a pattern is too large"
        )
    return tree


def _evaluator_of(text: str) -> Any:
    import cel  # takes 10 ms: only who evaluates or checks such expressions pays for it

    try:
        return cel.compile(text)
    except ValueError as error:
        raise InvalidExpression(_first_line(text, error)) from error


def _as_json(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return rfc3339(to_ms(value))
    if isinstance(value, timedelta):
        return iso_duration(max(0, value // timedelta(milliseconds=1)))
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")


def _first_line(text: str, error: Exception) -> str:
    # The parser lists every token that could follow; the place is what helps.
    found = re.search(r"<input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)", str(error))
    if found is None:
        return f"{text[:100]!r} is not a CEL expression"
    what = found[3].partition(" expecting")[0]
    return f"{text[:100]!r} is not a CEL expression: character {found[2]}: {what}"


def _reason(error: Exception) -> str:
    if isinstance(error, TooMuch):
        return f"takes too long: {error}; allowed are {BUDGET_MS} ms"
    if isinstance(error, KeyError):
        return f"there is no field {error}"
    return str(error).partition(". ")[0]
