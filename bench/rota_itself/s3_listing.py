"""Rota: how fast a bucket is scanned, against the pages of the same listing fetched and thrown away.

The server (moto) is a process of its own, in Python, and sets the pace; what a scan adds to it is what counts.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from urllib.parse import quote

from actors.datasources.objects import ObjectStorage
from actors.datasources.storage import Datasource, Listing
from bench.measurement import Measurement, median_of
from rota.datasources import Rules

LIMIT = "raw pages"
_BUCKET = "bench"
_FOLDER_FILES = 100
_MOST_OBJECTS = 20_000  # the server looks through all of them for each page
_TOKEN = re.compile(rb"<NextContinuationToken>([^<]+)<")
_CREDENTIALS = {"BENCH_S3_ID": "AKIABENCH", "BENCH_S3_SECRET": "not-a-secret"}


def measure_s3_listing(*, entries: int, rounds: int, what: str) -> list[Measurement]:
    """Measure both ways through a bucket of so many objects, at most 20,000, in folders of a hundred."""
    count = min(entries, _MOST_OBJECTS)
    with _server(count) as port:
        # Rounds are interleaved: what else the machine does hits both alike.
        measured = [(_limit(port, count, what), _scan(port, count, what)) for _ in range(rounds)]
    return [median_of(column) for column in zip(*measured, strict=True)]


def _limit(port: int, count: int, what: str) -> Measurement:
    """Fetch all pages one after the other, and look at nothing but where the next one is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    begin, used = time.perf_counter(), time.process_time()
    token, pages = "", 0
    while True:
        connection.request("GET", f"/{_BUCKET}?list-type=2&encoding-type=url&max-keys=1000{token}")
        body = connection.getresponse().read()
        pages += 1
        if not (found := _TOKEN.search(body)):
            break
        token = f"&continuation-token={quote(found[1].decode(), safe='')}"
    seconds = time.perf_counter() - begin
    connection.close()
    if pages != -(-count // 1000):
        raise RuntimeError(f"{pages} pages of {count:,} objects")
    return _measurement(LIMIT, version("moto"), count, seconds, what, note=_note(used, count))


def _scan(port: int, count: int, what: str) -> Measurement:
    """Scan as a sync does: signed, grouped into folders, each folder compared by its digest."""
    options = {
        "endpoint": f"http://127.0.0.1:{port}",
        "access_key_id": "env:BENCH_S3_ID",
        "secret_access_key": "env:BENCH_S3_SECRET",
    }
    os.environ.update(_CREDENTIALS)
    datasource = Datasource(
        name="bench", kind="s3", root=f"s3://{_BUCKET}", options=options, rules=Rules(allow_private=True)
    )
    storage = ObjectStorage(datasource)
    begin, used = time.perf_counter(), time.process_time()
    listed = sum(len(found.rows) for found in storage.scan([b""], lambda _: {}) if isinstance(found, Listing))
    seconds = time.perf_counter() - begin
    storage.close()
    if listed != count + count // _FOLDER_FILES:
        raise RuntimeError(f"{listed:,} rows of {count:,} objects")
    return _measurement("rota", version("rota"), count, seconds, what, note=_note(used, count))


def _measurement(name: str, found: str, count: int, seconds: float, what: str, *, note: str) -> Measurement:
    return Measurement(what=what, name=name, version=found, per_second=count / seconds, note=note)


def _note(used: float, count: int) -> str:
    return f"{(time.process_time() - used) / count * 1e6:.1f} µs of processor an object"


@contextmanager
def _server(count: int) -> Iterator[int]:
    """Run a server with a full bucket and give its port."""
    arguments = [sys.executable, "-m", "bench.rota_itself.s3_listing", str(count)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server ended with code {process.wait()}")
        yield int(line)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        if process.stdin is not None:
            process.stdin.close()


def _serve(count: int) -> None:
    """Fill a bucket and serve it until the pipe from the parent closes."""
    import logging

    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer
    from moto.s3.models import s3_backends

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    backend.create_bucket(_BUCKET, "us-east-1")
    for number in range(count):
        folder, file = divmod(number, _FOLDER_FILES)
        backend.put_object(_BUCKET, f"folder-{folder:05}/file-{file:03}.txt", b"")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
