"""What of a storage counts: the include and exclude patterns of a datasource. Pure.

Patterns are matched against paths from the root. `*` and `?` stand for anything but `/`, `**` for anything at all,
`[a-z]` for one of a set. A pattern without a slash is about names, at whatever depth; a slash in front ties it to the
root; one at the end makes it about folders only. An excluded folder is not entered. Folders are never left out because
of `include`: what matches may be below them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from actors.datasources.storage import Kind
from rota.datasources import Rules

_Pattern = re.Pattern[bytes]


class Selection:
    """The compiled patterns of a datasource; safe in several threads."""

    __slots__ = ("_exclude", "_exclude_folders", "_include", "takes_all")

    def __init__(self, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> None:
        included, excluded = list(include), list(exclude)
        self._include = _compiled([glob for glob in included if not glob.endswith("/")])
        if included and self._include is None:
            self._include = re.compile(rb"(?!)")  # only patterns about folders: no file matches
        self._exclude = _compiled([glob for glob in excluded if not glob.endswith("/")])
        self._exclude_folders = _compiled(excluded)
        self.takes_all = not included and not excluded
        """Whether nothing is left out, so that nobody need ask."""

    @classmethod
    def of(cls, rules: Rules) -> Selection:
        """Compile the patterns of these rules."""
        return cls(rules.include, rules.exclude)

    def takes(self, path: bytes, kind: str) -> bool:
        """Say whether an entry counts, provided that the folder it is in does."""
        if kind == Kind.FOLDER:
            return self._exclude_folders is None or not self._exclude_folders.fullmatch(path)
        if self._exclude is not None and self._exclude.fullmatch(path):
            return False
        return self._include is None or self._include.fullmatch(path) is not None

    def takes_whole(self, path: bytes, kind: str) -> bool:
        """Say whether an entry counts, the folders that lead to it included."""
        parts = path.split(b"/")
        folders = (b"/".join(parts[:depth]) for depth in range(1, len(parts)))
        return all(self.takes(folder, Kind.FOLDER) for folder in folders) and self.takes(path, kind)


def _compiled(globs: list[str]) -> _Pattern | None:
    if not globs:
        return None
    return re.compile(b"|".join(b"(?:%s)" % _translated(glob) for glob in globs), re.DOTALL)


def _translated(glob: str) -> bytes:
    pattern = glob.encode("utf-8", "surrogateescape")
    anywhere = b"/" not in pattern.rstrip(b"/")
    pattern = pattern.strip(b"/")
    out = [b"(?:.*/)?"] if anywhere else []
    at = 0
    while at < len(pattern):
        if pattern.startswith(b"**/", at):
            out.append(b"(?:.*/)?")
            at += 3
        elif pattern.startswith(b"**", at):
            out.append(b".*")
            at += 2
        elif pattern[at : at + 1] == b"[" and (end := pattern.find(b"]", at + 2)) > 0:
            out.append(_set(pattern[at + 1 : end]))
            at = end + 1
        else:
            out.append({b"*": b"[^/]*", b"?": b"[^/]"}.get(pattern[at : at + 1]) or re.escape(pattern[at : at + 1]))
            at += 1
    return b"".join(out)


def _set(inner: bytes) -> bytes:
    negated = inner[:1] in {b"!", b"^"}
    members = re.sub(rb"([\\\[\]^&~|])", rb"\\\1", inner[1:] if negated else inner)
    return b"(?!/)[%s%s]" % (b"^" if negated else b"", members)
