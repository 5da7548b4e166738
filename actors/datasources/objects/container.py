"""What every service asks of an object in the same way: its content, its deletion, and pages of a listing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from actors.datasources.objects.answers import within
from actors.datasources.objects.pages import Page
from actors.datasources.objects.signing import Request, encoded
from actors.datasources.objects.wire import Answer, Body, Wire
from rota.errors import TemporaryError


class Container:
    """A bucket or container behind a wire; the base of the services."""

    def __init__(self, wire: Wire, base: str) -> None:
        """`base` is the path of the container on its host, percent-encoded, without a slash at the end."""
        self._wire = wire
        self._base = base

    def get(self, key: bytes, *, start: int = 0, etag: str = "") -> Body:
        """Open an object's content from a byte on."""
        headers = {"range": f"bytes={start}-"} if start else {}
        if etag:
            headers["if-match"] = f'"{etag}"'
        return self._wire.open(Request(method="GET", path=self._path(key), headers={**headers, **self._reading()}))

    def delete(self, key: bytes) -> None:
        """Delete an object."""
        try:
            self._ask("DELETE", key)
        except FileNotFoundError:
            return

    def delete_many(self, keys: Sequence[bytes]) -> Mapping[bytes, str]:
        """Delete objects one by one; gives those that could not be deleted, and why."""
        refused: dict[bytes, str] = {}
        for key in keys:
            try:
                self.delete(key)
            except OSError as error:
                refused[key] = error.strerror or str(error)
        return refused

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _reading(self) -> Mapping[str, str]:
        """Give what a service wants to be told besides when content is read."""
        return {}

    def _page(
        self, path: str, query: Mapping[str, str], read: Callable[[bytes], Page], *, prefix: bytes, token: str
    ) -> Page:
        answer = self._wire.ask(Request(method="GET", path=path, query=query), about_one=False)
        try:
            return within(read(answer.body), prefix, token)
        except (ValueError, KeyError, StopIteration) as error:
            raise TemporaryError(f"{self._wire.place}: the listing cannot be read: {error}") from error

    def _ask(
        self,
        method: str,
        key: bytes,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        return self._wire.ask(
            Request(method=method, path=self._path(key), query=query or {}, headers=headers or {}, body=body)
        )

    def _path(self, key: bytes) -> str:
        return f"{self._base}/{encoded(key, safe='/')}"
