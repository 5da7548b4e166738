"""Two datasources under test, and archives of what is in the first, read by other programs' libraries."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Any, NamedTuple

from actors.compress import CompressParams, CompressResult, compress
from actors.testing import RecordingRun
from tests.integration.actors.pair import Pair

TASK = "01900000-0000-7000-8000-000000000002"


class Packed(NamedTuple):
    """A member of an archive."""

    kind: str
    content: bytes


class Compressed(Pair):
    """A source and a target, by default two folders."""

    def compress(self, *paths: str, run: RecordingRun | None = None, **params: Any) -> CompressResult:
        """Pack from the source into the target, in a new run, which is `self.run` afterwards."""
        self.run = run or self.new_run()
        given = {"datasource": self.source.name, "target_datasource": self.target.name, "paths": paths, **params}
        return compress(self.run, CompressParams(**given))

    def packed(self, name: str) -> dict[str, Packed]:
        """Give what is in an archive of the target."""
        return members((self.goal / name).read_bytes())

    def there(self) -> list[str]:
        """Give the names of everything in the target, private names too."""
        return sorted(str(path.relative_to(self.goal)) for path in self.goal.rglob("*"))


def members(data: bytes) -> dict[str, Packed]:
    """Give the members of a zip or tar archive by name, in the archive's order; folders end with a slash."""
    read = _in_zip if data.startswith(b"PK") else _in_seven if data.startswith(b"7z") else _in_tar
    found = list(read(data))
    assert len(dict(found)) == len(found)
    return dict(found)


def contents(found: dict[str, Packed]) -> dict[str, bytes]:
    """Give the contents of the files among members."""
    return {name: member.content for name, member in found.items() if member.kind == "file"}


def _in_zip(data: bytes) -> Iterator[tuple[str, Packed]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            is_link = info.external_attr >> 28 == 0o12
            kind = "folder" if info.is_dir() else "link" if is_link else "file"
            yield info.filename, Packed(kind, archive.read(info))


def _in_tar(data: bytes) -> Iterator[tuple[str, Packed]]:
    with tarfile.open(fileobj=io.BytesIO(_unpacked(data)), mode="r:*") as archive:
        for info in archive:
            if info.isdir():
                yield f"{info.name}/", Packed("folder", b"")
            elif info.issym():
                yield info.name, Packed("link", info.linkname.encode())
            else:
                file = archive.extractfile(info)
                assert file is not None
                yield info.name, Packed("file", file.read())


def _in_seven(data: bytes) -> Iterator[tuple[str, Packed]]:
    import py7zr  # type: ignore[import-untyped]
    from py7zr.io import BytesIOFactory  # type: ignore[import-untyped]

    factory = BytesIOFactory(len(data) * 1000)
    with py7zr.SevenZipFile(io.BytesIO(data)) as archive:
        infos = archive.list()
        archive.extractall(factory=factory)
    for info in infos:
        if info.is_directory:
            yield f"{info.filename}/", Packed("folder", b"")
        else:
            yield info.filename, Packed("file", factory.products[info.filename].read())


def _unpacked(data: bytes) -> bytes:
    """Unpack Zstandard, which `tarfile` knows only from Python 3.14 on."""
    if not data.startswith(b"\x28\xb5\x2f\xfd"):
        return data
    from actors.archives.zstd import ZstdDecompressor

    parts = []
    while data:
        frame = ZstdDecompressor()
        parts.append(frame.decompress(data))
        data = frame.unused_data
    return b"".join(parts)
