"""What a pass came by besides entries: folders that could not be listed, special files, contents that were not read."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from actors.datasources.paths import text_of
from actors.datasources.storage import Unlisted, Why
from actors.run import Run

_MOST_TOLD = 20


class Findings:
    """Counts them, and tells the first ones in the log."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.special = 0
        """Entries that are neither file, folder nor link."""
        self.foreign = 0
        """Folders on other file systems."""
        self.unlisted = 0
        """Folders that should have been listed and could not be."""
        self.unread = 0
        """Files whose content could not be read, or changed meanwhile."""
        self.failures: list[str] = []
        """What must be looked at by somebody, so that the run fails; of many, the first ones."""

    def unlisted_folder(self, found: Unlisted) -> None:
        """Take down a folder that was not listed."""
        log, where = self._run.log, text_of(found.path)
        if found.why is Why.VANISHED:
            log.debug(f"{where} vanished while it was scanned")
        elif found.why is Why.FOREIGN:
            self.foreign += 1
            if self.foreign <= _MOST_TOLD:
                log.info(f"{where} lies on another file system and was left out")
        else:
            self.unlisted += 1
            if self.unlisted <= _MOST_TOLD:
                log.error(f"cannot list {where}: {found.reason}")
                self.failures.append(f"cannot list {where}: {found.reason}")

    def counts(self) -> dict[str, int]:
        """Give what there is of it."""
        found = {"unlisted": self.unlisted, "special": self.special, "unread": self.unread}
        return {name: count for name, count in found.items() if count}

    def tell(self) -> None:
        """Sum up in the log."""
        log = self._run.log
        if self.special:
            log.info(f"{self.special:,} entries are neither file, folder nor link and were left out")
        if self.foreign > _MOST_TOLD:
            log.info(f"{self.foreign:,} folders in all lie on other file systems")
        if self.unlisted > _MOST_TOLD:
            log.error(f"{self.unlisted:,} folders in all could not be listed")
        if self.unread:
            log.warning(f"{self.unread:,} files could not be read or changed while they were read")
