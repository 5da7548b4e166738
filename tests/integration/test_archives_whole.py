"""Archives from the command line to the file and back, with a real scheduler, worker and console, as a user with a home."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from console.api.archive_jobs import JOBS
from console.exits import ExitCode
from console.main import main
from rota.states import TERMINAL
from store.queries import jobs
from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source
from tests.integration.whole import whole_rota
from tests.waiting import wait_until

SECRET = "correct horse battery"
# One installation for all of it: the tests of this module run in one process.
pytestmark = pytest.mark.xdist_group("archives-whole")
FILES = {"notes.txt": b"notes " * 1_000, "photos/one.raw": bytes(range(256)) * 2_000, "photos/two.txt": b"two"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Console, Path, Path]]:
    """A console, the state folder, and the folder of the homes."""
    tmp_path = tmp_path_factory.mktemp("archives-whole")
    homes = tmp_path / "docs" / "homes"
    for name, content in FILES.items():
        file = homes / "eve" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    with whole_rota(tmp_path / "state") as (cluster, console):
        add_source(console, "docs", root=str(tmp_path / "docs"), rules={"homes": "homes"})
        wait_until(lambda: "archive" in served(console) and are_there(console, JOBS.values()), timeout=120)
        yield console, cluster.folder, homes


def served(console: Console) -> set[str]:
    """The queues that workers serve."""
    return {queue for worker in console.parts.bus.census.workers() for queue in worker.about.get("queues", ())}


def are_there(console: Console, names: Iterable[str]) -> bool:
    """Whether the scheduler has saved these jobs, which come with Rota."""
    with console.parts.store.reading() as conn:
        return all(jobs.find(conn, name) is not None for name in names)


def test_user_packs_fetches_and_unpacks_with_a_password(
    installation: tuple[Console, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console, state, homes = installation
    token = console.token("user", name="eve")
    (tmp_path / "password").write_text(SECRET)

    def rota(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main([*arguments, "--state", str(state), "--token", token])
        said = capsys.readouterr()
        return code, said.out + said.err

    secret = ("--password-file", str(tmp_path / "password"))
    packed = rota(
        "archive", "compress", "docs", "homes/eve/notes.txt", "homes/eve/photos", "--to", "homes/eve/all.zip", *secret
    )
    fetched = rota("files", "get", "docs", "homes/eve/all.zip", "-o", str(tmp_path / "all.zip"))
    listed = rota("archive", "list", "docs", "homes/eve/all.zip", *secret)
    unpacked = rota("archive", "extract", "docs", "homes/eve/all.zip", "--to", "homes/eve/out", *secret)
    tested = rota("archive", "test", "docs", "homes/eve/all.zip")

    assert packed[0] == fetched[0] == listed[0] == unpacked[0] == ExitCode.OK, (packed, fetched, listed, unpacked)
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert all(info.flag_bits & 1 for info in archive.infolist() if not info.is_dir())
    assert "photos/one.raw" in listed[1]
    assert {
        str(file.relative_to(homes / "eve/out")): file.read_bytes() for file in files_in(homes / "eve/out")
    } == FILES
    assert (tested[0], "password" in tested[1]) == (ExitCode.FAILED, True)
    assert SECRET not in packed[1] + listed[1] + unpacked[1] + tested[1]
    # The store, what Redis writes down, and the logs.
    written = dict(read_files(state))
    assert b"sealed:" in b"".join(written[name] for name in written if name.startswith("rota.db"))
    assert [name for name, content in written.items() if SECRET.encode() in content] == []
    runs = runs_of(console, token)
    assert {run["state"] for run in runs} <= {state.value for state in TERMINAL}
    assert [run["made"]["path"] for run in runs if run["made"]] == ["homes/eve/out", "homes/eve/all.zip"]


def test_more_than_was_reserved_is_not_packed(
    installation: tuple[Console, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    console, state, homes = installation
    token = console.token("user", name="eve")
    before = set(homes.rglob("*.zip"))

    code = main(
        ["archive", "compress", "docs", "homes/eve/photos", "--max-bytes", "100KB", "--json", "--state", str(state)]
        + ["--token", token]
    )

    run = json.loads(capsys.readouterr().out)
    assert (code, run["state"]) == (ExitCode.FAILED, "failed")
    assert "100,000" in run["error"]["message"]
    assert set(homes.rglob("*.zip")) == before


def files_in(folder: Path) -> list[Path]:
    found = [Path(place, name) for place, _, names in os.walk(folder) for name in names]
    return [file for file in found if file.is_file()]


def read_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The name and content of each file; those who work there may take one away at any time."""
    for file in files_in(folder):
        with suppress(FileNotFoundError):
            yield file.name, file.read_bytes()


def runs_of(console: Console, token: str) -> list[dict[str, Any]]:
    client = console.anyone(headers={"Authorization": f"Bearer {token}"})
    found: list[dict[str, Any]] = client.get("/api/v1/runs").json()["items"]
    return found
