"""What all parts of a run over one index share."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from actors.catalog import Catalog
from actors.datasources.storage import Datasource
from actors.extracting.registry import load_extractors
from actors.indexing.books import Books
from actors.indexing.choosing import Chooser
from actors.indexing.counting import Counts
from actors.indexing.reading import Reader
from actors.indexing.side import Side
from actors.indexing.updating import Updater
from actors.run import Run
from actors.search_index import SearchIndex
from actors.syncing.meter import Meter
from rota.changes import events_of
from rota.errors import NotFound, PermanentError
from store.search.engine import Shape


class Setting:
    """The datasource, its catalog and its index, and what reads its files; entered for the time of the run."""

    def __init__(self, run: Run, datasource: Datasource, catalog: Catalog, index: SearchIndex) -> None:
        self.run = run
        self.name = datasource.name
        self.rules = datasource.rules
        self.catalog = catalog
        self.index = index
        self.meter = Meter(run, label=datasource.name)
        self._registry = load_extractors()
        self._reader = Reader(run, datasource, self._registry)

    @classmethod
    def of(cls, run: Run, name: str) -> Setting:
        """Make the setting of a run over the index of a datasource; PermanentError if there is none of that name."""
        try:
            return cls(run, run.datasource(name), run.catalog(name), run.index(name))
        except NotFound as error:
            raise PermanentError(str(error)) from error

    def __enter__(self) -> Setting:
        for problem in self._registry.problems:
            self.run.log.warning(f"an extractor was left out: {problem}")  # noqa: G004 -- no logging.Logger
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()

    @property
    def shape(self) -> Shape:
        """What the index is to be."""
        # Without contents, another version of an extractor changes nothing.
        extractors = self._registry.fingerprint() if self.rules.contents else ""
        return Shape(self.rules.contents, self.rules.language, extractors)

    def chooser(self, side: Side) -> Chooser:
        """Make what says which files are read for a generation."""
        return Chooser(self.rules, side.shape, self._registry)

    def updater(self, side: Side, books: Books, counts: Counts, tell: Callable[[int, int], None]) -> Updater:
        """Make what brings folders of a generation to what the catalog has; see `Updater` for `tell`."""
        return Updater(
            self.run,
            self.catalog,
            side,
            books=books,
            chooser=self.chooser(side),
            reader=self._reader,
            counts=counts,
            tell=tell,
        )

    def tell_changes(self) -> None:
        """Tell where files are gone, or are not what the catalog says, so that it follows."""
        for event in events_of(self.name, self._reader.changed, source="index", at=0):
            self.run.emit(event.type, event.data, event.subject)
