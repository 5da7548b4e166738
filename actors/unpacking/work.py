"""Goes through the members of an archive and has each made in the tree, or notes why it is not."""

from __future__ import annotations

from collections.abc import Iterable

from actors.archives.reading import Member, MemberKind
from actors.archives.telling import shown
from actors.copying.conflicts import Deed
from actors.datasources.paths import text_of
from actors.unpacking.links import problem_of
from actors.unpacking.naming import path_of_member
from actors.unpacking.refusals import refuse_without_room
from actors.unpacking.remembered import Remembered
from actors.unpacking.setting import Setting
from actors.unpacking.writing import Writers, failed, time_of

_LARGE_BYTES = 16 * 1024 * 1024
_MOST_LINK_BYTES = 32 * 1024 * 1024
_LINK_BYTES = 200  # what one takes beside its path and its target
_LEFT_OUT = {
    MemberKind.LINK: "a link is left out",
    MemberKind.SPECIAL: "a device, a pipe or a socket is left out",
}


class Unpacking:
    """One pass through an archive.

    Memory: hashes of the names, some of the links that are kept, and what is on its way to the tree.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._notes = setting.notes
        self._writers = Writers(setting)
        self._times = Remembered()
        self._links: dict[bytes, bytes] = {}
        self._link_bytes = 0
        self._skipped: set[bytes] = set()

    def execute(self, members: Iterable[Member]) -> None:
        """Fill the tree with everything that is wanted; raises ArchiveError if the archive must not be unpacked."""
        setting = self._setting
        for member in members:
            setting.check()
            name = setting.names.name_of(member)
            path = path_of_member(name.utf8, is_folder=member.kind is MemberKind.FOLDER)
            setting.budget.enter(path)
            if not setting.choice.takes(path, is_folder=member.kind is MemberKind.FOLDER):
                continue
            if name.note:
                self._notes.add(path, name.note)
            self._take(member, path)
        self._writers.finish()
        setting.choice.refuse_idle()
        self._make_links()
        self._tell_guessed()

    def finish(self) -> None:
        """Make the tree safe, with the times of its folders."""
        try:
            self._setting.tree.finish(self._times)
        except OSError as error:
            raise failed(self._setting.order.path, error) from error

    def close(self) -> None:
        """Let go of what it keeps; twice is fine."""
        self._times.close()

    def _take(self, member: Member, path: bytes) -> None:
        match member.kind:
            case MemberKind.FOLDER:
                self._make_folder(member, path)
            case MemberKind.FILE:
                self._make_file(member, path)
            case MemberKind.HARD_LINK:
                self._copy(member, path)
            case MemberKind.LINK if self._setting.order.keeps_links:
                self._keep_link(member, path)
            case kind:
                self._notes.add(path, _LEFT_OUT[kind])

    def _make_folder(self, member: Member, path: bytes) -> None:
        goal = self._setting.twins.folder(path)
        modified_ns = time_of(member)
        if modified_ns is not None:
            self._times.add(goal, modified_ns)
        if not goal:
            return
        self._tell_twin(path, goal)
        try:
            self._setting.tree.make_folder(goal)
        except OSError as error:
            raise failed(goal, error) from error
        if self._setting.merging is not None:
            self._setting.merging.add_folder(goal)
        self._setting.counts.entries += 1

    def _make_file(self, member: Member, path: bytes) -> None:
        goal = self._place(member, path)
        if goal is None:
            return
        self._refuse_without_room(member, path)
        self._writers.hand(member, goal)

    def _copy(self, member: Member, path: bytes) -> None:
        """Make a hard link's file as a copy of the one whose other name it is."""
        setting = self._setting
        first = path_of_member(setting.names.link_of(member), is_folder=False)
        source = setting.twins.find(first)
        if source is None or source in self._links or source in self._skipped:
            self._notes.add(path, f"it is left out: another name of {shown(first)}, which is not unpacked before it")
            return
        goal = self._place(member, path)
        if goal is not None:
            self._writers.copy(member, source, goal)

    def _keep_link(self, member: Member, path: bytes) -> None:
        if self._setting.merging is not None:
            self._notes.add(path, "a link is left out: none is put into a folder that is there already")
            return
        goal, target = self._setting.twins.file(path), self._setting.names.link_of(member)
        self._link_bytes += len(goal) + len(target) + _LINK_BYTES
        if self._link_bytes > _MOST_LINK_BYTES:
            self._notes.add(path, "a link is left out: there are too many to judge where they lead")
            return
        self._tell_twin(path, goal)
        self._links[goal] = target

    def _make_links(self) -> None:
        for path, target in self._links.items():
            self._setting.check()
            if problem := problem_of(path, self._links):
                self._notes.add(path, f"a link is left out: it {problem}")
                continue
            try:
                self._setting.tree.make_link(path, target)
            except OSError as error:
                self._notes.add(path, f"a link is left out: {error.strerror or error}")
            else:
                self._setting.counts.entries += 1

    def _place(self, member: Member, path: bytes) -> bytes | None:
        """Give where a file goes in the tree; None if it stays out, because of what is there already."""
        goal = self._setting.twins.file(path)
        self._tell_twin(path, goal)
        merging = self._setting.merging
        if merging is None:
            return goal
        deed = merging.judge(goal, member.size or 0, time_of(member) or 0)
        if deed is Deed.WRITE:
            merging.add_file(goal)
            return goal
        self._skipped.add(goal)
        self._setting.counts.skipped += 1
        if deed is Deed.CLASH:
            self._notes.add(path, "it is left out: what has its name there is no file")
        return None

    def _tell_twin(self, path: bytes, goal: bytes) -> None:
        if path != goal:
            self._notes.add(path, f"it is now {text_of(goal)!r}: some systems take its name for one that came before")

    def _tell_guessed(self) -> None:
        if guessed := self._setting.names.guessed:
            self._notes.add(
                self._setting.order.path,
                f"it does not say in which encoding its names are: {' and '.join(guessed)} is taken;"
                " if names are wrong, give another one",
            )

    def _refuse_without_room(self, member: Member, path: bytes) -> None:
        """Refuse a large file at once that there is no room for, by what the archive says of it."""
        if member.size is None or member.size < _LARGE_BYTES:
            return
        refuse_without_room(self._setting.tree.free_bytes(), member.size, path)
