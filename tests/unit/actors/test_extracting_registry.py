from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from actors.extracting import registry
from actors.extracting.extractor import Extractor
from actors.extracting.outcomes import Extracted
from actors.extracting.registry import Placed, Registry, load_extractors


def nothing(file, limits):
    return Extracted("")


def made(name, **options):
    return Extractor(name=name, version=1, extract=nothing, **options)


def placed(*extractors):
    return [Placed(f"module:{extractor.name}", extractor) for extractor in extractors]


def chosen(known, head, name):
    number = known.choose(head, name)
    return None if number is None else known[number].name


@pytest.fixture
def installed(monkeypatch):
    """Give installed packages these entry points, by name and value."""

    def install(**points):
        found = [EntryPoint(name, value, registry.ENTRY_POINTS) for name, value in points.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: found)

    def module(name, **values):
        made = ModuleType(name)
        vars(made).update(values)
        monkeypatch.setitem(sys.modules, name, made)

    install.module = module
    return install


def test_content_counts_more_than_the_extension_and_the_extension_more_than_a_fallback():
    known = Registry(
        placed(
            made("pdf", detect=lambda head, name: head.startswith(b"%PDF"), extensions=frozenset({"pdf"})),
            made("markdown", extensions=frozenset({"md"})),
        ),
        placed(made("text", detect=lambda head, name: b"\0" not in head)),
    )

    assert chosen(known, b"%PDF-1.7", "a.md") == "pdf"
    assert chosen(known, b"# Title", "a.MD") == "markdown"
    assert chosen(known, b"words", "a.c") == "text"
    assert chosen(known, b"\0\1", "a.pdf") == "pdf"
    assert chosen(known, b"\0\1", "a.bin") is None


def test_detection_that_raises_recognises_nothing():
    def stumble(head, name):
        raise IndexError

    known = Registry(placed(made("odd", detect=stumble), made("pdf", detect=lambda head, name: True)))

    assert chosen(known, b"", "a") == "pdf"


def test_shipped_extractors_read_text_of_all_kinds():
    known = load_extractors()

    assert chosen(known, b"words", "a.txt") == "text"
    assert chosen(known, b"int main() {}", "Makefile") == "text"
    assert chosen(known, b"# Title", "a.md") == "markdown"
    assert chosen(known, b'{"a": 1}', "a.json") == "json"
    assert chosen(known, b"{\\rtf1 x}", "a.doc") == "rtf"
    assert chosen(known, bytes(100), "a.bin") is None
    assert known.problems == ()


def test_fingerprint_changes_with_a_version_and_not_with_the_order():
    one, two = made("one"), made("two")
    newer = Extractor(name="two", version=2, extract=nothing)

    assert Registry(placed(one, two)).fingerprint() == Registry(placed(two, one)).fingerprint() == "one/1 two/1"
    assert Registry(placed(one, newer)).fingerprint() == "one/1 two/2"


def test_installed_packages_are_asked_before_the_shipped_extractors(installed):
    installed.module("their_reader", READER=made("their-markdown", extensions=frozenset({"md"})))
    installed(theirs="their_reader:READER")

    known = load_extractors()

    assert chosen(known, b"# Title", "a.md") == "their-markdown"
    assert known.places[0] == "their_reader:READER"


def test_module_of_an_installed_package_gives_all_its_extractors(installed):
    installed.module("their_readers", A=made("a"), B=made("b"), other=1)
    installed(theirs="their_readers")

    assert {"a", "b"} < {extractor.name for extractor in load_extractors()}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no_such_module", "ModuleNotFoundError"),
        ("theirs:missing", "AttributeError"),
        ("theirs:number", "is no extractor"),
        ("empty_module", "has no extractor"),
        ("theirs:taken", "extractor 'markdown' is declared by theirs:taken and again by actors.extracting"),
        ("theirs:odd", "at most 64 of a-z"),
    ],
)
def test_broken_package_is_left_out_and_told(installed, value, problem):
    installed.module("theirs", number=1, taken=made("markdown"), odd=made("Odd name"))
    installed.module("empty_module")
    installed.module("good", GOOD=made("good"))
    installed(broken=value, good="good:GOOD")

    known = load_extractors()

    assert "good" in {extractor.name for extractor in known}
    [told] = known.problems
    assert told.startswith(f"entry point 'broken' ({value})")
    assert problem in told
