"""What of a storage counts: the include and exclude patterns of a datasource. Pure.

| pattern | stands for |
| --- | --- |
| `*` | any characters but `/`, or none |
| `?` | one character but `/` |
| `[abc]` `[a-z]` `[!abc]` | one character of these, or one of none of these; never `/`; `]` counts if it comes first |
| `**` | any characters at all, or none |
| `**/` at the start or after a `/` | any number of folders, or none |
| anything else | itself, in its case and as it is composed; there is no escape but `[*]` |

A pattern with a `/` before its end is about paths from the root (`/notes` too: a slash in front only ties it there);
any other is about names, at whatever depth: `*.tmp` is `**/*.tmp`. A `/` at the end makes it about folders.

`exclude` leaves out what matches, and a folder that is left out is not entered: `cache/` and `cache` leave the folder
out with all that is in it, `cache/**` keeps the empty folder. With `include` only those files and links count that
match it; `photos/` stands for everything below such a folder. Folders are never left out because of `include`: what
matches may be below them. `exclude` wins over `include`.

Names that are no UTF-8 are matched with each odd byte as one character. A match takes time in proportion to the square
of the path's length at most, however many stars there are: no star looks back once what follows it was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from actors.datasources.rows import Kind

if TYPE_CHECKING:
    from rota.datasources import Rules

_Pattern = re.Pattern[str]

_TOKENS = re.compile(
    r"\[(?P<negated>[!^]?)(?P<members>\][^\]]*|[^\]]+)\]"
    r"|(?P<folders>(?:^|(?<=/))\*\*/)|(?P<gap>\*\*)|(?P<star>\*)|(?P<one>.)",
    re.DOTALL,
)
# All three take as little as they can. What `**/` stands for ends with a slash or is nothing.
_ANYTHING, _FOLDERS, _STAR = "(?s:.*?)", "(?:(?s:.*?)/)??", "[^/]*?"


class Selection:
    """The compiled patterns of a datasource; safe in several threads."""

    __slots__ = ("_exclude", "_exclude_folders", "_include", "is_whole", "takes_all")

    def __init__(self, include: Iterable[str] = (), exclude: Iterable[str] = (), *, whole: bool = False) -> None:
        included, excluded = list(include), list(exclude)
        self._include = _compiled([f"{glob}**" if glob.endswith("/") else glob for glob in map(_rooted, included)])
        excluded = [_rooted(glob) for glob in excluded]
        self._exclude = _compiled([glob for glob in excluded if not glob.endswith("/")])
        self._exclude_folders = _compiled([glob.removesuffix("/") for glob in excluded])
        self.takes_all = not included and not excluded
        """Whether nothing is left out, so that nobody need ask."""
        self.is_whole = whole
        """Whether Rota's private names count as well: for listings that are not for a catalog."""

    @classmethod
    def of(cls, rules: Rules, *, whole: bool = False) -> Selection:
        """Compile the patterns of these rules, or none if the view is whole."""
        return cls(whole=True) if whole else cls(rules.include, rules.exclude)

    def takes(self, path: bytes, kind: str) -> bool:
        """Say whether an entry counts, provided that the folder it is in does."""
        text = path.decode("utf-8", "surrogateescape")
        if kind == Kind.FOLDER:
            return self._exclude_folders is None or not self._exclude_folders.fullmatch(text)
        if self._exclude is not None and self._exclude.fullmatch(text):
            return False
        return self._include is None or self._include.fullmatch(text) is not None

    def takes_whole(self, path: bytes, kind: str) -> bool:
        """Say whether an entry counts, the folders that lead to it included."""
        parts = path.split(b"/")
        folders = (b"/".join(parts[:depth]) for depth in range(1, len(parts)))
        return all(self.takes(folder, Kind.FOLDER) for folder in folders) and self.takes(path, kind)


def _rooted(glob: str) -> str:
    """Write a pattern as one about paths from the root, with a slash at the end at most."""
    end = "/" if glob.endswith("/") else ""
    body = glob.rstrip("/")
    return (body.lstrip("/") if "/" in body else f"**/{body}") + end


def _compiled(globs: list[str]) -> _Pattern | None:
    if not globs:
        return None
    return re.compile("|".join(f"(?:{_translated(glob)})" for glob in globs))


def _translated(glob: str) -> str:
    """Give the regular expression of a pattern.

    A double star and what stands up to the next one are one atomic group: the earliest place where that fits is as good
    as any later one, because the next double star makes up for the difference. The same holds for the stars within.
    """
    parts = [("", [""])]  # each a double star, or nothing, with the texts between the single stars that follow it
    for token in _TOKENS.finditer(glob):
        if token["folders"] or token["gap"]:
            parts.append((_FOLDERS if token["folders"] else _ANYTHING, [""]))
        elif token["star"]:
            parts[-1][1].append("")
        else:
            parts[-1][1][-1] += _one(token)
    atomic = "".join(
        f"(?>{gap}{first}{''.join(f'(?>{_STAR}{text})' for text in rest)})" for gap, (first, *rest) in parts[:-1]
    )
    gap, (first, *rest) = parts[-1]
    # Only the last star may look back: what follows it has to come out at the end.
    last = "".join(f"(?>{_STAR}{text})" for text in rest[:-1]) + "".join(f"{_STAR}{text}" for text in rest[-1:])
    return f"{atomic}{gap}{first}{last}"


def _one(token: re.Match[str]) -> str:
    """Translate what stands for one character."""
    if token["members"]:
        return _set(token["members"], negated=bool(token["negated"]))
    return "[^/]" if token["one"] == "?" else re.escape(token["one"])


def _set(members: str, *, negated: bool) -> str:
    parts = []
    for low, high, single in re.findall(r"(.)-(.)|(.)", members, re.DOTALL):
        if single:
            parts.append(re.escape(single))
        elif low <= high:  # the other way round it has no members
            parts.append(f"{re.escape(low)}-{re.escape(high)}")
    if not parts:
        return "[^/]" if negated else "(?!)"
    return f"(?!/)[{'^' if negated else ''}{''.join(parts)}]"
