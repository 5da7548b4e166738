"""What 7z says of a member besides its name: its kind and mode in one number, and its time. Pure."""

from __future__ import annotations

import stat

from actors.archives.reading import MemberKind
from actors.datasources.rows import Kind

_FOLDER = 0x10
_ARCHIVE = 0x20
_REPARSE = 0x400
_HAS_MODE = 0x8000
_MODE_SHIFT = 16
_EPOCH = 116_444_736_000_000_000  # 1970, in steps since 1601
_STEP_NS = 100
_MOST = (1 << 64) - 1


def attributes_of(kind: Kind, *, executable: bool) -> int:
    """Give the attributes of a member, with the mode that its kind has in all archives of ours."""
    if kind == Kind.FOLDER:
        return _FOLDER | _HAS_MODE | (stat.S_IFDIR | 0o755) << _MODE_SHIFT
    if kind == Kind.LINK:
        return _ARCHIVE | _HAS_MODE | (stat.S_IFLNK | 0o777) << _MODE_SHIFT
    return _ARCHIVE | _HAS_MODE | (stat.S_IFREG | (0o755 if executable else 0o644)) << _MODE_SHIFT


def kind_of(attributes: int | None, *, is_folder: bool) -> MemberKind:
    """Give the kind of a member; `is_folder` is what the list of members says where the attributes say nothing."""
    mode = mode_of(attributes)
    if mode is not None and stat.S_IFMT(mode):
        kinds = {stat.S_IFREG: MemberKind.FILE, stat.S_IFDIR: MemberKind.FOLDER, stat.S_IFLNK: MemberKind.LINK}
        return kinds.get(stat.S_IFMT(mode), MemberKind.SPECIAL)
    if attributes is not None and attributes & _REPARSE:
        return MemberKind.SPECIAL  # a link of Windows, whose content only Windows knows
    if is_folder or (attributes is not None and attributes & _FOLDER):
        return MemberKind.FOLDER
    return MemberKind.FILE


def mode_of(attributes: int | None) -> int | None:
    """Give the Unix mode, or None if there is none."""
    return attributes >> _MODE_SHIFT if attributes is not None and attributes & _HAS_MODE else None


def filetime(modified_ns: int) -> int:
    """Give a time in 100 ns since 1601; 0 for one that is not known or cannot be said."""
    steps = _EPOCH + modified_ns // _STEP_NS
    return steps if modified_ns and 0 < steps <= _MOST else 0


def modified_ns_of(steps: int | None) -> int | None:
    """Give the nanoseconds since 1970 of a time in 100 ns since 1601; None if there is none."""
    return (steps - _EPOCH) * _STEP_NS if steps else None
