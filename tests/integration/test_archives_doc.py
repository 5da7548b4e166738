"""What docs/archives.md says is what Rota does: its commands are given to a whole one, its tables compared with the code."""

from __future__ import annotations

import gzip
import io
import os
import random
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from actors.archives.decompression import MEMORY_BYTES
from actors.archives.formats import packer_of
from actors.archives.packing import Packing
from actors.archives.seven_zip.limits import MOST_MEMORY_BYTES
from actors.registry import load_registry
from actors.unpacking.naming import MAX_PATH_BYTES
from actors.unpacking.order import ExtractParams
from console.api.archive_wishes import ExtractWish
from console.api.permissions import API, rule_of
from console.main import main
from rota.archives import MADE, SINGLE, Format, parse_name
from rota.definitions import parse_definition
from rota.errors import PermanentError
from rota.names import MAX_NAME_BYTES
from rota.sealing import KEPT_SECONDS
from scheduler.definitions import SHIPPED_FOLDER
from tests.integration.documented import DOCS, Installation, commands_in, comparable, dead_links
from tests.integration.whole import whole_rota
from tests.waiting import wait_until

PAGE = (DOCS / "archives.md").read_text(encoding="utf-8")
SENTENCES = re.sub(r"\s+", " ", PAGE)

WHERE = "/srv/projects"
MODIFIED = 1_790_000_000
BY_THEMSELVES = ("sync-datasources", "sync-changed", "index-datasources", "index-changed")
# One installation for all of it: the tests of this module run in one process.
pytestmark = pytest.mark.xdist_group("archives-doc")


def slip() -> bytes:
    """An archive that would write beside the folder that it is unpacked into."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("readme.txt", "../../etc/cron.d/job"):
            archive.addfile(tarfile.TarInfo(name))
    return packed.getvalue()


def odd() -> bytes:
    """An archive with a link, and with two names that are one elsewhere."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("Letter.txt", "letter.txt"):
            archive.addfile(tarfile.TarInfo(name))
        link = tarfile.TarInfo("latest")
        link.type, link.linkname = tarfile.SYMTYPE, "letter.txt"
        archive.addfile(link)
    return packed.getvalue()


def bomb() -> bytes:
    """A small archive out of which much comes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.bin", bytes(64 * 1024 * 1024))
    return packed.getvalue()


def fill(folder: Path) -> None:
    """Make what is there before the page's first command."""
    photos = random.Random(7)
    contents = {
        "photos/beach.jpg": photos.randbytes(3_000_000),
        "photos/cat.jpg": photos.randbytes(2_000_000),
        "reports/2025.txt": b"All is well in the house.\n" * 100_000,
        "reports/2026.txt": b"All is still well.\n" * 50_000,
        "reports/draft.tmp": b"Nothing yet.\n",
        "incoming/odd.tar.gz": odd(),
        "incoming/slip.tar.gz": slip(),
        "incoming/zeros.zip": bomb(),
        "secret.txt": b"correct horse\n",
        "incoming/table.csv.gz": gzip.compress(b"1,2,3\n" * 1_000, mtime=MODIFIED),
    }
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    for place, _, files in os.walk(folder, topdown=False):
        for name in (*files, "."):
            os.utime(Path(place) / name, (MODIFIED, MODIFIED))


def rows(after: str) -> list[list[str]]:
    """The rows of the first table after a text, without its head."""
    _, found, rest = PAGE.partition(after)
    assert found, f"the page does not say {after}"
    table = re.search(r"^\|.*?\n(?=\n|\Z)", rest, flags=re.MULTILINE | re.DOTALL)
    assert table is not None, f"no table after {after}"
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[0].splitlines()[2:]]


def quoted(text: str) -> list[str]:
    """What stands in backquotes."""
    return re.findall(r"`([^`]+)`", text)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A cluster with a folder of projects, in which nothing is read but by command."""
    with whole_rota(tmp_path_factory.mktemp("archives-doc")) as (cluster, _):
        made = Installation(cluster, cluster.folder / "projects", where=WHERE)
        fill(made.folder)
        made.leave_to_commands(BY_THEMSELVES)
        yield made


def test_each_command_answers_as_the_page_says(installation: Installation) -> None:
    documented = commands_in(PAGE)

    assert installation.answers(documented) == [(line, comparable(expected)) for line, expected in documented]
    assert len(documented) > 12
    assert not (installation.cluster.folder.parent / "etc").exists()
    _unpack_by_event(installation)


def _unpack_by_event(on: Installation) -> None:
    """Another service says that an archive was uploaded, and the page's job unpacks it."""
    file = on.cluster.folder / "unpack.yaml"
    file.write_text(yaml.safe_dump(definitions()["unpack-uploads"]))
    on.says(f"rota jobs apply {file}")

    on.says('rota events publish upload.finished --data \'{"path": "packed/all.zip"}\'')

    wait_until((on.folder / "packed/all (2)/photos/cat.jpg").exists, timeout=120, what="the archive, unpacked")


def definitions() -> dict[str, Any]:
    """The jobs of the page, by name."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return {job["name"]: job for job in map(yaml.safe_load, blocks)}


def test_documented_jobs_are_jobs() -> None:
    found = definitions()

    assert set(found) == {"nightly-backup", "unpack-uploads"}
    for job in found.values():
        parse_definition(job, source="docs/archives.md", actors=load_registry(()))


def test_every_format_is_told_with_what_can_be_done() -> None:
    told = {Format(name): cells for cells in rows("\n## Formats\n") for name in quoted(cells[0])}

    assert set(told) == set(Format)
    for form, (_, names, made, read, password, resumed) in told.items():
        known = {parse_name(f"x{name}").format for name in quoted(names)}
        assert form in known
        assert known <= (SINGLE if form in SINGLE else {form})
        assert (made == "yes") is (form in MADE)
        assert read.startswith("yes") is (form is not Format.SEVEN_ZIP)
        assert password.startswith("AES-256") is _takes_password(form)
        assert (resumed == "yes") is (form in MADE and form is not Format.SEVEN_ZIP)


def _takes_password(form: Format) -> bool:
    if form not in MADE:
        return False
    try:
        packer_of(form, None, Packing(password="x", pool=None, threads=1))  # type: ignore[arg-type]
    except PermanentError as error:
        return "knows no password" not in str(error)
    return True


def test_every_limit_is_told_with_its_default_and_its_option() -> None:
    told = {
        quoted(name)[0]: (default.strip("`"), option.strip("`")) for name, default, option, _ in rows("\n### Limits\n")
    }
    fields = {name: info for name, info in ExtractParams.model_fields.items() if name.startswith("max_")}

    assert told == {
        name: ("none" if info.default is None else str(info.default), f"--{name.replace('_', '-')}")
        for name, info in fields.items()
    }
    assert f"A name may have {MAX_NAME_BYTES} bytes and a path {MAX_PATH_BYTES:,}" in SENTENCES
    assert f"more than {MEMORY_BYTES >> 20} MiB of memory" in SENTENCES
    assert f"in a `7z` more than {MOST_MEMORY_BYTES >> 20} MiB" in SENTENCES


def test_every_policy_is_told() -> None:
    told = [quoted(word)[0] for word, _ in rows("says what happens where the folder is there already")]

    assert told == list(get_args(ExtractWish.model_fields["conflict"].annotation))


def test_time_that_things_are_kept_is_told() -> None:
    for name in ("compress-entries", "extract-archive", "list-archive", "test-archive"):
        job = yaml.safe_load((SHIPPED_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
        assert job["keep"]["days"] == 7
    assert f"After {KEPT_SECONDS // 86_400} days the half in Redis is gone" in SENTENCES


@pytest.mark.parametrize(
    ("words", "routes"),
    [
        ("compress", [f"POST {{}}/{verb}" for verb in ("compress", "extract", "list-archive", "test-archive")]),
        ("download", ["GET {}/content"]),
    ],
)
def test_roles_may_what_the_table_says(words: str, routes: list[str]) -> None:
    (row,) = [row for row in rows("\n## Who may what\n") if row[0].startswith(words)]
    told = dict(zip(("viewer", "user", "operator", "admin"), row[1:], strict=True))

    for route in routes:
        method, _, path = route.format(f"{API}/datasources/{{name}}").partition(" ")
        rule = rule_of(method, path)
        may = {role: "own" if role in rule.own_only else "yes" if role in rule.roles else "no" for role in told}
        assert may == told, route


def test_options_are_options(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("compress", "extract"):
        with pytest.raises(SystemExit):
            main(["archive", verb, "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    told = set(re.findall(r"`(--[a-z-]+)", PAGE))

    assert told
    assert told <= known


def test_commands_of_the_readme_do_what_they_say(installation: Installation) -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", readme, flags=re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if "rota archive" in block]
    folder = installation.cluster.folder / "incoming"
    (folder / "reports/2026").mkdir(parents=True)
    (folder / "reports/2026/march.txt").write_text("All is well.")
    assert "added" in installation.says(f"rota datasources add {folder}")

    for line in block.splitlines():
        assert " succeeded" in installation.says(line), line

    (found,) = folder.glob("restored/**/march.txt")
    assert found.read_text() == "All is well."


def test_page_leads_to_places_that_are_there() -> None:
    assert dead_links(PAGE) == []
