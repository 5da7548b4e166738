"""Definitions of datasources: what is accepted, and how exactly what is not is told."""

from __future__ import annotations

from typing import Any

import pytest

from rota.datasources import OPTIONS, Datasource, Rules, parse_datasource
from rota.errors import InvalidDefinition

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ"
VALID: list[dict[str, Any]] = [
    {"name": "files", "root": "/srv/files"},
    {"name": "photos", "kind": "s3", "root": "s3://bucket/photos", "options": {"region": "eu-west-3"}},
    {"name": "cold", "kind": "gcs", "root": "gs://bucket"},
    {"name": "blobs", "kind": "azure", "root": "az://container", "options": {"account": "acme"}},
    {"name": "outside", "kind": "sftp", "root": "sftp://me@host:2222/data", "options": {"host_key": HOST_KEY}},
    {"name": "cloud", "kind": "webdav", "root": "https://cloud.example.org/dav/me"},
    {"name": "old", "kind": "fsspec", "root": "ftp://host/pub"},
]


def problems(**fields: Any) -> dict[str, str]:
    """What is wrong with a datasource, by path."""
    with pytest.raises(InvalidDefinition) as refused:
        parse_datasource({"name": "files", "root": "/srv"} | fields)
    return {problem.path: problem.message for problem in refused.value.problems}


@pytest.mark.parametrize("given", VALID, ids=lambda given: given.get("kind", "local"))
def test_each_kind_is_accepted_and_comes_back_with_its_defaults(given: dict[str, Any]) -> None:
    found = parse_datasource(given)

    assert set(found.options) == set(OPTIONS[found.kind].model_fields)
    assert parse_datasource(found.model_dump()) == found
    assert found.rules == Rules()
    assert found.enabled


def test_every_kind_has_options() -> None:
    assert {given.get("kind", "local") for given in VALID} == set(OPTIONS)


@pytest.mark.parametrize(
    ("fields", "path", "said"),
    [
        ({"name": "Files"}, "name", "a letter followed by"),
        ({"root": "srv"}, "root", "absolute path"),
        ({"root": "/srv\0"}, "root", "control characters"),
        ({"kind": "ftp"}, "kind", "should be 'local', 's3'"),
        ({"kind": "s3"}, "root", "must begin with s3:// and name what it leads to"),
        ({"kind": "s3", "root": "s3:///prefix"}, "root", "must begin with s3://"),
        ({"kind": "webdav", "root": "https://me:secret@host/"}, "root", "must not hold a password"),
        ({"kind": "webdav", "root": "https://host/?key=1"}, "root", "must not have a query"),
        ({"kind": "webdav", "root": "https://[::1/"}, "root", "is no address"),
        ({"kind": "fsspec", "root": "/srv"}, "root", "must be an address"),
        ({"kind": "fsspec", "root": "ftp://me:secret@host/pub"}, "root", "must not hold a password"),
        ({"kind": "fsspec", "root": "file:///etc"}, "root", "file:// is not allowed: it reaches the worker's own"),
        ({"kind": "fsspec", "root": "zip://a.zip"}, "root", "zip:// is not allowed: it stands in front of"),
        ({"kind": "fsspec", "root": "https://host/"}, "root", "https:// is not allowed: pages are no folders"),
        ({"kind": "fsspec", "root": "ftp://host/a::file:///etc"}, "root", "chains of drivers are not allowed"),
        ({"kind": "s3", "root": "s3://b", "watch": True}, "watch", "only folders of the workers' machines"),
        ({"queue": "site b"}, "queue", "letters, digits"),
        ({"max_deleted": 2}, "max_deleted", "less than or equal to 1"),
        ({"exclude": ["/"]}, "exclude[0]", "must be a pattern"),
        ({"bin": {"hold": ["contracts/**", "../x/**"]}}, "bin.hold[1]", "must be about paths of the datasource"),
        ({"bin": {"parts": [{"folder": "a/.rota"}]}}, "bin.parts[0].folder", "Rota's own folders"),
        ({"homes": ".rota"}, "homes", "Rota's own folders"),
        ({"colour": "red"}, "colour", "is unknown"),
        ({"options": {"threads": 2}}, "options.threads", "is unknown; allowed: processes"),
        ({"kind": "sftp", "root": "sftp://host/"}, "options.host_key", "is required"),
        ({"kind": "azure", "root": "az://c"}, "options.account", "is required"),
        (
            {"kind": "s3", "root": "s3://b", "options": {"secret_access_key": "abc123"}},
            "options.secret_access_key",
            "must refer to a secret",
        ),
        (
            {"kind": "s3", "root": "s3://b", "options": {"access_key_id": "env:ROTA_REDIS_URL"}},
            "options.access_key_id",
            "must not refer to ROTA_",
        ),
        (
            {"kind": "webdav", "root": "https://h/", "options": {"token": "file:token"}},
            "options.token",
            "must refer to a secret",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(fields: dict[str, Any], path: str, said: str) -> None:
    found = problems(**fields)

    assert list(found) == [path]
    assert said in found[path]


def test_secret_given_by_mistake_is_not_repeated() -> None:
    found = problems(kind="webdav", root="https://host/", options={"password": "hunter2hunter2"})

    assert "hunter2" not in str(found)


def test_all_problems_are_told_at_once() -> None:
    found = problems(name="-", root="srv", max_deleted=-1, options={"processes": 0})

    assert set(found) >= {"name", "max_deleted", "options.processes"}


def test_rules_are_part_of_a_datasource() -> None:
    found = Datasource(name="files", root="/srv", exclude=("*.tmp",), max_deleted=0.1)

    assert found.rules == Rules(exclude=("*.tmp",), max_deleted=0.1)
