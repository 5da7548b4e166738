"""An object store whose service tells of unfinished uploads, so that large files survive a restart in the middle."""

from __future__ import annotations

from collections.abc import Iterator

from actors.datasources.abilities import Upload
from actors.datasources.objects.drafting import ObjectDraft, record_of
from actors.datasources.objects.storage import ObjectStorage
from actors.datasources.objects.uploads import ResumableService
from actors.datasources.storage import Row
from rota.errors import TemporaryError


class ResumableStorage(ObjectStorage):
    """A bucket behind the S3 protocol; see `Drafting` and `Uploading` for the promises."""

    def draft(self, path: bytes, key: str) -> ObjectDraft:
        """Open the draft of this key for a file, as far as it was written, or begin one."""
        own_key = self._key(path)
        self._no_folder(path, own_key)

        def find() -> Row:
            found = self.stat(path)
            if found is None:
                raise TemporaryError(f"datasource {self._datasource.name!r}: a file was gone once it was written")
            return found

        return ObjectDraft(
            self._resumable(),
            key=own_key,
            record=record_of(self._prefix, path, key),
            threads=self._upload_threads,
            find=find,
        )

    def unfinished(self) -> Iterator[Upload]:
        """Give the uploads below the root that are not finished, those that are just under way included."""
        for each in self._resumable().uploads(self._prefix):
            yield Upload(each.key[len(self._prefix) :], each.upload, each.started_ms)

    def abort(self, path: bytes, key: str) -> None:
        """Throw the parts of an upload away; nothing happens if there is none."""
        self._service.abort(self._prefix + path, key)

    def _resumable(self) -> ResumableService:
        assert isinstance(self._service, ResumableService)
        return self._service
