"""Packs a tree into an archive and reads it back, by the packers and readers of all formats."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from actors.archives.formats import open_archive, packer_of
from actors.archives.packing import Contents, Entry, Packing
from actors.archives.reading import Archive, Member, MemberKind
from actors.datasources.rows import Kind
from rota.archives import Format
from tests.archives.memory_file import MemoryFile
from tests.archives.trees import Node, Tree, TreeContents

_KINDS = {MemberKind.FILE: Kind.FILE, MemberKind.FOLDER: Kind.FOLDER, MemberKind.LINK: Kind.LINK}


def packed(
    format_: Format, tree: Tree, *, threads: int = 2, level: int | None = None, password: str | None = None
) -> bytes:
    """Give the archive of a tree."""
    contents = TreeContents(tree)
    with ThreadPoolExecutor(threads) as pool:
        packing = Packing(pool=pool, threads=threads, level=level, password=password)
        return _whole(format_, contents, contents.entries(), packing)


def unpacked(format_: Format, data: bytes, *, password: str | None = None) -> dict[bytes, Node]:
    """Give the tree that is in an archive; a time that it does not say is 0."""
    archive = open_archive(MemoryFile(f"archive.{format_}", data), format_, password=password)
    try:
        return {_path(member): _node(archive, member) for member in archive.members()}
    finally:
        archive.close()


def _whole(format_: Format, contents: Contents, entries: list[Entry], packing: Packing) -> bytes:
    packer = packer_of(format_, contents, packing)
    data, records = bytearray(), []
    for piece in packer.pack(entries):
        data += piece.data
        records.append(piece.records)
    for end in packer.finish(records, written=len(data)):
        data += end
    return bytes(data)


def _path(member: Member) -> bytes:
    return member.name.removesuffix(b"/") if member.kind is MemberKind.FOLDER else member.name


def _node(archive: Archive, member: Member) -> Node:
    return Node(
        kind=_KINDS[member.kind],
        data=b"".join(archive.open(member)) if member.kind is MemberKind.FILE else b"",
        link=member.link,
        modified_ns=member.modified_ns or 0,
        executable=member.kind is MemberKind.FILE and member.executable,
    )
