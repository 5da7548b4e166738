"""Reads the list of members of a 7z archive, through py7zr's parser, and what of it belongs to what."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import ModuleType
from typing import Any, NamedTuple
from zlib import crc32

from actors.archives.reading import Damaged, PasswordNeeded, Unsupported, WrongPassword
from actors.archives.seven_zip.decoding import Packed, Unpacking, unpacked
from actors.archives.seven_zip.layout import START_BYTES, Property
from actors.archives.seven_zip.limits import MOST_FOLDERS, MOST_HEADER_BYTES, MOST_MEMBERS, is_encrypted
from actors.archives.seven_zip.view import View, judged

_OVER_LIMIT = "exceeds limit"
"""What py7zr says of what is no lie but too much."""


class Content(NamedTuple):
    """Where the content of a member is: in which packed stream, and where in what comes out of it."""

    stream: int
    offset: int
    size: int
    crc: int | None


class Stream(NamedTuple):
    """A packed stream: what py7zr tells of it, and where it is in the archive."""

    packed: Packed
    start: int
    size: int
    is_encrypted: bool


@dataclass(frozen=True, slots=True)
class Header:
    """What the list of members says."""

    files: Sequence[Mapping[str, Any]] = ()
    """As py7zr gives them."""
    is_empty_file: Sequence[bool] = ()
    """Of those without content, in their order: whether it is a file and no folder."""
    contents: Sequence[Content] = ()
    """Of those with content, in their order."""
    streams: Sequence[Stream] = ()


def read_header(view: View, password: str | None) -> Header:
    """Read the list of members; raises Damaged, Unsupported, PasswordNeeded or WrongPassword."""
    with judged(view, f"{view.name!r}"):
        from py7zr import archiveinfo

        _set_limits(archiveinfo)
        raw = _raw_header(view, archiveinfo)
        if raw[:1] == bytes((Property.ENCODED_HEADER,)):
            raw = _decoded_header(view, raw, password)
        if not raw:
            return Header()
        if raw[0] != Property.HEADER:
            raise Damaged(f"{view.name!r} is damaged: its list of members does not begin as one")
        parsed = _parsed(raw, view, archiveinfo)
        streams, contents = _contents(parsed.main_streams) if parsed.main_streams is not None else ([], [])
        files = parsed.files_info.files if parsed.files_info is not None else []
        if sum(not file["emptystream"] for file in files) != len(contents):
            raise Damaged(f"{view.name!r} is damaged: its members and their contents are not as many")
        empty = parsed.files_info.emptyfiles if parsed.files_info is not None else []
        return Header(files, empty, contents, streams)


def _set_limits(archiveinfo: ModuleType) -> None:
    """Lower what py7zr allows: its own limits suffice for some gigabytes of memory from a header of a few bytes."""
    vars(archiveinfo).update(
        MAX_NUMFILES=MOST_MEMBERS,
        MAX_SUBSTREAMS=MOST_MEMBERS,
        MAX_NUMFOLDERS=MOST_FOLDERS,
        MAX_HEADER_SIZE=MOST_HEADER_BYTES,
    )


def _parsed(raw: bytes, view: View, archiveinfo: ModuleType) -> Any:
    from py7zr.exceptions import Bad7zFile

    parsed = archiveinfo.Header()
    try:
        parsed._extract_header_info(io.BytesIO(raw[1:]))  # noqa: SLF001 -- the only way to hand it what we unpacked
    except Bad7zFile as error:
        if _OVER_LIMIT not in str(error):
            raise
        raise Unsupported(f"{view.name!r} has more members than can be read of a 7z: {MOST_MEMBERS:,}") from error
    return parsed


def _raw_header(view: View, archiveinfo: ModuleType) -> bytes:
    start = archiveinfo.SignatureHeader.retrieve(view)
    _check_size(view, start.nextheadersize)
    if START_BYTES + start.nextheaderofs + start.nextheadersize > view.size:
        raise Damaged(f"{view.name!r} is cut off: its list of members should be at its end")
    view.seek(START_BYTES + start.nextheaderofs)
    raw = view.read(start.nextheadersize)
    if crc32(raw) != start.nextheadercrc:
        raise Damaged(f"{view.name!r} is damaged: the checksum of its list of members is wrong")
    return raw


def _decoded_header(view: View, raw: bytes, password: str | None) -> bytes:
    """Unpack a list of members that is itself a packed stream."""
    from py7zr.archiveinfo import HeaderStreamsInfo

    info = HeaderStreamsInfo.retrieve(io.BytesIO(raw[1:]))
    if len(info.unpackinfo.folders) != 1:
        raise Damaged(f"{view.name!r} is damaged: its list of members is in more than one piece")
    [folder] = info.unpackinfo.folders
    [stream] = _streams(info)
    size = folder.get_unpack_size()
    _check_size(view, size)
    if stream.is_encrypted and password is None:
        raise PasswordNeeded(f"{view.name!r} has an encrypted list of members, and no password is given")
    try:
        with judged(view, f"the list of members of {view.name!r}"):
            data = unpacked(Unpacking(view, folder, start=stream.start, size=stream.size, password=password), size)
            if folder.digestdefined and folder.crc != crc32(data):
                raise ValueError("its checksum is wrong")
    except Damaged as error:
        if stream.is_encrypted:
            raise WrongPassword(
                f"the password does not fit {view.name!r}, or its list of members is damaged"
            ) from error
        raise
    return data


def _check_size(view: View, size: int) -> None:
    if size > MOST_HEADER_BYTES:
        raise Unsupported(f"{view.name!r} has a list of members of {size:,} bytes; allowed: {MOST_HEADER_BYTES:,}")


def _streams(info: Any) -> list[Stream]:
    """Give the packed streams: one for each folder, as py7zr reads no others."""
    sizes = info.packinfo.packsizes
    starts = list(accumulate(sizes, initial=START_BYTES + info.packinfo.packpos))
    firsts = accumulate((len(folder.packed_indices) for folder in info.unpackinfo.folders), initial=0)
    return [
        Stream(folder, starts[first], sizes[first], is_encrypted(folder.coders))
        for folder, first in zip(info.unpackinfo.folders, firsts, strict=False)
    ]


def _contents(info: Any) -> tuple[list[Stream], list[Content]]:
    """Give the packed streams, and what is in each."""
    substreams = info.substreamsinfo
    streams = _streams(info)
    contents: list[Content] = []
    told = iter(substreams.unpacksizes or ()) if substreams is not None else iter(())
    digests = (
        zip(substreams.digestsdefined, substreams.digests, strict=True) if substreams is not None else _own(streams)
    )
    for number, stream in enumerate(streams):
        whole = stream.packed.get_unpack_size()
        count = substreams.num_unpackstreams_folders[number] if substreams is not None else 1
        # py7zr tells a size also for a stream that holds no member's content, and none where each holds one.
        sizes = [next(told, whole) for _ in range(max(count, 1))][:count]
        offset = 0
        for size in sizes:
            is_defined, crc = next(digests)
            if size < 0 or offset + size > whole:
                raise ValueError("contents are said to be larger than the stream that holds them")
            contents.append(Content(number, offset, size, crc if is_defined else None))
            offset += size
    return streams, contents


def _own(streams: Sequence[Stream]) -> Iterator[tuple[bool, int | None]]:
    """Give the checksums of streams that hold one content each."""
    return ((stream.packed.digestdefined, stream.packed.crc) for stream in streams)
