"""Azure's Blob Storage, on a twin of it."""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Callable, Iterator

import pytest

from actors.datasources.objects import ObjectStorage
from actors.datasources.objects.writing import PART_BYTES
from actors.datasources.scanning import scan
from actors.datasources.storage import Datasource, End, Kind, Listing
from rota.datasources import Rules
from rota.errors import PermanentError
from rota.logs import configure_logs
from tests.storages.azure import Container
from tests.storages.http_proxy import Proxy, Reply, Seen, proxied

KEY = base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def container() -> Container:
    return Container()


@pytest.fixture
def azure(container: Container) -> Iterator[Proxy]:
    with proxied("http://127.0.0.1:9") as started:
        started.rule = container
        yield started


@pytest.fixture
def opened(azure: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ObjectStorage]]:
    monkeypatch.setenv("TEST_AZURE_KEY", KEY)
    monkeypatch.setenv("TEST_AZURE_SAS", "?sv=2023-11-03&sp=rwdl&sig=a%2Bb%3D")
    storages: list[ObjectStorage] = []

    def open_one(**changes: object) -> ObjectStorage:
        options = {"account": "acct", "endpoint": azure.address, "access_key": "env:TEST_AZURE_KEY"} | changes
        rules = Rules(allow_private=True)
        datasource = Datasource(name="blobs", kind="azure", root="az://cont/p", options=options, rules=rules)
        storages.append(ObjectStorage(datasource, page_keys=6, patient_pages=1))
        return storages[-1]

    yield open_one
    for storage in storages:
        storage.close()


Opener = Callable[..., ObjectStorage]


def test_a_container_is_scanned_in_pages(container: Container, opened: Opener) -> None:
    names = [f"f{number % 4}/{number:02}" for number in range(30)]
    container.blobs = {f"p/{name}": name.encode() for name in [*names, "a+b %41/é"]} | {"q/other": b""}
    found = list(scan(opened(), [b""], lambda paths: {}))
    files = {
        listing.path + b"/" + row.name: row.size
        for listing in found
        if isinstance(listing, Listing)
        for row in listing.rows
        if row.kind == Kind.FILE
    }

    assert files == {name.encode(): len(name.encode()) for name in [*names, "a+b %41/é"]}
    assert found[-1] == End(path=b"")


@pytest.mark.parametrize("proof", [{}, {"access_key": None, "sas_token": "env:TEST_AZURE_SAS"}], ids=["key", "sas"])
def test_files_are_written_read_renamed_and_deleted(
    container: Container, azure: Proxy, opened: Opener, proof: dict[str, object]
) -> None:
    storage = opened(**proof)
    storage.verify()
    large = os.urandom(PART_BYTES + 7)

    assert storage.write(b"d/small +%", [b"abc"]).size == 3
    assert storage.write(b"d/large", [large]).size == len(large)
    assert container.blobs["p/d/large"] == large
    with storage.open_file(b"d/large") as file:
        file.seek(-7, os.SEEK_END)
        assert file.read() == large[-7:]
    storage.rename(b"d/small +%", b"e/moved")
    storage.delete(b"d/large")
    storage.delete(b"d/large")
    assert container.blobs == {"p/e/moved": b"abc"}
    copies = [request.headers["x-ms-copy-source"] for request in azure.seen if "x-ms-copy-source" in request.headers]
    assert copies[0].startswith(f"{azure.address}/cont/p/d/small%20%2B%25")
    assert ("sig=a%2Bb%3D" in copies[0]) == bool(proof)


def test_a_rename_never_replaces_what_came_meanwhile(container: Container, azure: Proxy, opened: Opener) -> None:
    container.blobs = {"p/f": b"x"}

    def arrives_late(request: Seen) -> Reply:
        if "x-ms-copy-source" in request.headers:
            container.blobs["p/taken"] = b"another's"
        return container(request)

    azure.rule = arrives_late

    with pytest.raises(FileExistsError):
        opened().rename(b"f", b"taken")
    assert container.blobs == {"p/f": b"x", "p/taken": b"another's"}


def test_a_write_that_is_not_confirmed_leaves_what_was_there(container: Container, opened: Opener) -> None:
    container.blobs = {"p/f": b"old"}

    def refuse() -> None:
        raise PermanentError("no longer ours")

    for content in (b"new", os.urandom(PART_BYTES + 7)):
        with pytest.raises(PermanentError, match="no longer ours"):
            opened().write(b"f", [content], confirm=refuse)
    assert container.blobs == {"p/f": b"old"}


def test_refused_credentials_are_told_by_name_only(azure: Proxy, opened: Opener) -> None:
    with pytest.raises(PermanentError, match="'blobs': answered 403 AuthenticationFailed") as caught:
        opened(access_key=None, anonymous=True).verify()

    assert KEY not in str(caught.value)
    assert "authorization" not in azure.seen[0].headers


def test_a_signature_that_is_part_of_addresses_stays_out_of_the_logs(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loggers = [logging.getLogger(name) for name in (None, "dramatiq", "httpx", "httpcore")]
    levels = [logger.level for logger in loggers]
    monkeypatch.setattr(loggers[0], "handlers", [])
    try:
        configure_logs("text", "debug")
        opened(access_key=None, sas_token="env:TEST_AZURE_SAS").verify()
        logging.getLogger(__name__).debug("the end")
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
    told = capsys.readouterr().err

    assert "the end" in told
    assert "sig=" not in told


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"access_key": None}, "options must name access_key or sas_token, or say anonymous: true"),
        ({"account": "evil.example/"}, "options.account must be 3 to 24 letters and digits"),
        ({"access_key": "env:TEST_AZURE_SAS"}, "options.access_key leads to no key of Azure"),
    ],
)
def test_a_definition_that_is_no_good_says_where(opened: Opener, changes: dict[str, object], why: str) -> None:
    with pytest.raises(PermanentError, match=why):
        opened(**changes)
