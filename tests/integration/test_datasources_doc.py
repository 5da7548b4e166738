"""The examples and tables of docs/datasources.md are what Rota does: commands are given as written, tables compared."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from actors.datasources.globs import Selection
from actors.datasources.guards import doubt_about_deletions
from actors.datasources.opening import open_storage
from actors.datasources.storage import Capabilities, Datasource, Kind
from actors.mirror import MirrorParams, MirrorResult
from actors.sync import SyncParams, SyncResult, sync
from actors.testing import MemoryCatalog, RecordingRun
from console.main import main
from rota.datasources import OPTIONS, Rules
from rota.datasources import Datasource as Definition
from rota.fields import Part
from store.queries import catalog, datasources, jobs, runs
from tests.acceptance.cluster import Cluster
from tests.integration.console.serving import Console
from tests.integration.documented import dead_links
from tests.integration.whole import whole_rota
from tests.storages.served import KINDS, serve
from tests.waiting import wait_until

PAGE = (Path(__file__).parents[2] / "docs/datasources.md").read_text(encoding="utf-8")
SENTENCES = re.sub(r"\s+", " ", PAGE)
BLOCKS = re.findall(r"^```(yaml|console|sh)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
WHERE = "/srv"
"""The folder that the page's files are in."""
FILES = {"photos/2025/beach.jpg": 2, "photos/2025/hills.jpg": 3, "photos/2026/cat.jpg": 1, "new.jpg": 1}
"""What is there before the first command, in MB."""
MEGABYTE = 1_000_000
RUN = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
TIME = re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\b")
COMMON = ("timeout_seconds", "retries", "in_flight")
# One installation for all of it: the tests of this module run in one process.
pytestmark = pytest.mark.xdist_group("datasources-doc")


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


def command(*words: str) -> list[str]:
    """The words of the only command of a shell that holds all of these."""
    (block,) = [text for language, text in BLOCKS if language == "sh" and all(word in text for word in words)]
    return shlex.split(block.replace("\\\n", ""))


class Installation:
    """A whole Rota, and a folder in which the page's commands were given."""

    def __init__(self, cluster: Cluster, console: Console) -> None:
        self.transcript: list[tuple[str, str, str]] = []
        """Each documented command with what the page says that it answers, and what it answered."""
        self.cluster = cluster
        self.console = console
        self.folder = cluster.folder
        self.place = cluster.folder / "srv"

    def rota(self, *words: str) -> str:
        """Run a command and give what it says, stdout and stderr together."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            main([*words, "--state", str(self.folder)])
        return out.getvalue()

    def definition(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.rota("datasources", "show", name, "--json"))
        return found

    def has(self, name: str, path: bytes) -> bool:
        """Say whether the catalog of a datasource has an entry."""
        with self.cluster.store.reading() as conn:
            return catalog.find_entry(conn, name, path) is not None


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A cluster with one scheduler and one worker, and a console, on which the whole page was played."""
    with whole_rota(tmp_path_factory.mktemp("datasources-doc")) as (cluster, console):
        made = Installation(cluster, console)
        _leave_the_schedule_out(made)
        for path, size in FILES.items():
            (made.place / path).parent.mkdir(parents=True, exist_ok=True)
            (made.place / path).write_bytes(path.encode().ljust(size * MEGABYTE))
        _play(made)
        yield made


def _leave_the_schedule_out(on: Installation) -> None:
    """A sync of everything, at a quarter past, would find what the page's next command is to find."""

    def shipped() -> Any:
        with on.cluster.store.reading() as conn:
            return jobs.find(conn, "sync-datasources") and jobs.find(conn, "sync-changed")

    wait_until(shipped, timeout=120, what="the jobs that come with Rota")
    text = yaml.safe_load(on.rota("jobs", "export", "sync-datasources"))
    file = on.folder / "unscheduled.yaml"
    file.write_text(yaml.safe_dump({**text, "triggers": []}), encoding="utf-8")
    assert "changed" in on.rota("jobs", "apply", str(file))


def _play(on: Installation) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        patch.chdir(on.folder)
        patch.setattr("sys.stdin", io.StringIO())
        on.transcript = list(_played(on))
    time.tzset()


def _played(on: Installation) -> Iterator[tuple[str, str, str]]:
    for language, text in BLOCKS:
        named = re.match(r"# (\S+)\n", text)
        if language == "yaml" and named:
            (on.folder / named[1]).write_text(text, encoding="utf-8")
        if language != "console":
            continue
        for each in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            line, _, expected = each.partition("\n")
            yield line, expected, _said(on, line.replace(f"{WHERE}/", f"{on.place}/"))


def _said(on: Installation, line: str) -> str:
    words = shlex.split(line)
    if words[0] == "rota":
        said = on.rota(*words[1:])
    else:
        said = subprocess.run(words, check=True, capture_output=True, text=True, timeout=120).stdout
    return RUN.sub("RUN", said).replace(str(on.place), WHERE)


def _comparable(text: str) -> str:
    """Without times, and without the spaces that depend on the width of what stands in a column."""
    text = re.sub(r"in \d+ ms", "in N ms", TIME.sub("TIME", text))
    return re.sub(r"  +", "  ", re.sub(r" +$", "", text, flags=re.MULTILINE))


def test_each_command_answers_as_the_page_says(installation: Installation) -> None:
    documented = [(line, _comparable(expected)) for line, expected, _ in installation.transcript]

    assert [(line, _comparable(said)) for line, _, said in installation.transcript] == documented


def test_what_changes_in_the_watched_folder_is_soon_in_the_catalog(installation: Installation) -> None:
    (installation.place / "photos/later.jpg").write_bytes(b"later")

    wait_until(lambda: installation.has("photos", b"later.jpg"), timeout=120)


def test_catalog_follows_the_mirror_and_its_removals_are_confirmed(installation: Installation) -> None:
    copy, source = installation.place / "copy", installation.place / "photos"
    wait_until(lambda: installation.has("photos-copy", b"2027/new.jpg"), timeout=120)
    for path in source.iterdir():
        if path.name != ".rota-marker":
            path.rename(installation.folder / f"away-{path.name}")
    here = len([path for path in copy.rglob("*") if ".rota" not in str(path.relative_to(copy))])
    refused = installation.rota("jobs", "run", "copy-photos", "--wait")
    with installation.cluster.store.reading() as conn:
        run = runs.list_runs(conn, job="copy-photos").items[0]
        error = runs.run_detail(conn, run.id).tasks[0].error
    (said,) = re.findall(r"`(run it again with confirmed_deletions: )N`", SENTENCES)
    (line,) = re.findall(r"`rota (jobs run copy-photos --param confirmed=)N`", SENTENCES)

    assert "failed" in refused
    assert error is not None
    assert f"{said}{here}" in error.message
    assert "succeeded" in installation.rota(*shlex.split(f"{line}{here}"), "--wait")
    assert not (copy / "2027").exists()
    assert list((copy / ".rota/bin").rglob("new.jpg"))


def test_worker_of_a_queue_gets_what_is_about_its_datasource(installation: Installation) -> None:
    words = command("set photos --queue nas")
    serving_words = command("rota worker --queues")
    folder = installation.place / "nas"
    folder.mkdir(parents=True)
    installation.rota("datasources", "add", str(folder), "--name", "nas")
    installation.rota(*[{"photos": "nas"}.get(word, word) if n == 3 else word for n, word in enumerate(words)][1:])
    assert "still queued" in installation.rota("datasources", "test", "nas", "--timeout", "1")

    installation.cluster.start("worker", "w2", ROTA_QUEUES=serving_words[serving_words.index("--queues") + 1])

    assert "reachable in" in installation.rota("datasources", "test", "nas", "--timeout", "120")


def adding(kind: str) -> list[str]:
    """The documented command that adds a datasource of a kind."""
    section = PAGE.partition(f"\n### {kind}\n")[2].partition("\n#")[0]
    (block,) = re.findall(r"^```sh\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    return shlex.split(block.replace("\\\n", ""))


@pytest.mark.parametrize("kind", OPTIONS)
def test_documented_command_adds_a_datasource_of_its_kind(kind: str, installation: Installation) -> None:
    words = adding(kind)

    said = installation.rota(*words[1:])

    (name,) = re.findall(r"^(\S+): added", said, flags=re.MULTILINE)
    found = installation.definition(name)
    assert (found["kind"], found["root"]) == (kind, words[3])
    for given in (word for n, word in enumerate(words) if words[n - 1] == "--option"):
        option, _, value = given.partition("=")
        assert found["options"][option] == (json.loads(value) if value.startswith("{") else value)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "local"])
def test_documented_options_open_a_real_server(
    kind: str, installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the server's own address and credentials in the place of the documented ones."""
    name = f"try-{kind}"
    installation.rota(*adding(kind)[1:], "--name", name, "--allow-private")
    documented = installation.definition(name)
    with serve(kind, tmp_path) as served:
        for variable, value in served.environment.items():
            monkeypatch.setenv(variable, value)
        served.write(b"folder/file", b"content")
        assert set(served.datasource.options) <= set(documented["options"])
        datasource = Datasource(
            name=name,
            kind=documented["kind"],
            root=served.datasource.root,
            options={**documented["options"], **served.datasource.options},
            rules=Rules(allow_private=documented["allow_private"]),
        )
        with contextlib.closing(open_storage(datasource)) as storage:
            storage.verify()
            row = storage.stat(b"folder/file")
    assert row is not None
    assert row.size == 7


def test_documented_body_defines_a_datasource(installation: Installation) -> None:
    words = command("--data-binary")
    body = json.loads(words[words.index("--data-binary") + 1])

    answer = installation.console.as_("admin").post("/api/v1/datasources", json=body)

    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert {name: found[name] for name in body if name != "options"} == {
        name: value for name, value in body.items() if name != "options"
    }
    assert body["options"].items() <= found["options"].items()
    with installation.cluster.store.reading() as conn:
        assert datasources.get(conn, body["name"]).rules["max_deleted"] == body["max_deleted"]


def defaults(after: str) -> dict[str, str]:
    """The names and defaults of a table of fields."""
    return {quoted(name)[0]: default.strip("`") for name, default, *_ in rows(after)}


def described(model: Any) -> dict[str, str]:
    """The names and defaults of a model, in the page's words."""
    return {name: _worded(field) for name, field in model.model_fields.items()}


def _worded(field: Any) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default is None:
        return "none"
    if isinstance(default, Part):
        return "{}"
    if isinstance(default, str):
        return default if re.fullmatch(r"[a-z0-9-]+", default) else json.dumps(default)
    return f"{default:g}" if isinstance(default, float) else json.dumps(default)


def test_every_field_of_a_definition_is_told() -> None:
    assert defaults("\n## Definition\n") == described(Definition)


def test_options_of_every_kind_are_told() -> None:
    common = defaults("All kinds but `local` have three options:")
    for kind, model in OPTIONS.items():
        told = defaults(f"\n### {kind}\n")
        if kind != "local":
            told |= common
        assert told == described(model)
    assert set(common) == set(COMMON)


def test_parameters_and_results_are_told() -> None:
    assert defaults("These are the parameters of the actor `sync`") == described(SyncParams)
    assert defaults("/srv/copy/2027/new.jpg\n") == described(MirrorParams)
    told = [name for row in rows("The result of a `sync` is kept") for name in quoted(row[0])]
    assert set(told) == set(SyncResult.model_fields)
    (line,) = re.findall(r"The result of the run has ([^.]*)\.", SENTENCES)
    assert quoted(line) == list(MirrorResult.model_fields)


def _kind_of(path: str) -> str:
    return Kind.FOLDER if path.endswith("/") else Kind.FILE


def _takes(selection: Selection, path: str) -> bool:
    return selection.takes_whole(path.strip("/").encode(), _kind_of(path))


@pytest.mark.parametrize("row", rows("makes it about folders."))
def test_excluding_patterns_leave_out_what_the_table_says(row: list[str]) -> None:
    (pattern,), out, kept = map(quoted, row)
    selection = Selection(exclude=[pattern])

    assert [path for path in (*out, *kept) if not _takes(selection, path)] == out


@pytest.mark.parametrize("row", rows("`include` is about files and links only"))
def test_including_patterns_keep_what_the_table_says(row: list[str]) -> None:
    (pattern,), kept, out = map(quoted, row)
    selection = Selection(include=[pattern])

    assert [path for path in (*kept, *out) if _takes(selection, path)] == kept


def test_patterns_of_both_lists_leave_out() -> None:
    assert not _takes(Selection(include=["*.jpg"], exclude=["a*"]), "a.jpg")


@pytest.mark.parametrize("row", rows("How many may go unasked:"))
def test_deletions_are_asked_about_as_the_table_says(row: list[str]) -> None:
    entries, gone, share, what = row
    known = int(entries.replace(",", ""))
    is_empty = gone == "all"

    doubt = doubt_about_deletions(
        deleted=known if is_empty else int(gone), known=known, root_is_empty=is_empty, most_share=float(share)
    )

    assert ("asks" if doubt else "deletes them") == what


class Seen:
    """What a storage of a kind can, as the code says and as two syncs show."""

    def __init__(self, kind: str, folder: Path) -> None:
        with serve(kind, folder) as served, pytest.MonkeyPatch.context() as patch:
            for variable, value in served.environment.items():
                patch.setenv(variable, value)
            with contextlib.closing(open_storage(served.datasource)) as storage:
                self.can: Capabilities = storage.capabilities
            self.moved_by = self._moved_by(served)

    def _moved_by(self, served: Any) -> str:
        name, catalog_ = served.datasource.name, MemoryCatalog()
        place = b"a/one"
        served.write(place, b"a content of its own")
        served.write(b"b/two", b"another content")

        def moves(*, read: bool) -> int:
            run = RecordingRun(datasources=[served.datasource], catalogs=lambda _: MemoryCatalog(catalog_))
            return sync(run, SyncParams(datasource=name, hash=read)).moved

        moves(read=False)
        served.rename(place, b"b/one")
        if moves(read=False) == 1:
            return "inode" if self.can.inodes else "etag"
        moves(read=True)
        served.rename(b"b/one", b"b/three")
        return "hash" if moves(read=True) == 1 else "nothing"


def _column(kind: str) -> Mapping[str, str]:
    (head,) = re.findall(r"^\| \| `local` \|.*$", PAGE, flags=re.MULTILINE)
    place = next(n for n, cell in enumerate(head.split("|")[2:-1]) if kind in quoted(cell))
    return {row[0]: row[1 + place] for row in rows("\n## What each kind can\n")}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_can_what_the_table_says(kind: str, tmp_path: Path) -> None:
    seen, told = Seen(kind, tmp_path), _column(kind)
    can = seen.can

    assert told["a moved file is known by"].partition(";")[0] == seen.moved_by
    assert told["times"] == ("nanoseconds" if can.step_ns == 1 else "seconds")
    assert (told["a mirror into it keeps times"] == "yes") == can.keeps_modified
    assert (told["etags"] == "yes") == can.etags
    assert (told["empty folders are kept"] != "no") == can.folders
    assert (told["folders are renamed in one step"] != "no") == can.moves


def test_page_leads_to_places_that_are_there() -> None:
    assert dead_links(PAGE) == []


def test_readme_adds_a_datasource_that_can_be_added(installation: Installation) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (block,) = [
        text
        for text in re.findall(r"^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
        if "datasources add" in text
    ]
    adding, *others = block.replace("\\\n", "").splitlines()

    said = installation.rota(*shlex.split(adding)[1:])

    name = shlex.split(adding)[3].rpartition("/")[2]
    assert said.startswith(f"{name}: added")
    assert [shlex.split(line)[:4] for line in others] == [
        ["rota", "datasources", verb, name] for verb in ("test", "sync")
    ]
