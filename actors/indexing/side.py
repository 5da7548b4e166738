"""One generation that is being written: how far it is, and whose texts it may take over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from store.search.engine import Document, Shape, Texts, Writer


class Side:
    """A generation with its writer."""

    def __init__(self, number: int, shape: Shape, writer: Writer, *, is_whole: bool) -> None:
        self.number = number
        self.shape = shape
        self.is_whole = is_whole
        """Whether every folder of the catalog is in it, or is stale."""
        self.reach: bytes | None = None
        """While it is built: the last folder that is in it, in the order of paths; None if none is."""
        self.horizon: bytes | None = None
        """The last folder that the build has read from the catalog: what comes up before it, nobody will come by."""
        self._writer = writer
        self._lenders = [writer]
        self.is_dirty = False

    def lend(self, lender: Writer) -> None:
        """Look for texts in another generation too, where its own has none."""
        self._lenders.append(lender)

    def covers(self, folder: bytes) -> bool:
        """Say whether changes of a folder have to be brought in, because the build will not come by it again."""
        return self.is_whole or (self.horizon is not None and folder <= self.horizon)

    def known(self, folders: Sequence[bytes]) -> Mapping[bytes, Mapping[int, int]]:
        """Give the ids of the committed documents in these folders, with their contents."""
        return self._writer.known(folders)

    def folders(self) -> Iterable[bytes]:
        """Give every folder that committed documents are in."""
        return self._writer.folders()

    def texts(self, contents: Sequence[int]) -> Mapping[int, Texts]:
        """Give what is known of these contents; one of which nothing is stored has to be read again."""
        found: dict[int, Texts] = {}
        for lender in self._lenders:
            asked = [content for content in contents if content not in found]
            if not asked:
                break
            found |= {content: texts for content, texts in lender.texts(asked).items() if any(texts)}
        return found

    def add(self, document: Document) -> None:
        """Add a document."""
        self.is_dirty = True
        self._writer.add((document,))

    def remove(self, ids: Iterable[int]) -> None:
        """Remove documents."""
        self.is_dirty = True
        self._writer.remove(ids)

    def commit(self) -> None:
        """Make it last, if there is anything."""
        if self.is_dirty:
            self._writer.commit()
            self.is_dirty = False

    def close(self) -> None:
        """Let go of the generation."""
        self._writer.close()
