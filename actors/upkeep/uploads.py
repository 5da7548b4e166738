"""Throws away what was never finished in object stores: trees, and the parts of uploads, which cost somebody money."""

from __future__ import annotations

from actors.datasources.abilities import Upload, Uploading
from actors.datasources.drafts import RECORDS, draft_of, parse_draft
from actors.datasources.paths import split, text_of
from actors.datasources.storage import Unlisted, Why
from actors.upkeep.cleaning import Cleaning
from actors.upkeep.drafts import Drafts
from rota.errors import TemporaryError


class Uploads:
    """Goes through the records of drafts, and the unfinished uploads of a storage whose driver knows them."""

    def __init__(self, cleaning: Cleaning, drafts: Drafts) -> None:
        self._cleaning = cleaning
        self._drafts = drafts

    def clean(self) -> None:
        """Throw away what is old, unless an open task has it, or keeps a draft of the file it is for."""
        storage = self._cleaning.storage
        if storage.capabilities.folders and not isinstance(storage, Uploading):
            return  # all its drafts lie beside what they become
        records = storage.list_folder(RECORDS)
        if isinstance(records, Unlisted):
            if records.why is not Why.VANISHED:
                # Without them nobody knows whose an upload is.
                self._cleaning.fail(RECORDS, records.reason)
                return
        else:
            self._drafts.visit(records)
            self._drafts.finish()
        if not isinstance(storage, Uploading):
            return
        for upload in storage.unfinished():
            self._cleaning.run.check()
            self._visit(storage, upload)

    def _visit(self, storage: Uploading, upload: Upload) -> None:
        cleaning = self._cleaning
        if _digest_of(upload.path) in self._drafts.wanted or not cleaning.ages.is_old(upload.started_ms, 0):
            cleaning.counts.kept += 1
            return
        try:
            if not cleaning.dry_run:
                storage.abort(upload.path, upload.key)
        except (OSError, TemporaryError) as error:
            cleaning.fail(upload.path, error)
            return
        cleaning.counts.uploads += 1
        would = "would be" if cleaning.dry_run else "is"
        cleaning.say(f"an unfinished upload of {text_of(upload.path)!r} {would} thrown away")


def _digest_of(path: bytes) -> str:
    """Give what the name of a draft says of the path of its file."""
    any_task = "00000000-0000-7000-8000-000000000000"
    draft = parse_draft(split(draft_of(path, any_task))[1])
    assert draft is not None
    return draft.digest
