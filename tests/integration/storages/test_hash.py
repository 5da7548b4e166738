"""The actors `hash` and `verify` on every kind of storage, and etags as an object store makes them."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actors.datasources.opening import open_storage
from rota.errors import Cancelled, PermanentError, ShuttingDown
from tests.integration.actors.hashes import Hashed, checked
from tests.storages import s3
from tests.storages.served import Served
from tests.trees import make_tree

MIB = 1024 * 1024
FILES = {
    b"a.txt": b"alpha",
    b"folder/b c": b"beta",
    b"folder/deep/c%41": b"",
    b"folder/deep/d": bytes(range(256)) * 12_000,
    "\u00e9 & #/e".encode(): b"e",
}


@pytest.fixture
def hashed(tmp_path: Path, served: Served) -> Hashed:
    """The storage with some files in it."""
    for path, content in FILES.items():
        served.write(path, content)
    return Hashed(tmp_path, served.datasource)


def fill(hashed: Hashed) -> None:
    """Make the same files in the folder beside."""
    for path, content in FILES.items():
        folder, _, name = path.rpartition(b"/")
        make_tree(hashed.other / folder.decode(), {name: content})


def test_every_file_is_hashed_in_the_order_of_paths(hashed):
    result = hashed.hash()

    assert [(item.path.encode(), item.hash) for item in result.items] == [
        (path, f"sha256:{hashlib.sha256(content).hexdigest()}") for path, content in sorted(FILES.items())
    ]
    assert (result.bytes, result.failed) == (sum(map(len, FILES.values())), 0)


def test_a_manifest_is_written_there_and_verified_there(hashed, served):
    hashed.hash(target="SUMS", algorithm="blake3")
    hashed.hash(target="folder/B3SUMS", paths=["folder"], algorithm="blake3")

    assert hashed.verify(manifest="folder/B3SUMS").verified == 3
    with pytest.raises(PermanentError, match="1 extra; 5 files are right. extra: 'folder/B3SUMS'"):
        hashed.verify(manifest="SUMS", algorithm="blake3")
    assert not any(b".rota" in path for path in served.walk())


def test_a_manifest_written_here_is_what_sha256sum_checks(hashed):
    fill(hashed)

    hashed.hash(target="SUMS", target_datasource="beside")

    assert checked("sha256sum", hashed.other / "SUMS") == 0


def test_the_storage_is_compared_with_a_folder(hashed, served):
    fill(hashed)
    assert hashed.verify(target_datasource="beside").verified == 5
    served.write(b"folder/b c", b"BETA")
    served.remove(b"a.txt")

    with pytest.raises(PermanentError, match="1 different, 1 extra; 3 files are right. different: 'folder/b c'"):
        hashed.verify(target_datasource="beside")


def test_what_is_wrong_is_found_by_a_manifest(hashed, served):
    hashed.hash(target="SUMS")
    served.write(b"folder/b c", b"BETA")
    served.remove(b"a.txt")
    served.write(b"new", b"")

    with pytest.raises(PermanentError, match="1 different, 1 missing, 1 extra; 3 files are right"):
        hashed.verify(manifest="SUMS")


def test_an_interrupted_run_goes_on(hashed, served, monkeypatch):
    monkeypatch.setattr("actors.kept.MOST_BYTES", 1)
    monkeypatch.setattr("actors.hashing.setting._SMALL_AT_ONCE", 1)
    first = hashed.new_run()

    def on_check(_number: int) -> None:
        if len(first.checkpoints) > 1:
            first.interrupt(ShuttingDown())

    first.on_check = on_check
    with pytest.raises(ShuttingDown):
        hashed.hash(first, target="SUMS")
    assert b"SUMS" not in served.walk()

    assert hashed.hash(hashed.new_run(first.checkpoints[-1]), target="SUMS").files == 5
    assert hashed.verify(manifest="SUMS").verified == 5
    assert not any(b".rota-draft" in path for path in served.walk())


def test_a_run_is_cancelled_within_a_large_file(hashed, monkeypatch):
    run = hashed.new_run()

    def on_check(_number: int) -> None:
        if run.reports:
            run.interrupt(Cancelled())

    run.on_check = on_check
    monkeypatch.setattr("actors.transferring.tally._INTERVAL_SECONDS", 0)

    with pytest.raises(Cancelled):
        hashed.hash(run)
    assert run.reports[-1].done < sum(map(len, FILES.values()))


def put_in_parts(bucket: s3.ServedBucket, path: bytes, content: bytes, part: int) -> None:
    """Upload a file in parts, as the client of another make does."""
    client: Any = s3.client()
    try:
        where = {"Bucket": bucket.bucket, "Key": (bucket.prefix + path).decode()}
        upload = client.create_multipart_upload(**where)["UploadId"]
        parts = []
        for number, at in enumerate(range(0, len(content), part), start=1):
            told = client.upload_part(**where, UploadId=upload, PartNumber=number, Body=content[at : at + part])
            parts.append({"PartNumber": number, "ETag": told["ETag"]})
        client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    finally:
        client.close()


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with s3.serve(tmp_path) as served:
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        yield served


@pytest.mark.parametrize(
    ("size", "part"),
    [
        (12 * MIB + 3, 5 * MIB),
        (17 * MIB, 8 * MIB),
        (16 * MIB, 8 * MIB),
        (16 * MIB + 1, 15 * MIB),
        (20 * MIB, 16 * MIB),
        (11_000_000, 10_000_000),
        (6 * MIB, 64 * MIB),
    ],
)
def test_the_etag_of_an_upload_in_parts_is_computed(tmp_path, bucket, size, part):
    put_in_parts(bucket, b"large", bytes(range(256)) * (size // 256) + b"x" * (size % 256), part)
    hashed = Hashed(tmp_path, bucket.datasource)

    result = hashed.hash(algorithm="etag")

    assert (result.files, result.failed) == (1, 0)
    assert result.items[0].hash == f"etag:{_etag(bucket, b'large')}"


def test_an_odd_size_of_parts_has_to_be_given(tmp_path, bucket):
    put_in_parts(bucket, b"large", b"x" * 12 * MIB, 5_555_555)
    hashed = Hashed(tmp_path, bucket.datasource)

    with pytest.raises(PermanentError, match="'large': its etag does not follow from its content"):
        hashed.hash(algorithm="etag")
    assert hashed.hash(algorithm="etag", part_size=5_555_555).items[0].hash == f"etag:{_etag(bucket, b'large')}"


def test_what_rota_uploads_in_parts_and_whole_has_the_etag_it_computes(tmp_path, bucket):
    hashed = Hashed(tmp_path, bucket.datasource)
    with closing(open_storage(bucket.datasource)) as storage:
        storage.write(b"large", [b"x" * MIB] * 33)
        storage.write(b"small", [b"abc"])

    found = {item.path.encode(): item.hash for item in hashed.hash(algorithm="etag").items}

    assert found == {path: f"etag:{_etag(bucket, path)}" for path in (b"large", b"small")}
    assert "-3" in found[b"large"]


def _etag(bucket: s3.ServedBucket, path: bytes) -> str:
    client: Any = s3.client()
    try:
        found = client.head_object(Bucket=bucket.bucket, Key=(bucket.prefix + path).decode())
    finally:
        client.close()
    return str(found["ETag"]).strip('"')
