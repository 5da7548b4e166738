"""What docs/search.md says of indexes is what Rota does: commands are given to a whole one, tables compared with code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml

from actors.extracting.extractor import Limits
from actors.extracting.formats import epub, html, html_depth, mail, package, pdf, rtf, sheets, workbook, xml
from actors.extracting.registry import FALLBACK, SHIPPED, load_extractors
from actors.indexing import books
from console import hit_checks, searching
from console.api.shapes import IndexState
from rota import metrics
from rota.datasources import Language
from rota.search.place import EngineName
from store.search import folding
from store.search.engine import MOST_TEXT
from store.search.opensearch import searching as opensearch
from store.search.postgresql import compared, in_order, vectors
from store.search.tantivy import translating
from tests.integration.documented import Installation, commands_in, comparable, dead_links
from tests.integration.whole import whole_rota

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/search.md").read_text(encoding="utf-8")
SENTENCES = re.sub(r"\s+", " ", PAGE)
WHERE = "/srv/letters"
FILES = {
    "march.txt": b"The reports of March were kept.",
    "april.txt": b"Report follows.",
    "scan.pdf": b"%PDF-1.7 that is cut off",
}
BY_THEMSELVES = ("index-changed", "index-datasources", "check-indexes", "sync-datasources", "sync-changed")
"""Jobs that would do what the page's commands are to do."""
MIB = 1024 * 1024
# One installation for all of it: the tests of this module run in one process.
pytestmark = pytest.mark.xdist_group("search-doc")


def section(name: str) -> str:
    """What stands under a heading, up to the next one of its rank."""
    _, found, rest = PAGE.partition(f"\n## {name}\n")
    assert found, f"the page has no section {name}"
    return rest.partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The rows of all tables in a text, heads included."""
    lines = re.findall(r"^\|(.*)\|$", text, flags=re.MULTILINE)
    return [cells for line in lines if (cells := [cell.strip() for cell in line.split("|")]) and "---" not in cells]


def quoted(text: str) -> list[str]:
    """What stands in backquotes in a text."""
    return re.findall(r"`([^`]+)`", text)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A cluster with a folder of letters, in which nothing is indexed but by command."""
    with whole_rota(tmp_path_factory.mktemp("search-doc")) as (cluster, _):
        made = Installation(cluster, cluster.folder / "letters", where=WHERE)
        made.folder.mkdir()
        for name, content in FILES.items():
            (made.folder / name).write_bytes(content)
        made.leave_to_commands(BY_THEMSELVES)
        yield made


def test_commands_are_answered_and_settings_lead_to_what_the_page_says(installation: Installation) -> None:
    documented = commands_in(section("Looking after it"))

    assert installation.answers(documented) == [(line, comparable(expected)) for line, expected in documented]
    assert len(documented) > 6

    installation.says("rota datasources set letters --language none")
    assert "2 of 2 hits" in installation.says("rota search report")
    assert "documents 3" in installation.says("rota datasources index letters --wait")
    assert "1 of 1 hit" in installation.says("rota search report")
    installation.says("rota datasources disable letters")
    assert installation.says("rota search report") == "nothing was found\n"
    installation.says("rota datasources enable letters")
    assert "1 of 1 hit" in installation.says("rota search report")
    for path in list((installation.cluster.folder / "search").rglob("*")):
        if path.is_file():
            path.unlink(missing_ok=True)
    assert "not searched, for the index is lost or broken: letters" in installation.says("rota search report")
    installation.says("rota datasources index letters --wait")
    assert "1 of 1 hit" in installation.says("rota search report")
    installation.says("rota datasources set letters --no-index")
    assert installation.says("rota search report") == "nothing was found\n"


def test_page_tells_each_place_where_something_is_told(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = section("Whether all is well")
    monkeypatch.setenv("ROTA_REDIS_URL", installation.cluster.server.url)
    checks = [found["what"] for found in json.loads(installation.says("rota doctor --json"))]
    (doctor,) = [cells[1] for cells in rows(table) if cells[0] == "`rota doctor`"]
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
    (alerts,) = [group["rules"] for group in rules["groups"] if group["name"] == "rota-search"]

    assert set(re.findall(r"`([^`]+)`:", doctor)) == {name for name in checks if "search" in name or name == "indexing"}
    assert {name for name in quoted(table) if name.startswith("rota_index_")} == {
        value.name
        for value in vars(metrics).values()
        if isinstance(value, metrics.Metric) and value.name.startswith("rota_index_")
    }
    assert {name for name in quoted(table) if name.startswith("RotaIndex")} == {rule["alert"] for rule in alerts}
    states = [quoted(cells[0])[0] for cells in rows(table.partition("| state |")[2])]
    assert set(states) == set(get_args(IndexState))


def test_every_shipped_format_is_told() -> None:
    told = {name for cells in rows(section("What is read"))[1:] for name in quoted(cells[0])}
    shipped = {place.partition(":")[0] for place in load_extractors().places} <= {*SHIPPED, FALLBACK}

    assert shipped, "another package's extractors are installed"
    assert told == {extension for extractor in load_extractors() for extension in extractor.extensions}


def test_every_language_and_engine_is_told() -> None:
    (languages,) = re.findall(r"The languages are (.*?), or `none`", SENTENCES)
    head = next(cells for cells in rows(section("Engines")) if cells[0] == "")

    assert re.split(", | and ", languages) == [name for name in get_args(Language) if name != "none"]
    assert {name.lower() for name in head[1:]} == set(get_args(EngineName))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (MOST_TEXT, "the first {:,} characters"),
        (html.MOST_BYTES // MIB, "first {} MiB; 2,000 elements deep"),
        (html_depth.MOST_DEPTH, "{:,} elements deep"),
        (pdf.MOST_PAGES, "{:,} pages"),
        (Limits().most_bytes // MIB, "{} MiB unpacked"),
        (package.FREE_BYTES // MIB, "no part to more than {} MiB"),
        (package.MOST_RATIO, "and {} times its packed size"),
        (package.MOST_DIRECTORY // MIB, "{} MiB for its list of parts"),
        (xml.MOST_DEPTH, "; {:,} elements deep; 2 MiB"),
        (workbook.MOST_CELL, "{:,} characters a cell"),
        (sheets.MOST_XLS // MIB, "{} MiB (`xls`)"),
        (epub.MOST_BYTES // MIB, "{} MiB a chapter"),
        (rtf._MOST_DEPTH, "{:,} groups deep"),
        (mail.MOST_MESSAGE // MIB, "{} MiB a message"),
        (mail.MOST_PARTS, "{:,} parts"),
        (mail.MOST_DEPTH, "parts, {} deep"),
        (books.MOST_DOCUMENTS, "or {:,} documents"),
        (round(books.MOST_SECONDS), "every {} seconds"),
        (hit_checks.MOST_HITS, "Up to {} hits of a page"),
        (searching._SECONDS, "may take {:g} seconds"),
        (compared.MOST_FOUND, "some {:,}"),
        (compared.MOST_FOUND, "below {:,} for words"),
        (compared.MOST_COMPARED, "{:,} of them ranked"),
        (in_order.MOST_COUNTED, "to {:,} for the rest"),
        (vectors._LAST_PLACE, "in the first {:,} words"),
        (vectors.MOST_BYTES // 1_000_000, "fit into {} MB"),
        (opensearch.COUNTED, "to {:,}, and with facets"),
        (folding.LONGEST_WORD, "more than {} bytes"),
        (translating.MOST_EXPANDED // 1_000_000, "above {} million"),
    ],
)
def test_numbers_are_those_of_the_code(number: float, said: str) -> None:
    assert said.format(number) in SENTENCES


def test_check_is_due_when_the_page_says() -> None:
    job = yaml.safe_load((ROOT / "scheduler/jobs/shipped/check-indexes.yaml").read_text())
    (trigger,) = job["triggers"]
    (hour, minute) = re.findall(r"\*\*Every night\*\* \((\d\d):(\d\d) UTC\)", PAGE)[0]

    assert trigger == {"cron": f"{int(minute)} {int(hour)} * * *"}


def test_page_leads_to_places_that_are_there() -> None:
    assert dead_links(PAGE) == []
