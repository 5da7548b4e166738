"""An S3 server (moto) for each test process, and a fresh bucket for each datasource."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from actors.datasources.storage import Datasource
from rota.datasources import Rules

ENVIRONMENT = {"TEST_S3_ID": "AKIATEST", "TEST_S3_SECRET": "not-a-secret"}


@cache
def server_address() -> str:
    """The address of this process's server, which ends with the process."""
    # Imported here: it takes a while, and most tests do without.
    from moto.moto_server import utilities, werkzeug_app
    from werkzeug.serving import make_server

    class AnyCharacter(utilities.RegexConverter):
        """Lets a key have a line end in it, as S3 does."""

        def __init__(self, url_map: Any, *items: Any) -> None:
            super().__init__(url_map, *items)
            self.regex = self.regex.replace(".", r"[\s\S]")

    class Quiet(werkzeug_app.MotoRequestHandler):
        """Says nothing."""

        def log(self, *_arguments: Any) -> None:
            """Say nothing."""

    werkzeug_app.RegexConverter = AnyCharacter  # type: ignore[misc]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, name="s3-server", daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    atexit.register(stop)
    return f"http://127.0.0.1:{server.server_port}"


def client() -> Any:
    """A client of another make, for whatever goes round the code under test."""
    import boto3  # type: ignore[import-untyped]
    from botocore.config import Config  # type: ignore[import-untyped]

    return boto3.client(
        "s3",
        endpoint_url=server_address(),
        region_name="us-east-1",
        aws_access_key_id=ENVIRONMENT["TEST_S3_ID"],
        aws_secret_access_key=ENVIRONMENT["TEST_S3_SECRET"],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, proxies={}),
    )


@dataclass
class ServedBucket:
    """A prefix of a bucket; see `Served`. It reads and writes through its own client."""

    bucket: str
    prefix: bytes
    datasource: Datasource
    environment: Mapping[str, str] = field(default_factory=lambda: ENVIRONMENT)

    def __post_init__(self) -> None:
        self._client = client()

    def put(self, key: bytes, content: bytes = b"", **more: Any) -> None:
        """Make an object with whatever key, without the prefix."""
        self._client.put_object(Bucket=self.bucket, Key=(self.prefix + key).decode(), Body=content, **more)

    def head(self, key: bytes) -> Mapping[str, Any]:
        """Give what the store knows of an object."""
        found: Mapping[str, Any] = self._client.head_object(Bucket=self.bucket, Key=(self.prefix + key).decode())
        return found

    def fill(self, contents: Mapping[bytes, bytes]) -> None:
        """Make many objects at once, inside the server."""
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        for key, content in contents.items():
            backend.put_object(self.bucket, (self.prefix + key).decode(), content)

    def keys(self) -> dict[bytes, int]:
        """Give the sizes of all objects below the prefix by their keys without it."""
        found: dict[bytes, int] = {}
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix.decode())
        for page in pages:
            for each in page.get("Contents", ()):
                found[each["Key"].encode()[len(self.prefix) :]] = each["Size"]
        return found

    def uploads(self) -> list[str]:
        """Give the keys of uploads that are not finished."""
        found = self._client.list_multipart_uploads(Bucket=self.bucket)
        return [each["Key"] for each in found.get("Uploads", ())]

    def read(self, key: bytes) -> bytes:
        """Give the content of an object."""
        content: bytes = self._client.get_object(Bucket=self.bucket, Key=(self.prefix + key).decode())["Body"].read()
        return content

    def write(self, path: bytes, content: bytes) -> None:
        """Make or replace a file."""
        self.put(path, content)

    def make_folder(self, path: bytes) -> None:
        """Nothing: folders don't exist by themselves."""

    def remove(self, path: bytes) -> None:
        """Remove a file, or all below a folder."""
        for key in self.keys():
            if key == path or key.startswith(path + b"/"):
                self._client.delete_object(Bucket=self.bucket, Key=(self.prefix + key).decode())

    def rename(self, path: bytes, target: bytes) -> None:
        """Copy and delete a file, or all below a folder."""
        for key in self.keys():
            if key == path or key.startswith(path + b"/"):
                source = {"Bucket": self.bucket, "Key": (self.prefix + key).decode()}
                goal = (self.prefix + target + key[len(path) :]).decode()
                self._client.copy_object(Bucket=self.bucket, Key=goal, CopySource=source)
                self._client.delete_object(**source)

    def walk(self) -> dict[bytes, tuple[str, int]]:
        """Give kind and size by path."""
        found: dict[bytes, tuple[str, int]] = {}
        for key, size in self.keys().items():
            found[key] = ("file", size)
            parts = key.split(b"/")
            found |= {b"/".join(parts[:depth]): ("folder", 0) for depth in range(1, len(parts))}
        return found

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()


@contextmanager
def serve(_folder: Path, *, prefix: str = "files/of the test") -> Iterator[ServedBucket]:
    """Make a bucket and give the datasource of a prefix in it."""
    bucket = f"test-{uuid4().hex}"
    datasource = Datasource(
        name="bucket",
        kind="s3",
        root=f"s3://{bucket}/{prefix}".rstrip("/"),
        options={
            "endpoint": server_address(),
            "region": "us-east-1",
            "access_key_id": "env:TEST_S3_ID",
            "secret_access_key": "env:TEST_S3_SECRET",
            "timeout_seconds": 60,
            "in_flight": 4,
        },
        rules=Rules(allow_private=True),
    )
    served = ServedBucket(bucket, f"{prefix}/".encode() if prefix else b"", datasource)
    served._client.create_bucket(Bucket=bucket)
    try:
        yield served
    finally:
        served.close()
