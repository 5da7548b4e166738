"""Which extractors exist, and which one reads a file: by its content first, then by its extension.

Packages add theirs by the entry point group `rota.extractors`; they are asked before those that ship with Rota, so that
one can take a format over. Only the modules are imported here; the libraries that they use are, where a file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import NamedTuple

from actors.extracting.extractor import Extractor
from rota.search.types import extension_of

SHIPPED = (
    "actors.extracting.formats.audio",
    "actors.extracting.formats.epub",
    "actors.extracting.formats.html",
    "actors.extracting.formats.images",
    "actors.extracting.formats.mail",
    "actors.extracting.formats.markdown",
    "actors.extracting.formats.office",
    "actors.extracting.formats.opendocument",
    "actors.extracting.formats.pdf",
    "actors.extracting.formats.rtf",
    "actors.extracting.formats.sheets",
    "actors.extracting.formats.structured",
    "actors.extracting.formats.workbook",
)
FALLBACK = "actors.extracting.formats.text"
"""Takes what reads as text and what nobody else takes."""
ENTRY_POINTS = "rota.extractors"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")


class Placed(NamedTuple):
    """An extractor, and where a reading process finds it."""

    place: str
    """As `module:attribute`."""
    extractor: Extractor


class Registry:
    """The extractors of a process, in the order in which they are asked; read-only once built."""

    def __init__(
        self, placed: Iterable[Placed], fallbacks: Iterable[Placed] = (), *, problems: tuple[str, ...] = ()
    ) -> None:
        """`fallbacks` are asked when no content and no extension was recognised. Raises ValueError for a bad name."""
        taken = list(placed)
        self._fallback_from = len(taken)
        self._placed = (*taken, *fallbacks)
        self.problems = problems
        """What was left out and why: broken packages of third parties. For logs and `rota doctor`."""
        names: dict[str, str] = {}
        for place, extractor in self._placed:
            _check_name(extractor.name)
            if (other := names.setdefault(extractor.name, place)) != place:
                raise ValueError(f"extractor {extractor.name!r} is declared by {other} and again by {place}")
        self._by_extension = _by_extension(taken)

    def __iter__(self) -> Iterator[Extractor]:
        return (extractor for _, extractor in self._placed)

    def __getitem__(self, number: int) -> Extractor:
        return self._placed[number].extractor

    @property
    def places(self) -> list[str]:
        """Where a reading process finds them, as `module:attribute`, by their numbers."""
        return [place for place, _ in self._placed]

    def choose(self, head: bytes, name: str) -> int | None:
        """Give the number of the one that reads a file with this beginning and this name; None if none does."""
        by_content = self._detected(head, name, range(self._fallback_from))
        if by_content is not None:
            return by_content
        by_name = self._by_extension.get(extension_of(name))
        if by_name is not None:
            return by_name
        return self._detected(head, name, range(self._fallback_from, len(self._placed)))

    def fingerprint(self) -> str:
        """Name all of them with their versions; another text means that files may give other text than before."""
        return " ".join(sorted(f"{extractor.name}/{extractor.version}" for extractor in self))

    def _detected(self, head: bytes, name: str, numbers: range) -> int | None:
        return next((number for number in numbers if _detects(self._placed[number].extractor, head, name)), None)


def load_extractors() -> Registry:
    """Import and collect all extractors; a broken entry point is left out and told in `Registry.problems`."""
    shipped = [placed for name in SHIPPED for placed in placed_in(import_module(name))]
    fallbacks = placed_in(import_module(FALLBACK))
    foreign: list[Placed] = []
    problems: list[str] = []
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        try:
            found = _placed_behind(point)
            # A name that is taken already raises here.
            Registry([*foreign, *found, *shipped], fallbacks)
            foreign += found
        except Exception as error:  # whatever a foreign module raises on import
            problems.append(f"entry point {point.name!r} ({point.value}): {error!r}")
    return Registry([*foreign, *shipped], fallbacks, problems=tuple(problems))


def placed_in(module: ModuleType) -> list[Placed]:
    """Give the extractors that a module has, in the order in which it names them."""
    return [
        Placed(f"{module.__name__}:{attribute}", value)
        for attribute, value in vars(module).items()
        if isinstance(value, Extractor)
    ]


def _placed_behind(point: EntryPoint) -> list[Placed]:
    target = point.load()
    if isinstance(target, ModuleType):
        found = placed_in(target)
        if not found:
            raise ValueError("the module has no extractor")
        return found
    if not isinstance(target, Extractor):
        raise TypeError(f"{target!r} is no extractor")
    if "." in point.attr:
        raise ValueError("the extractor must be an attribute of its module")
    return [Placed(f"{point.module}:{point.attr}", target)]


def _by_extension(placed: list[Placed]) -> Mapping[str, int]:
    chosen: dict[str, int] = {}
    for number, (_, extractor) in enumerate(placed):
        for extension in extractor.extensions:
            chosen.setdefault(extension.lower(), number)
    return chosen


def _detects(extractor: Extractor, head: bytes, name: str) -> bool:
    try:
        return bool(extractor.detect(head, name))
    except Exception:  # one that stumbles over a file does not know it
        return False


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"extractor name {name!r}: at most 64 of a-z, 0-9 and '-', the first a letter, are allowed")
