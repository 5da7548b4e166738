"""The examples and tables of docs/search.md about searching are what Rota does: queries asked, commands given."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from console.api.search_shapes import HitShape, SearchShape
from rota.errors import InvalidQuery
from rota.search.parsing import parse_query
from rota.search.query import Modified, Size
from rota.search.sizes import parse_size
from rota.search.types import TYPES
from rota.settings import Settings
from rota.times import parse_rfc3339, rfc3339
from tests.integration.console.conftest import Run
from tests.integration.console.searched import index_documents
from tests.integration.console.serving import Console, serving

PAGE = (Path(__file__).parents[3] / "docs/search.md").read_text(encoding="utf-8")
NOW = parse_rfc3339("2026-03-31T10:00:00Z")


class Stopped:
    """The clock at the time that the page's examples are asked at."""

    def now_ms(self) -> int:
        return NOW

    def monotonic(self) -> float:
        return time.monotonic()


def rows(after: str) -> list[list[str]]:
    """The rows of the first table after a text, without its head."""
    _, found, rest = PAGE.partition(after)
    assert found, f"the page does not say {after}"
    table = re.search(r"^\|.*?\n(?=\n|\Z)", rest, flags=re.MULTILINE | re.DOTALL)
    assert table is not None, f"no table after {after}"
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[0].splitlines()[2:]]


def quoted(cell: str) -> list[str]:
    """What stands in backquotes in a cell."""
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture
def console(settings: Settings) -> Iterator[Console]:
    """A console at the time of the examples, with their files."""
    with serving(settings, clock=Stopped()) as running:
        index_documents(
            running,
            "docs",
            [
                (
                    quoted(path)[0].encode(),
                    (parse_size(size.replace(" ", "")).least or 0),
                    parse_rfc3339(f"{modified}T00:00:00Z") * 1_000_000,
                    text,
                )
                for path, size, modified, text in rows("in a datasource called `docs`:")
            ],
        )
        yield running


def test_each_query_finds_what_the_page_says(admin: httpx.Client) -> None:
    examples = [(quoted(query)[0], quoted(finds)) for query, _, finds in rows("must hold at once")]

    found = {
        query: [
            hit["name"] for hit in admin.get("/api/v1/search", params={"q": query}).raise_for_status().json()["items"]
        ]
        for query, _ in examples
    }

    assert len(examples) > 15
    assert {query: sorted(names) for query, names in found.items()} == {
        query: sorted(names) for query, names in examples
    }


@pytest.fixture
def _in_utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_in_utc")
def test_each_command_answers_as_the_page_says(rota: Run) -> None:
    section = PAGE.partition("\n## On the command line\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"^```console\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    documented = dict(each.split("\n", 1) for each in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:])

    said = {line: "".join(rota(*shlex.split(line)[1:])[1:]) for line in documented}

    assert said == documented


def test_sizes_are_read_as_the_page_says() -> None:
    for written, least, most in rows("### Sizes"):
        size = parse_query(quoted(written)[0], now_ms=NOW).root
        assert size == Size(int(least) if least else None, int(most) if most else None)


@pytest.mark.parametrize("after", ["asked for on 2026-03-31 at 10:00", "A duration is an age"])
def test_times_are_read_as_the_page_says(after: str) -> None:
    for written, since, until in rows(after):
        found = parse_query(quoted(written)[0], now_ms=NOW).root
        assert isinstance(found, Modified)
        told = tuple("" if at is None else rfc3339(at) for at in (found.since, found.until))
        assert (written, *told) == (written, since, until)


def test_what_is_refused_is_told_as_the_page_says() -> None:
    for query, position, says in rows("### What is refused"):
        with pytest.raises(InvalidQuery) as refused:
            parse_query(quoted(query)[0], now_ms=NOW, datasources=["docs"])
        assert refused.value.position == int(position)
        assert says in str(refused.value)


def test_all_types_and_fields_are_told() -> None:
    types = re.search(r"A type is told from the name: (.*?)\.", PAGE, flags=re.DOTALL)
    assert types is not None
    assert quoted(types[1]) == list(TYPES)
    for shape, head in ((SearchShape, "| field of the answer"), (HitShape, "| field of a hit")):
        table = head + PAGE.partition(head)[2].partition("\n\n")[0]
        told = [name for line in table.splitlines()[2:] for name in quoted(line.split("|")[1])]
        assert told == list(shape.__struct_fields__)


def test_all_parameters_are_told(console: Console) -> None:
    document = console.anyone().get("/api/openapi.json").json()
    parameters = {found["name"] for found in document["paths"]["/api/v1/search"]["get"]["parameters"]}

    assert {name for row in rows("GET /api/v1/search?q=") for name in quoted(row[0])} == parameters
