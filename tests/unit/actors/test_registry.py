from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from actors import registry
from actors.params import Params, Result
from actors.registry import Registry, actor, load_registry, spec_of, specs_in
from actors.run import Run
from actors.testing import RecordingRun


class CompressParams(Params):
    paths: tuple[str, ...]


class CompressResult(Result):
    path: str


def declared(name="compress", **options):
    @actor(name, **options)
    def compress(run: Run, params: CompressParams) -> CompressResult:
        """Pack files."""
        return CompressResult(path=params.paths[0])

    return compress


def test_decorator_reads_the_models_from_the_annotations():
    spec = spec_of(declared(queue="archive", isolate=True, timeout="PT2H"))

    assert (spec.name, spec.queue, spec.isolate, spec.timeout_ms) == ("compress", "archive", True, 7_200_000)
    assert (spec.params, spec.result, spec.doc) == (CompressParams, CompressResult, "Pack files.")


def test_declared_function_is_still_a_function():
    result = declared()(RecordingRun(), CompressParams(paths=("a",)))

    assert result == CompressResult(path="a")


def test_models_may_be_declared_beside_the_actor():
    class Local(Params):
        n: int

    @actor("local")
    def local(run: Run, params: Local) -> None: ...

    assert spec_of(local).params is Local
    assert spec_of(local).result is None


@pytest.mark.parametrize("name", ["", "a\nb", "a\n", "A", "1a", "a b", "ä", "a" * 65, "../a"])
def test_odd_names_are_refused(name):
    with pytest.raises(ValueError, match="actor name"):
        declared(name)


@pytest.mark.parametrize("queue", ["", "a\n", "a b", "1", "q" * 65])
def test_odd_queues_are_refused(queue):
    with pytest.raises(ValueError, match="queue name"):
        declared(queue=queue)


def test_wrong_timeout_is_refused():
    with pytest.raises(ValueError, match="duration"):
        declared(timeout="2 hours")


def test_actor_without_a_model_is_refused():
    with pytest.raises(TypeError, match="subclass of Params"):

        @actor("wrong")
        def wrong(run: Run, params: dict) -> None: ...

    with pytest.raises(TypeError, match="a run and its parameters"):

        @actor("wrong")
        def short(run: Run) -> None: ...

    with pytest.raises(TypeError, match="subclass of Result"):

        @actor("wrong")
        def answers(run: Run, params: CompressParams) -> int: ...


def test_unknown_parameter_is_refused():
    with pytest.raises(ValueError, match="Extra inputs"):
        CompressParams(paths=(), depth=1)


def test_same_name_twice_is_refused():
    with pytest.raises(ValueError, match="declared by .* and again by"):
        Registry([spec_of(declared()), spec_of(declared())])


def test_same_actor_twice_is_one():
    spec = spec_of(declared())

    assert list(Registry([spec, spec])) == ["compress"]


def test_shipped_actors_are_found():
    found = load_registry()

    assert set(found) >= {"sync", "sleep", "http"}
    assert found.problems == ()
    assert found["sync"].queue in found.queues()


def test_shipped_parameters_have_schemas_with_descriptions():
    for spec in load_registry().values():
        schema = spec.params.model_json_schema(by_alias=True)
        assert all("description" in field for field in schema["properties"].values()), spec.name


@pytest.fixture
def module(monkeypatch):
    made = ModuleType("elsewhere")
    exec(
        "from actors.registry import actor\n"
        "from actors.params import Params\n"
        "from actors.sleep import sleep\n"
        "@actor('extra')\n"
        "def extra(run, params: Params) -> None: ...\n",
        made.__dict__,
    )
    monkeypatch.setitem(sys.modules, "elsewhere", made)
    return made


def test_extra_modules_add_their_own_actors(module):
    assert [spec.name for spec in specs_in(module)] == ["extra"]
    assert "extra" in load_registry(["elsewhere"])


def test_missing_extra_module_is_an_error():
    with pytest.raises(ModuleNotFoundError):
        load_registry(["no_such_module"])


def test_entry_points_add_actors_and_broken_ones_are_told(module, monkeypatch):
    points = [
        EntryPoint("broken", "no_such_module", registry.ENTRY_POINTS),
        EntryPoint("fn", "elsewhere:extra", registry.ENTRY_POINTS),
        EntryPoint("mod", "elsewhere", registry.ENTRY_POINTS),
        EntryPoint("none", "json", registry.ENTRY_POINTS),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)

    found = load_registry()

    assert "extra" in found
    assert [problem.split("'")[1] for problem in found.problems] == ["broken", "none"]


def test_entry_point_cannot_replace_a_shipped_actor(monkeypatch):
    impostor = ModuleType("impostor")
    impostor.sleep = declared("sleep")
    impostor.sleep.__module__ = "impostor"
    monkeypatch.setitem(sys.modules, "impostor", impostor)
    monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint("bad", "impostor", registry.ENTRY_POINTS)])

    found = load_registry()

    assert found["sleep"].fn.__module__ == "actors.sleep"
    assert "declared by" in found.problems[0]
