"""What earlier tasks have begun to take out of a bin and left: finished, or given back to the bin."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import suppress

from actors.bin_records import BinRecords, Item
from actors.datasources.bins import BIN, INFO_SUFFIX, Recycled, read_info
from actors.datasources.graves import TOMB, parts_of
from actors.datasources.paths import join, split, text_of
from actors.datasources.storage import Kind, Listing, Storage
from actors.recycling.moment import arrival_of
from actors.recycling.seen import recycled_of
from actors.run import Run
from rota.bins import BinRules


class Leftovers:
    """What this task, or one that has ended, had claimed of one bin, and what lies in the tomb, when it was asked."""

    def __init__(self, run: Run, storage: Storage, records: BinRecords, rules: BinRules) -> None:
        self._run = run
        self._storage = storage
        self._records = records
        self._rules = rules
        items = records.leftovers()
        there = {item.id for item in items if self._is_in_bin(item.recycled)}
        self.lying = [item for item in items if item.id in there]
        """Those that are in the bin, as if nothing had been begun, or half restored."""
        self._halves = [item for item in self.lying if item.claimed_for == "restore" and self._is_half_restored(item)]
        self._restored = [item for item in items if item.id not in there and item.claimed_for != "purge"]
        self.buried = [item for item in items if item.id not in there and item.claimed_for == "purge"]
        """Those that a purge has taken out of the bin: what is left of them is in the tomb, if anything is."""
        self._orphans: list[Recycled] = []
        self._look_into_tomb()

    @property
    def gone(self) -> set[int]:
        """Numbers of those that are not in the bin."""
        return {item.id for item in (*self.buried, *self._restored)}

    @property
    def free(self) -> set[int]:
        """Numbers of those that anybody may take."""
        return {item.id for item in self.lying}

    @property
    def half_restored(self) -> set[int]:
        """Numbers of those whose time begins anew once this is settled."""
        return {item.id for item in self._halves}

    def settle(self) -> None:
        """Forget what was restored, give back what lies in the bin, and record what the tomb has without a record.

        Of what is half restored the time begins anew: somebody wants it, and the other half is where they look.
        """
        mine = {item.id for item in self._records.claim([*self.free, *_ids(self._restored)], "restore")}
        self._run.check()
        for item in self._restored:
            if item.id in mine:
                self._storage.delete(item.recycled.folder + INFO_SUFFIX)
                # What somebody has put beside it stays, and is an item of its own.
                with suppress(OSError):
                    self._storage.delete(item.recycled.folder)
                self._records.remove([item.id])
        lying = [item for item in self.lying if item.id in mine]
        halves = [item for item in self._halves if item.id in mine]
        for item in halves:
            self._run.log.warning(f"{text_of(item.recycled.original_path)!r} is half restored, and stays in the bin")
        now = arrival_of(self._run)
        self._records.renew([item._replace(recycled=item.recycled._replace(deleted_at=now)) for item in halves])
        self._records.release(_ids(lying))
        if self._orphans:
            self._records.add_new(self._orphans)
            recorded = self._records.named([split(each.bin_path)[0] for each in self._orphans])
            self.buried = [item for item in self.buried if item.id >= 0] + recorded

    def _look_into_tomb(self) -> None:
        """Find what lies in the tomb although no task that is open claims it."""
        found = self._storage.list_folder(TOMB)
        names = [row.name for row in found.rows if row.kind == Kind.FOLDER] if isinstance(found, Listing) else []
        records = {split(item.recycled.bin_path)[0]: item for item in self._records.named(names)}
        known = {item.id for item in self.buried}
        for name in names:
            self._run.check()
            item = records.get(name)
            if item is None:
                self._take_orphan(name)
            elif item.claimed_by is None and item.id not in known and not self._is_in_bin(item.recycled):
                self.buried.append(item)

    def _take_orphan(self, name: bytes) -> None:
        """Take in what a lost database has forgotten that a purge had begun with."""
        found = self._storage.list_folder(join(TOMB, name))
        if isinstance(found, Listing) and len(found.rows) == 1 and not found.special:
            row = found.rows[0]
            orphan = recycled_of(
                self._storage,
                name,
                row,
                top=TOMB,
                rules=self._rules,
                now_ms=arrival_of(self._run),
                check=self._run.check,
            )
            self._orphans.append(orphan)
            self.buried.append(Item(-len(self._orphans), orphan))

    def _is_in_bin(self, recycled: Recycled) -> bool:
        try:
            place = join(BIN, join(*parts_of(recycled.bin_path)))
        except ValueError:
            return False  # whatever such a record means, it is nothing in the bin
        return self._storage.stat(place) is not None

    def _is_half_restored(self, item: Item) -> bool:
        info = read_info(self._storage, split(item.recycled.bin_path)[0])
        return info is not None and info.restoring is not None


def _ids(items: list[Item]) -> list[int]:
    return [item.id for item in items]
