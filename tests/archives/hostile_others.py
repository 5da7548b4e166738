"""Hostile 7z archives and single compressed files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial

import py7zr

from tests.archives.hostile import Case, chunked
from tests.archives.hostile_tar import packers

_GIB = 1 << 30
_MIB = 1 << 20
_LINK = 0x8000 | 0o120777 << 16


def other_cases() -> list[Case]:
    """Give all of them."""
    return [*_seven_zips(), *_singles()]


def seven_zip(*members: tuple[str, bytes, int | None]) -> bytes:
    """Give a 7z of names, contents and attributes that py7zr itself would not write."""
    made = io.BytesIO()
    with py7zr.SevenZipFile(made, "w", filters=[{"id": py7zr.FILTER_LZMA2, "preset": 1}]) as archive:
        for number, (name, content, attributes) in enumerate(members):
            archive.writestr(content, f"place{number}")
            file = archive.header.files_info.files[-1]
            file["filename"] = name
            file["attributes"] = attributes if attributes is not None else file["attributes"]
    return made.getvalue()


def _seven_zips() -> Iterator[Case]:
    def case(name: str, *members: tuple[str, bytes, int | None], **said: object) -> Case:
        return Case(name=f"7z: {name}", file="evil.7z", data=partial(seven_zip, *members), **said)  # type: ignore[arg-type]

    for name, path, refused in (
        ("slip", "../x", "outside"),
        ("slip after a folder", "a/../../x", "outside"),
        ("slip by backslash", "..\\x", "outside"),
        ("absolute", "/x", "absolute"),
        ("drive", "C:/x", "drive of Windows"),
        ("empty name", "", "empty"),
        ("own name", ".rota/x", "Rota's own"),
        ("long name", "n" * 256, "256 bytes"),
    ):
        yield case(name, ("before", b"1", None), (path, b"x", None), refused=refused)
    yield case("link to outside", ("l", b"../../outside/secret", _LINK), noted=("leads outside",))
    yield case(
        "link, then a file through it",
        ("x", b"../../outside", _LINK),
        ("x/secret", b"evil", None),
        made={"x (2)": None, "x (2)/secret": b"evil"},
        noted=("is now", "leads outside"),
    )
    yield case("duplicate", ("a", b"1", None), ("a", b"2", None), made={"a": b"1", "a (2)": b"2"}, noted=("is now",))
    yield case("fifo", ("p", b"1", 0x8000 | 0o010666 << 16), ("a", b"2", None), made={"a": b"2"}, noted=("device",))
    yield case("set-uid", ("a", b"1", 0x8000 | 0o104777 << 16), made={"a": b"1"})
    yield case("bomb", ("zeros", bytes(64 * _MIB), None), refused="max_ratio")
    yield Case(
        name="7z: truncated", file="evil.7z", data=lambda: seven_zip(("a", b"1" * 999, None))[:-20], refused="cut off"
    )


def _singles() -> Iterator[Case]:
    zeros, text = bytes(_MIB), b"some text\n" * 1000

    def bomb(pack: Callable[[bytes], bytes]) -> bytes:
        return chunked(pack(b"begin"), pack(zeros), _GIB // _MIB)()

    for suffix, pack in packers().items():
        file = f"evil.{suffix}"
        yield Case(name=f"{suffix}: bomb", file=file, data=partial(bomb, pack), refused="max_ratio")
        whole = pack(text)
        yield Case(name=f"{suffix}: truncated", file=file, data=partial(bytes, whole[:-5]), refused="cut off")
        yield Case(
            name=f"{suffix}: only its beginning",
            file=file,
            data=partial(bytes, whole[:12]),
            refused="cut off",
        )
        yield Case(
            name=f"{suffix}: garbage behind it",
            file=file,
            data=partial(bytes, whole + b"garbage"),
            refused="something else follows",
        )
