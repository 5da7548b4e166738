"""A bucket of a real S3 server, a proxy in front of it, and the driver opened on either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actors.datasources.objects import ObjectStorage
from rota.datasources import Rules
from tests.storages import s3
from tests.storages.http_proxy import Proxy, proxied
from tests.storages.s3 import ServedBucket

Opener = Callable[..., ObjectStorage]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedBucket]:
    with s3.serve(tmp_path) as started:
        for name, value in started.environment.items():
            monkeypatch.setenv(name, value)
        yield started


@pytest.fixture
def proxy(served: ServedBucket) -> Iterator[Proxy]:
    with proxied(s3.server_address()) as started:
        yield started


@pytest.fixture
def opened(served: ServedBucket) -> Iterator[Opener]:
    """Opens the datasource, with other options, rules or page sizes if asked."""
    storages: list[ObjectStorage] = []

    def open_one(
        *,
        via: Proxy | None = None,
        page_keys: int = 1000,
        patient_pages: int = 24,
        rules: Rules | None = None,
        marker: str | None = None,
        root: str = "",
        **changes: object,
    ) -> ObjectStorage:
        before = served.datasource
        options = dict(before.options) | ({"endpoint": via.address} if via else {}) | changes
        changed = replace(before, options=options, rules=rules or before.rules, marker=marker, root=root or before.root)
        storages.append(ObjectStorage(changed, page_keys=page_keys, patient_pages=patient_pages))
        return storages[-1]

    yield open_one
    for storage in storages:
        storage.close()
