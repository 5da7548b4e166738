"""Which actors exist: the decorator that declares one, and the registry that finds them all.

The decorator only attaches a description to the function; nothing is registered on import. `load_registry` imports the
actors that ship with Rota, those of installed packages (entry points of the group `rota.actors`) and modules named by
the settings, and collects the descriptions it finds there.
"""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel

from rota.times import duration_ms

SHIPPED = (
    "actors.check_index", "actors.http", "actors.index", "actors.mirror", "actors.probe", "actors.sleep", "actors.sync",
    "actors.clean_leftovers", "actors.clean_user", "actors.prune", "actors.remove_empty_folders",
    "actors.copy", "actors.mkdir", "actors.move", "actors.rename",
    "actors.compress", "actors.extract", "actors.list_archive", "actors.test_archive",
    "actors.hash", "actors.verify",
    "actors.delete", "actors.purge", "actors.restore",
)  # fmt: skip
ENTRY_POINTS = "rota.actors"

# Dramatiq accepts no other queue names; actor names are also label values in metrics and paths in the API.
_ACTOR_NAME = re.compile(r"[a-z][a-z0-9._-]{0,63}")
_QUEUE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,63}")
_ATTRIBUTE = "__rota_actor__"

Fn = TypeVar("Fn", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorSpec:
    """What is known of one actor without running it."""

    name: str
    queue: str
    params: type[BaseModel]
    result: type[BaseModel] | None
    fn: Callable[..., Any] = field(repr=False)
    isolate: bool = False
    """Whether the body runs in a child process of its own."""
    timeout_ms: int | None = None
    """How long an attempt may take when the step does not say; None for no limit."""
    doc: str = ""


def actor(
    name: str, *, queue: str = "default", isolate: bool = False, timeout: str | None = None
) -> Callable[[Fn], Fn]:
    """Declare a function as an actor.

    The function takes a run and a parameter model, and gives a result model or None; both models are read from its
    annotations. `timeout` is an ISO 8601 duration. Raises ValueError or TypeError where the declaration is wrong.
    """
    if not _ACTOR_NAME.fullmatch(name):
        raise ValueError(
            f"actor name {name!r}: at most 64 of a-z, 0-9, '.', '_' and '-', the first a letter, are allowed"
        )
    if not _QUEUE_NAME.fullmatch(queue):
        raise ValueError(
            f"queue name {queue!r}: at most 64 letters, digits, '.', '_' and '-', the first a letter or '_'"
        )
    timeout_ms = None if timeout is None else duration_ms(timeout)
    # A model may be declared inside the function that declares the actor, as tests do.
    names = dict(sys._getframe(1).f_locals)  # noqa: SLF001 -- inspect.currentframe may give None, this may not

    def declare(fn: Fn) -> Fn:
        params, result = _models_of(fn, names)
        spec = ActorSpec(
            name=name,
            queue=queue,
            params=params,
            result=result,
            fn=fn,
            isolate=isolate,
            timeout_ms=timeout_ms,
            doc=inspect.getdoc(fn) or "",
        )
        setattr(fn, _ATTRIBUTE, spec)
        return fn

    return declare


def spec_of(fn: Callable[..., Any]) -> ActorSpec:
    """Give the description of a declared actor; raises TypeError for any other function."""
    spec = getattr(fn, _ATTRIBUTE, None)
    if not isinstance(spec, ActorSpec):
        raise TypeError(f"{fn!r} is not declared with @actor")
    return spec


class Registry(Mapping[str, ActorSpec]):
    """The actors of a process, by name; read-only once built."""

    def __init__(self, specs: Iterable[ActorSpec], *, problems: tuple[str, ...] = ()) -> None:
        self._specs: dict[str, ActorSpec] = {}
        self.problems = problems
        """What was left out and why: broken packages of third parties. For logs and `rota doctor`."""
        for spec in specs:
            self._add(spec)

    def __getitem__(self, name: str) -> ActorSpec:
        return self._specs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def queues(self) -> tuple[str, ...]:
        """Give the queues that these actors listen on, sorted."""
        return tuple(sorted({spec.queue for spec in self._specs.values()}))

    def _add(self, spec: ActorSpec) -> None:
        known = self._specs.get(spec.name)
        if known is not None and known.fn is not spec.fn:
            raise ValueError(f"actor {spec.name!r} is declared by {_place(known)} and again by {_place(spec)}")
        self._specs[spec.name] = spec


def load_registry(extra_modules: Iterable[str] = ()) -> Registry:
    """Import and collect all actors.

    A broken entry point is left out and told in `Registry.problems`, because a package that somebody installed must not
    stop the rest. A broken module of `extra_modules` raises: the settings named it, so they are wrong.
    """
    specs = [spec for name in (*SHIPPED, *extra_modules) for spec in specs_in(import_module(name))]
    taken = Registry(specs)
    problems: list[str] = []
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        try:
            found = _specs_behind(point)
            taken = Registry([*taken.values(), *found])
        except Exception as error:  # whatever a foreign module raises on import
            problems.append(f"entry point {point.name!r} ({point.value}): {error!r}")
    return Registry(taken.values(), problems=tuple(problems))


def specs_in(module: ModuleType) -> list[ActorSpec]:
    """Give the actors that a module declares itself, not those that it imported."""
    declared = (getattr(value, _ATTRIBUTE, None) for value in vars(module).values() if callable(value))
    return [spec for spec in declared if isinstance(spec, ActorSpec) and spec.fn.__module__ == module.__name__]


def _specs_behind(point: EntryPoint) -> list[ActorSpec]:
    target = point.load()
    if isinstance(target, ModuleType):
        found = specs_in(target)
        if not found:
            raise ValueError("the module declares no actor")
        return found
    return [spec_of(target)]


def _models_of(fn: Callable[..., Any], names: dict[str, Any]) -> tuple[type[BaseModel], type[BaseModel] | None]:
    hints = typing.get_type_hints(fn, localns=names)
    arguments = list(inspect.signature(fn).parameters)
    if len(arguments) != 2:
        raise TypeError(f"actor {fn.__qualname__} must take a run and its parameters, not {arguments}")
    params = hints.get(arguments[1])
    if not _is_model(params):
        raise TypeError(f"actor {fn.__qualname__}: annotate {arguments[1]!r} with a subclass of Params")
    result = hints.get("return")
    if result is None or result is type(None):
        return params, None
    if not _is_model(result):
        raise TypeError(f"actor {fn.__qualname__}: annotate its answer with a subclass of Result, or None")
    return params, result


def _is_model(annotation: Any) -> typing.TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _place(spec: ActorSpec) -> str:
    return f"{spec.fn.__module__}.{spec.fn.__qualname__}"
