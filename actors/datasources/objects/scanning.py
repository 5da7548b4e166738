"""Scans a bucket: flat listings, several stretches of keys at once where there are many.

A listing gives a thousand keys a request, each page only after the one before, so a large bucket takes as long as its
pages add up to. A stretch that turns out long is therefore divided: one-level listings of the folders on the way to the
last key show where later folders begin, and idle threads take the stretches between. Folders on that way lie in several
stretches; they are put together when all have been listed, all others are complete within one.

A page that fails twice more fails the scan: what is told is either complete or not told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from actors.datasources.globs import Selection
from actors.datasources.objects.crew import Crew, Parcel, Stretch
from actors.datasources.objects.grouping import Gathered, Grouping
from actors.datasources.objects.pages import Object, Page
from actors.datasources.objects.service import HIGHEST, ObjectService
from actors.datasources.retrying import Repeats
from actors.datasources.scanning import told
from actors.datasources.storage import End, Found, Listing, Lookup, Unlisted, Why

PAGE_KEYS = 1000
"""Most keys that S3 gives at once."""
PATIENT_PAGES = 24
"""So many pages are read in one stretch before dividing it is worth the requests that it costs."""
_DEEPEST = 4
_PAGE_RETRIES = 2  # the wrapper outside can only begin a whole branch again


class Lister:
    """Lists stretches of a bucket."""

    def __init__(
        self, service: ObjectService, prefix: bytes, selection: Selection, *, page_keys: int, patient_pages: int
    ) -> None:
        """`prefix` is that of all keys of the datasource."""
        self._service = service
        self._prefix = prefix
        self._selection = selection
        self._page_keys = page_keys
        self._patient_pages = patient_pages

    def list(self, stretch: Stretch, crew: Crew) -> None:
        """List a stretch page by page, and hand in what each completes."""
        branch = stretch.branch
        below = branch.path + b"/" if branch.path else b""
        grouping = Grouping(branch.path, self._selection)
        after, token = _before(stretch.start), ""
        pages, divide_at = 0, self._patient_pages
        while True:
            page = self._page(below, crew.check, after=after, token=token)
            objects = [each for each in page.objects if each.key >= stretch.start] if stretch.start else page.objects
            last_key = page.objects[-1].key if page.objects else b""
            if stretch.stop and last_key >= stretch.stop:
                objects = [each for each in objects if each.key < stretch.stop]
                page = Page(objects, [], "")
            folders = list(grouping.add(objects))
            if not page.token:
                crew.hand_in(branch, [*folders, *grouping.end()], last=True)
                return
            if folders:
                crew.hand_in(branch, folders)
            after, token = self._next(page, grouping)
            pages += 1
            if self._service.seeks and last_key and pages >= divide_at and (idle := crew.idle()):
                divide_at = pages + self._patient_pages
                self._divide(stretch, grouping.way[:_DEEPEST], last_key, idle=idle, crew=crew)

    def _next(self, page: Page, grouping: Grouping) -> tuple[bytes, str]:
        skipped = grouping.skipped
        if skipped is not None and self._service.seeks:
            return skipped + HIGHEST, ""  # past all that does not count, whatever there is of it
        return b"", page.token

    def _divide(self, stretch: Stretch, way: Sequence[bytes], key: bytes, *, idle: int, crew: Crew) -> None:
        """Cut off what comes after the last key, at the beginnings of later folders beside those on the way to it."""
        branch = stretch.branch
        cuts: list[bytes] = []
        deepest = 0
        for depth, folder in enumerate(way):
            below = folder + b"/" if folder else b""
            # Past the folder that the listing is in; at its end, past the key itself.
            after = way[depth + 1] + b"/" + HIGHEST if depth + 1 < len(way) else key
            page = self._page(below, crew.check, after=after, level=True)
            later = [cut for cut in page.prefixes if cut > key and (not stretch.stop or cut < stretch.stop)]
            if later:
                deepest = depth
            cuts += later
        cuts = _spread(sorted(cuts), idle)
        if not cuts:
            return
        stops = [*cuts[1:], stretch.stop]
        pieces = [Stretch(branch, start, stop) for start, stop in zip(cuts, stops, strict=True)]
        stretch.stop = cuts[0]
        crew.share(branch, way[: deepest + 1], pieces)

    def _page(
        self, below: bytes, check: Callable[[], None], *, after: bytes = b"", token: str = "", level: bool = False
    ) -> Page:
        size = len(self._prefix)

        def asked() -> Page:
            start = self._prefix + after if after else b""
            return self._service.list(self._prefix + below, level=level, after=start, token=token, most=self._page_keys)

        check()
        page = Repeats(retries=_PAGE_RETRIES, check=check).call(asked)
        objects = [Object(each.key[size:], *each[1:]) for each in page.objects] if size else page.objects
        return Page(objects, [prefix[size:] for prefix in page.prefixes], page.token)


def scan_objects(
    lister: Lister,
    paths: Sequence[bytes],
    known: Lookup,
    *,
    selection: Selection,
    threads: int,
    check: Callable[[], None] = lambda: None,
) -> Iterator[Found]:
    """List these folders and everything below them; see `scanning.scan` for the promises."""
    crew = Crew(lister.list, paths, threads=threads)
    ending = 0
    try:
        for parcels in crew.parcels(check):
            listings = [each.listing(selection) for parcel in parcels for each in _complete(parcel)]
            before = known([listing.path for listing in listings])
            yield from (told(listing, before.get(listing.path)) for listing in listings)
            while ending < len(crew.branches) and crew.branches[ending].ended:
                branch = crew.branches[ending]
                if not branch.found:
                    yield _nothing(branch.path)
                yield End(path=branch.path)
                ending += 1
    finally:
        crew.close()


def _complete(parcel: Parcel) -> Iterator[Gathered]:
    """Give the folders that are whole; those of several stretches once the last of these is through."""
    shared = parcel.branch.shared
    for gathered in parcel.folders:
        parcel.branch.found = True
        if gathered.path not in shared:
            yield gathered
        elif (so_far := shared[gathered.path]) is None:
            shared[gathered.path] = gathered
        else:
            so_far.join(gathered)
    if parcel.final:
        parcel.branch.ended = True
        yield from (gathered for gathered in shared.values() if gathered is not None)


def _nothing(path: bytes) -> Found:
    """Tell of a branch without a key: the root is there all the same, a folder is not."""
    if path:
        return Unlisted(path=path, why=Why.VANISHED, reason="nothing is below it")
    return Listing(path=path, token="", rows=[])


def _before(start: bytes) -> bytes:
    """Give a key that sorts before a folder's marker, and after nearly all that comes before it."""
    return start[:-1] + b"." + HIGHEST if start else b""


def _spread(cuts: Sequence[bytes], most: int) -> list[bytes]:
    """Take so many of these, evenly, the first among them."""
    if len(cuts) <= most:
        return list(cuts)
    return [cuts[place * len(cuts) // most] for place in range(most)]
