"""What docs/bins.md says is what Rota does: its commands are given to a whole one, its tables compared with the code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from actors.datasources.trashinfo import decode
from console.api.permissions import API, rule_of
from rota import metrics
from rota.bins import BinPart, BinRules
from rota.purging import FEWEST, Why
from scheduler.definitions import SHIPPED_FOLDER
from tests.integration.documented import Installation, commands_in, comparable, dead_links
from tests.integration.whole import whole_rota

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/bins.md").read_text(encoding="utf-8")
SENTENCES = re.sub(r"\s+", " ", PAGE)
WHERE = "/srv/photos"
FILES = {
    "2025/beach.jpg": 2, "2025/hills.jpg": 3, "2026/cat.jpg": 1, "2026/dog.jpg": 1, "scratch/tmp.bin": 1,
    "contracts/lease.pdf": 1,
}  # fmt: skip
"""What is there before the first command, in MB."""
BY_THEMSELVES = ("sync-datasources", "sync-changed", "index-datasources", "index-changed")
# One installation for all of it: the tests of this module run in one process.
pytestmark = pytest.mark.xdist_group("bins-doc")


def rows(after: str) -> list[list[str]]:
    """The rows of the first table after a text, without its head."""
    _, found, rest = PAGE.partition(after)
    assert found, f"the page does not say {after}"
    table = re.search(r"^\|.*?\n(?=\n|\Z)", rest, flags=re.MULTILINE | re.DOTALL)
    assert table is not None, f"no table after {after}"
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[0].splitlines()[2:]]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A cluster with a folder of pictures, in which nothing is done but by command."""
    with whole_rota(tmp_path_factory.mktemp("bins-doc")) as (cluster, _):
        made = Installation(cluster, cluster.folder / "photos", where=WHERE)
        for path, size in FILES.items():
            (made.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (made.folder / path).write_bytes(path.encode().ljust(size * 1_000_000))
        # The page tells when bins are purged next, which is known a moment after the jobs are.
        made.leave_to_commands(BY_THEMSELVES, planned=("purge-bins",))
        yield made


def test_each_command_answers_as_the_page_says(installation: Installation) -> None:
    documented = commands_in(PAGE)

    assert installation.answers(documented) == [(line, comparable(expected)) for line, expected in documented]
    assert len(documented) > 15
    _, found, told = PAGE.partition("    [Trash Info]\n")
    assert found
    infos = [path.read_bytes() for path in (installation.folder / ".rota/bin").glob("*.trashinfo")]
    fields = [line.partition("=")[0].strip() for line in told.split("\n\n")[0].splitlines()]
    assert infos
    for info in infos:
        assert all(f"\n{field}=".encode() in info for field in fields)
        known = decode(info)
        assert known is not None
        assert known.deleted_by == "ada"


def _worded(field: Any) -> str:
    default = field.get_default(call_default_factory=True)
    if default is None:
        return "none"
    if isinstance(default, str):
        return default if re.fullmatch(r"[a-z-]+", default) else json.dumps(default)
    return json.dumps(default)


@pytest.mark.parametrize(("after", "model"), [("\n## Rules\n", BinRules), ("Each of the `parts` is about", BinPart)])
def test_every_rule_is_told_with_its_default(after: str, model: Any) -> None:
    told = {name.strip("`"): default.strip("`") for name, default, _ in rows(after)}

    assert told == {name: _worded(field) for name, field in model.model_fields.items()}


def test_documented_rules_are_rules() -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    rules = BinRules.model_validate(json.loads(example))

    assert rules.bin_of("a/b", "bob") == "user:bob"
    assert rules.takes("a/b", "anna")
    assert not rules.takes("scratch/b", "anna")
    assert rules.part_of("a/b", "anna")[1].keep == "P365D"


def test_every_reason_is_told() -> None:
    goes = [why.strip("`") for why, _ in rows("It deletes for good")]
    stays = [why.strip("`") for why, _ in rows("why they stay:")]

    assert goes == [why.value for why in Why if why.goes]
    assert sorted(stays) == sorted(why.value for why in Why if not why.goes and why is not Why.OTHERS)


def test_job_runs_when_the_page_says() -> None:
    job = yaml.safe_load((SHIPPED_FOLDER / "purge-bins.yaml").read_text(encoding="utf-8"))
    (hour, minute) = re.findall(r"`purge-bins` runs every night at (\d\d):(\d\d)", SENTENCES)[0]

    assert job["triggers"] == [{"cron": f"{int(minute)} {int(hour)} * * *"}]
    assert f"Up to {FEWEST} items may always go" in SENTENCES


@pytest.mark.parametrize(
    ("words", "routes"),
    [
        ("see what is in a bin", ["GET {}/bin", "GET {}/bin/next", "GET {}/bin/{{item}}"]),
        ("delete into the bin", ["POST {}/delete", "POST {}/bin/restore", "POST {}/bin/dry-run"]),
        (
            "delete for good",
            [f"POST {{}}/{verb}" for verb in ("bin/delete", "bin/purge", "bin/confirm", "bin/hold", "bin/release")]
            + ["POST {}/delete-for-good"],
        ),
    ],
)
def test_roles_may_what_the_table_says(words: str, routes: list[str]) -> None:
    (row,) = [row for row in rows("\n## Who may what\n") if row[0].startswith(words)]
    told = dict(zip(("viewer", "operator", "admin"), row[1:], strict=True))

    for route in routes:
        method, _, path = route.format(f"{API}/datasources/{{name}}").partition(" ")
        allowed = rule_of(method, path).roles
        assert {role: "yes" if role in allowed else "no" for role in told} == told, route


def test_figures_are_told() -> None:
    told = {name.strip("`") for name, _ in rows("\n## Figures\n")}

    assert told == {metric.name for metric in metrics.ALL if metric.name.startswith("rota_bin_")}


def test_page_leads_to_places_that_are_there() -> None:
    assert dead_links(PAGE) == []
