"""Pages of the documentation beside a whole Rota: their commands are given to it, and what it says is what they say."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from console.main import main
from store.queries import jobs
from tests.acceptance.cluster import Cluster
from tests.waiting import wait_until

DOCS = Path(__file__).parents[2] / "docs"
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_TIME = re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\b")


def commands_in(text: str) -> list[tuple[str, str]]:
    """The commands in the console blocks of a page, each with what it says there."""
    blocks = re.findall(r"^```console\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    each = [command for block in blocks for command in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(line, expected) for line, _, expected in (command.partition("\n") for command in each)]


def comparable(text: str) -> str:
    """Without ids and times, and without the spaces that depend on the width of a column."""
    text = _TIME.sub("TIME", _ID.sub("ID", text))
    return re.sub(r"(?<=\S)  +", "  ", re.sub(r" +$", "", text, flags=re.MULTILINE))


def dead_links(page: str) -> list[str]:
    """The targets of links of a page that lead to no file and no heading; those to elsewhere are not looked at."""
    targets = re.findall(r"\]\(([^)]+)\)", page)
    return [target for target in targets if not target.startswith("http") and not _is_there(target, page)]


def _is_there(target: str, page: str) -> bool:
    file, _, heading = target.partition("#")
    if file and not (DOCS / file).exists():
        return False
    if not heading:
        return True
    text = (DOCS / file).read_text(encoding="utf-8") if file else page
    titles = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    return heading in {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


class Installation:
    """A whole Rota with a folder, which a page calls `where`, and to which its commands are given."""

    def __init__(self, cluster: Cluster, folder: Path, *, where: str) -> None:
        self.cluster = cluster
        self.folder = folder
        self._where = where
        self._known: dict[str, str] = {}
        """What an id of the page is called here."""

    def says(self, line: str, documented: str = "") -> str:
        """Run a command line and give what it says; ids are called as the page calls them."""
        for told, real in self._known.items():
            line = line.replace(told, real)
        words = shlex.split(line.replace(self._where, str(self.folder)))
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            main([*words[1:], "--state", str(self.cluster.folder)])
        said = out.getvalue().replace(str(self.folder), self._where)
        self._known |= dict(zip(_ID.findall(documented), _ID.findall(said), strict=False))
        return said

    def answers(self, documented: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Run commands one after the other and give what they say, comparable."""
        return [(line, comparable(self.says(line, expected))) for line, expected in documented]

    def leave_to_commands(self, names: Iterable[str], *, planned: Iterable[str] = ()) -> None:
        """Switch off these jobs, which would do by themselves what commands are to do; wait until others are due."""
        names, planned = tuple(names), tuple(planned)

        def shipped() -> bool:
            with self.cluster.store.reading() as conn:
                found = [jobs.find(conn, name) for name in planned]
                is_planned = all(job is not None and job.next_due is not None for job in found)
                return is_planned and all(jobs.find(conn, name) is not None for name in names)

        wait_until(shipped, timeout=120, what="the jobs that come with Rota")
        assert self.says(f"rota jobs disable {' '.join(names)}").count("disabled") == len(names)
