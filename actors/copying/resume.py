"""Where a copy or move that was interrupted goes on: what its checkpoint holds.

Files are handed out in one order: by the number of the selected entry, then folder by folder, the files of a folder
before its subfolders, all by name. So one position tells which files are behind us. Beyond it, a few are done already
because several are copied at once; before it, a few have to be tried again because they failed.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

import xxhash

from actors.transferring.large import Begun

# All together well below the 32 KB of a checkpoint.
_MOST_AGAIN_BYTES = 6 * 1024
_MOST_CURSOR_BYTES = 6 * 1024
_MOST_DONE = 128
_MOST_BEGUN = 16


class Position(NamedTuple):
    """The place of a file in the order."""

    top: int
    """Number of the selected entry that it is in."""
    folder: tuple[bytes, ...]
    """The names of the folders that lead to it from there."""
    name: bytes

    @property
    def size(self) -> int:
        """About how many bytes it takes in a checkpoint."""
        return (sum(map(len, self.folder)) + len(self.folder) + len(self.name)) * 4 // 3 + 20


START = Position(-1, (), b"")


class Resume:
    """How far the files are, and what was decided for good. Safe in several threads."""

    def __init__(self, state: Mapping[str, Any] | None = None, *, is_first: bool = True) -> None:
        """Read a checkpoint; `is_first` says that no other attempt was there before, whatever it left."""
        state = state or {}
        self.is_resumed = bool(state) or not is_first
        """Whether an earlier attempt may have done something."""
        self.is_unsure = self.is_resumed and not state.get("orderly", False)
        """Whether it was killed, and may have done what the checkpoint does not say."""
        self._lock = threading.Lock()
        self._cursor = _position(state["cursor"]) if state else START
        self._again = {_position(each) for each in state.get("again", ())}
        # Kept until the file is met: this attempt may end before that, too.
        self._known_done = dict.fromkeys(state.get("done", ()))
        self._known_near = dict.fromkeys(state.get("near", ()))
        self._near: set[Position] = set()
        self._open: dict[Position, bool] = {}
        self._is_blurred = False
        self._numbers = {int(top): int(number) for top, number in state.get("numbers", {}).items()}
        self._begun = {key: Begun(*fields) for key, fields in state.get("begun", {}).items()}
        self._goals: dict[str, bytes] = {}

    def skips(self, position: Position) -> bool:
        """Say whether a file needs no second visit; to be asked in their order."""
        with self._lock:
            if position in self._again:
                return False
            if position <= self._cursor:
                return True
            digest = _digest(position)
            if digest not in self._known_done:
                return False
            del self._known_done[digest]
            self._open[position] = True
            self._advance()
            return True

    def may_be_made(self, position: Position) -> bool:
        """Say whether an earlier attempt may have made a file, and could not note it or failed after that."""
        return self.is_unsure or position in self._again or _digest(position) in self._known_near

    def skips_below(self, top: int, folder: tuple[bytes, ...]) -> bool:
        """Say whether nothing in a folder needs a second visit."""
        depth = len(folder)
        if (self._cursor.top, self._cursor.folder[:depth]) <= (top, folder):
            return False
        return not any(each.top == top and each.folder[:depth] == folder for each in self._again)

    def hand_out(self, position: Position) -> None:
        """Note that a file is being worked on; to be called in their order."""
        with self._lock:
            self._open[position] = False

    def come_near(self, position: Position) -> None:
        """Note that a copy is about to get its name."""
        with self._lock:
            self._near.add(position)

    def is_near(self, position: Position) -> bool:
        """Say whether this attempt was about to give a copy its name, and may have done so."""
        with self._lock:
            return position in self._near

    def finish(self, position: Position) -> None:
        """Note that a file is done, or needs nothing."""
        with self._lock:
            self._forget_near(position)
            self._again.discard(position)
            if position in self._open:
                self._open[position] = True
            self._advance()

    def fail(self, position: Position) -> None:
        """Note that a file has to be tried again by the next attempt; see `blur` for very many of them."""
        with self._lock:
            self._forget_near(position)
            size = sum(each.size for each in self._again) + position.size
            if size > _MOST_AGAIN_BYTES:
                self._is_blurred = True
                return
            self._again.add(position)
            if position in self._open:
                self._open[position] = True
            self._advance()

    def blur(self) -> None:
        """Note that something here failed that is no file, so that all from here on has to be visited again.

        The cursor stays where it is, and the next attempt looks at each file as if this one had been killed.
        """
        with self._lock:
            self._is_blurred = True

    def number(self, top: int) -> int | None:
        """Give the number that a selected entry was given, 1 for its own name; None if that was not decided."""
        return self._numbers.get(top)

    def give_number(self, top: int, number: int) -> None:
        """Remember which number a selected entry has."""
        with self._lock:
            self._numbers[top] = number

    def begun(self, goal: bytes) -> Begun | None:
        """Give how far a large file is; from now on it has a draft, until it is forgotten."""
        with self._lock:
            self._goals[_key(goal)] = goal
            return self._begun.get(_key(goal))

    def note(self, goal: bytes, begun: Begun) -> None:
        """Remember how far a large file is; of very many at once, the newest."""
        with self._lock:
            self._begun.pop(_key(goal), None)
            self._begun[_key(goal)] = begun
            while len(self._begun) > _MOST_BEGUN:
                del self._begun[next(iter(self._begun))]

    def forget(self, goal: bytes) -> None:
        """Remember nothing of a large file any more."""
        with self._lock:
            self._begun.pop(_key(goal), None)
            self._goals.pop(_key(goal), None)

    def large_goals(self) -> list[bytes]:
        """Give the paths of large files that this attempt has begun and not finished."""
        with self._lock:
            return list(self._goals.values())

    def to_json(self, *, orderly: bool = False) -> dict[str, Any]:
        """Give it as a checkpoint; `orderly` if nothing is under way any more."""
        with self._lock:
            done = [_digest(position) for position, is_done in self._open.items() if is_done]
            return {
                "orderly": orderly and not self._is_blurred,
                "cursor": _encoded(self._cursor),
                "again": [_encoded(each) for each in sorted(self._again)],
                "done": [*self._known_done, *done][-_MOST_DONE:],
                "near": list({**self._known_near, **dict.fromkeys(map(_digest, self._near))}),
                "numbers": {str(top): number for top, number in self._numbers.items()},
                "begun": {key: list(begun) for key, begun in self._begun.items()},
            }

    def _forget_near(self, position: Position) -> None:
        self._near.discard(position)
        if self._known_near:
            self._known_near.pop(_digest(position), None)

    def _advance(self) -> None:
        """Move the cursor behind all files that are done, up to the first that is not."""
        if self._is_blurred:
            return
        while self._open:
            position = next(iter(self._open))
            if not self._open[position]:
                return
            del self._open[position]
            # One whose path is too long to be remembered is visited again if it comes to that.
            if position.size <= _MOST_CURSOR_BYTES:
                self._cursor = max(self._cursor, position)


def _encoded(position: Position) -> list[Any]:
    return [position.top, _text(b"/".join(position.folder)), _text(position.name)]


def _position(given: list[Any]) -> Position:
    top, folder, name = given
    path = base64.b64decode(folder)
    return Position(top, tuple(path.split(b"/")) if path else (), base64.b64decode(name))


def _text(path: bytes) -> str:
    return base64.b64encode(path).decode()


def _digest(position: Position) -> str:
    return xxhash.xxh3_64_hexdigest(b"%d/" % position.top + b"/".join((*position.folder, position.name)))


def _key(goal: bytes) -> str:
    return xxhash.xxh3_128_hexdigest(goal)
