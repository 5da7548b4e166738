"""Writes rounds of documents into an index until it is killed: `python -m tests.integration.search.tantivy_process FOLDER`.

Each round removes the documents of the one before and adds its own, in one commit, and is told when it is there.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from store.search.tantivy.engine import TantivyEngine
from tests.searches.documents import SHAPE, document

IN_ROUND = 40


def main() -> None:
    writer = TantivyEngine(Path(sys.argv[1])).writer("alpha", 1, SHAPE)
    before = list(writer.known([b""])[b""])
    for number in count(1 + max(before, default=0) // IN_ROUND):
        ids = range(number * IN_ROUND, (number + 1) * IN_ROUND)
        writer.remove(before)
        writer.add(document("x.txt", f"round{number}", id=one, content=number + 1) for one in ids)
        writer.commit()
        before = list(ids)
        print(number, flush=True)


if __name__ == "__main__":
    main()
