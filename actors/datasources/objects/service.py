"""The narrow interface to an object store: what S3, Google's and Azure's services have in common.

Keys are bytes, whole, as the service has them. Libraries for object stores turn keys into paths on the way: `a/`
becomes `a`, and one key with `//`, `..` or a control character ends the listing of the bucket it is in. A catalog has
to equal the storage, so the services are spoken to directly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from actors.datasources.objects.pages import Page

if TYPE_CHECKING:
    from actors.datasources.objects.wire import Body

HIGHEST = "\U0010ffff".encode()
"""No character of a key sorts after it."""


class ObjectService(Protocol):
    """One bucket or container; safe in several threads, and nothing is repeated.

    Raises FileNotFoundError where an object isn't there, PermissionError where it may not be had, FileExistsError where
    one is in the way, PermanentError and TemporaryError as `Storage` says.
    """

    seeks: bool
    """Whether a listing can begin after a key, and is in the order of the keys' bytes."""
    largest_copy: int
    """Most bytes of an object that it copies by itself."""

    def list(
        self, prefix: bytes, *, level: bool = False, after: bytes = b"", token: str = "", most: int = 1000
    ) -> Page:
        """Give a page of the keys with a prefix; only one level of them if `level`."""

    def get(self, key: bytes, *, start: int = 0, etag: str = "") -> Body:
        """Open an object's content from a byte on; the caller closes it.

        With an etag, raises FileExistsError if the object is another one now.
        """

    def put(self, key: bytes, content: bytes) -> None:
        """Make or replace an object in one step."""

    def begin(self, key: bytes) -> str:
        """Begin an upload in parts, which shows nowhere until it is finished, and give its id."""

    def part(self, key: bytes, upload: str, number: int, content: bytes) -> str:
        """Send a part, counted from 1, and give its tag."""

    def finish(self, key: bytes, upload: str, tags: Sequence[str]) -> None:
        """Make or replace the object from its parts."""

    def abort(self, key: bytes, upload: str) -> None:
        """Throw the parts away."""

    def copy(self, key: bytes, target: bytes) -> None:
        """Copy an object; raises FileExistsError if something is at the target and the service looks for it."""

    def delete(self, key: bytes) -> None:
        """Delete an object; nothing happens if it isn't there."""

    def delete_many(self, keys: Sequence[bytes]) -> Mapping[bytes, str]:
        """Delete up to a thousand objects; gives those that could not be deleted, and why."""

    def close(self) -> None:
        """Close the connections."""
