"""Deletes items of a bin in an object store: files are compared where they are, and deleted many in a request.

There is no tomb: nothing can be moved in one step. An item of one object is the object `<folder>/<name>`, a folder is
all objects below `<folder>/<name>/`, listed page by page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from actors.datasources.bins import BIN
from actors.datasources.graves import (
    BESIDE,
    INFO_SUFFIX,
    Answer,
    Clear,
    Cleared,
    Fate,
    Fill,
    Filled,
    Grave,
    Laid,
    Lay,
    Place,
    Remains,
    Task,
    difference,
)
from actors.datasources.objects.pages import Object, Page
from actors.datasources.objects.service import ObjectService
from actors.datasources.paths import text_of
from actors.datasources.retrying import Repeats, is_temporary
from actors.datasources.rows import Kind, Row
from rota.names import is_utf8

_PAGE_KEYS = 1000
"""Most keys that are listed, and that are deleted, in one request."""
_MOST_PAGES = 8  # of a large folder are listed in one visit, to be deleted by several threads
_MOST_KEY_BYTES = 1024
_RETRIES = 2

GoOn = Callable[[], None]
T = TypeVar("T")


class _Seen(NamedTuple):
    """What there is of an item: either its end is known, or objects are to be deleted."""

    number: int
    folder: bytes
    ended: Filled | None = None
    objects: Sequence[Object] = ()
    laid: Laid | None = None
    """If it is too large for one step."""
    reason: str = ""


class ObjectDigger:
    """Does tasks in one bucket; safe in several threads. Failed requests are repeated."""

    def __init__(self, service: ObjectService, prefix: bytes, *, step_ns: int) -> None:
        """`prefix` is that of all keys of the datasource."""
        self._service = service
        self._bin = prefix + BIN + b"/"
        self._step_ns = step_ns

    def dig(self, tasks: Sequence[Task], go_on: GoOn) -> list[Answer]:
        """Do a list of tasks; the objects of all small items are deleted together, and then what lies beside these."""
        answers: list[Answer] = []
        seen: list[_Seen] = []
        infos: dict[bytes, Filled] = {}
        for task in tasks:
            go_on()
            if isinstance(task, Clear):
                answers.append(Cleared(task.number, [self._clear(task.grave, place, go_on) for place in task.places]))
            elif isinstance(task, Fill):
                infos[self._info(task.grave.folder)] = Filled(task.number, Fate.GONE)
            else:
                seen.append(self._see(task, go_on))
        refused = self._delete((each.key for one in seen for each in one.objects), go_on)
        for one in seen:
            answer = _answered(one, refused)
            if isinstance(answer, Filled) and answer.fate in {Fate.GONE, Fate.MISSING}:
                infos[self._info(one.folder)] = answer
            else:
                answers.append(answer)
        refused = self._delete(infos, go_on)
        for key, filled in infos.items():
            why = f"the information beside it: {refused[key]}" if key in refused else ""
            failed = Filled(filled.number, Fate.FAILED, filled.entries, filled.size, why)
            answers.append(failed if why else filled)
        return answers

    def _see(self, task: Lay, go_on: GoOn) -> _Seen:
        """Look what there is of an item, and whether it is what it was."""
        folder = self._bin + task.folder + b"/"
        own = folder + task.name
        if len(own) >= _MOST_KEY_BYTES or not is_utf8(own):
            return _Seen(task.number, task.folder, Filled(task.number, Fate.MISSING))  # no key is like that
        page = self._page(folder, "", go_on)
        itself = [each for each in page.objects if each.key == own]
        below = [each for each in page.objects if each.key.startswith(own + b"/")]
        others = len(page.objects) - len(itself) - len(below) - (folder in {each.key for each in page.objects[:1]})
        if page.token and not (itself or below):
            itself = [each for each in self._page(own, "", go_on, most=1).objects if each.key == own]
            below = self._page(own + b"/", "", go_on, most=1).objects
        is_folder = bool(below) and (task.row.kind == Kind.FOLDER or not itself)
        if not itself and not below:
            return _Seen(task.number, task.folder, Filled(task.number, Fate.MISSING, reason=BESIDE if others else ""))
        found = Row(task.name, Kind.FOLDER.value, 0, 0) if is_folder else _row(task.name, itself[0])
        differs = difference(task.row, found, step_ns=self._step_ns, is_begun=False)
        if differs:
            return _Seen(task.number, task.folder, Filled(task.number, Fate.REPLACED, reason=differs))
        if is_folder and page.token:
            grave = Grave(task.folder, task.name)
            laid = Laid(task.number, grave, self._clear(grave, Place(b""), go_on))
            return _Seen(task.number, task.folder, laid=laid)
        marker = [each for each in page.objects[:1] if each.key == folder]
        chosen = [*(below if is_folder else itself), *marker]
        return _Seen(task.number, task.folder, objects=chosen, reason=BESIDE if others else "")

    def _clear(self, grave: Grave, place: Place, go_on: GoOn) -> Remains:
        """Delete these objects of an item, or list what there is of it."""
        below = self._bin + grave.folder + b"/" + grave.name + b"/"
        if place.names:
            return self._delete_names(below, place.names, go_on)
        kept = frozenset(place.kept)
        parts: list[list[tuple[bytes, int]]] = []
        token = ""
        for _ in range(_MOST_PAGES):
            page = self._page(below, token, go_on)
            names = [(each.key.removeprefix(below), each.size) for each in page.objects]
            parts.append([one for one in names if one[0] not in kept])
            token = page.token
            if not token:
                break
        left = [Place(b"", names=part) for part in parts if part]
        if len(left) == 1 and not token:
            remains = self._delete_names(below, left[0].names, go_on)
            remains.gone = remains.gone and not kept
            return remains
        return Remains(gone=not left and not token and not kept, left=left)

    def _delete_names(self, below: bytes, names: Sequence[tuple[bytes, int]], go_on: GoOn) -> Remains:
        refused = self._delete((below + name for name, _ in names), go_on)
        gone = [(name, size) for name, size in names if below + name not in refused]
        kept = [key.removeprefix(below) for key in refused]
        reason = next((f"{text_of(key.removeprefix(below))}: {why}" for key, why in refused.items()), "")
        size = sum(size for _, size in gone)
        return Remains(sum(map(_counts, (name for name, _ in gone))), size, not kept, kept=kept, reason=reason)

    def _delete(self, keys: Iterable[bytes], go_on: GoOn) -> Mapping[bytes, str]:
        """Delete objects; gives those that stay, and why."""
        refused: dict[bytes, str] = {}
        for chunk in _chunks(list(keys)):
            try:
                refused |= self._repeated(lambda chunk=chunk: self._service.delete_many(chunk), go_on)  # type: ignore[misc]
            except OSError as error:
                if is_temporary(error):
                    raise
                refused |= dict.fromkeys(chunk, error.strerror or str(error))
        return refused

    def _page(self, prefix: bytes, token: str, go_on: GoOn, *, most: int = _PAGE_KEYS) -> Page:
        return self._repeated(lambda: self._service.list(prefix, token=token, most=most), go_on)

    def _repeated(self, act: Callable[[], T], go_on: GoOn) -> T:
        return Repeats(retries=_RETRIES, check=go_on).call(act)

    def _info(self, folder: bytes) -> bytes:
        return self._bin + folder + INFO_SUFFIX


def _answered(seen: _Seen, refused: Mapping[bytes, str]) -> Answer:
    """Give the answer about an item now that its objects were deleted, all but these."""
    if seen.laid is not None:
        return seen.laid
    if seen.ended is not None:
        return seen.ended
    gone = [each for each in seen.objects if each.key not in refused]
    why = next((refused[each.key] for each in seen.objects if each.key in refused), "")
    entries, size = sum(_counts(each.key) for each in gone), sum(each.size for each in gone)
    return Filled(seen.number, Fate.FAILED if why else Fate.GONE, entries, size, why or seen.reason)


def _row(name: bytes, found: Object) -> Row:
    return Row(name, Kind.FILE.value, found.size, found.modified_ns, etag=found.etag)


def _counts(key: bytes) -> bool:
    """Say whether an object is an entry, and not the mark of a folder."""
    return bool(key) and not key.endswith(b"/")


def _chunks(keys: list[bytes]) -> Iterator[list[bytes]]:
    return (keys[start : start + _PAGE_KEYS] for start in range(0, len(keys), _PAGE_KEYS))
