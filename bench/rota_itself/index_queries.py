"""Rota: how long queries take in an index of a million names and some of their texts.

Names are made of the words of the machine's own files, in folders of a hundred; every twentieth entry has a real text.
Words are drawn by how many documents have them: rare in at most 20, common in more than a hundredth of the texts. One
process, warm; each answer has 20 hits with snippets, and how many there are in all.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from bench.measurement import Measurement, percentile
from bench.rota_itself.documents import find_corpus, read_documents
from rota.search.query import All, Node, Not, Phrase, Query, Word
from store.search.engine import Document, Engine, Index, Shape
from store.search.folding import words_of
from store.search.tantivy.engine import TantivyEngine

RARE = "rare words"
_ENTRIES_PER_TEXT = 20
_SAMPLES = 200
_COMMIT = 100_000
_INDEX = Index("bench", 1, Shape(contents=True, language="english", extractors=""))


def measure_index_queries(*, entries: int, rounds: int, what: str) -> list[Measurement]:
    """Fill one index and ask it 200 different queries of each kind; rounds make no difference."""
    chance = random.Random(rounds and 7)
    corpus = find_corpus(entries // _ENTRIES_PER_TEXT)
    texts = read_documents(corpus.paths)
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as name:
        engine = TantivyEngine(Path(name))
        _fill(engine, texts, entries, chance)
        kinds = _kinds(texts, chance)
        measured = [_measured(engine, kind, ask, what) for kind, ask in kinds.items()]
        engine.close()
    return measured


def _measured(engine: Engine, kind: str, ask: Callable[[], Node], what: str) -> Measurement:
    took, hits = [], []
    for root in [ask() for _ in range(_SAMPLES + 20)]:
        began = time.perf_counter()
        found = engine.search(Query("", root), [_INDEX], limit=20)
        took.append(1000 * (time.perf_counter() - began))
        hits.append(found.total)
    took, hits = took[20:], hits[20:]
    p95, middle = percentile(took, 95), percentile(hits, 50)
    return Measurement(
        what=what,
        name=kind,
        version=version("rota"),
        p50_ms=percentile(took, 50),
        p99_ms=percentile(took, 99),
        note=f"p95 {p95:.1f} ms; finds {middle:,.0f} at the median, {max(hits):,} at most",
    )


def _fill(engine: Engine, texts: Sequence[Document], entries: int, chance: random.Random) -> None:
    words = [word for one in texts for word in words_of(one.name.decode("utf-8", "replace"))]
    writer = engine.writer(*_INDEX)
    writer.add(texts)
    for first in range(len(texts), entries, _COMMIT):
        writer.add(_names(words, range(first, min(first + _COMMIT, entries)), chance))
        writer.commit()
    writer.close()


def _names(words: Sequence[str], numbers: range, chance: random.Random) -> Iterator[Document]:
    for number in numbers:
        name = f"{chance.choice(words)}_{chance.choice(words)}-{number % 1000}.{chance.choice(('txt', 'jpg', 'pdf'))}"
        yield Document(
            id=chance.getrandbits(63),
            content=0,
            folder=b"made/%d" % (number // 100),
            name=name.encode(),
            kind="file",
            size=number,
            modified_ns=1_700_000_000_000_000_000 + number,
        )


def _kinds(texts: Sequence[Document], chance: random.Random) -> dict[str, Callable[[], Node]]:
    by_text = [words_of(one.text) for one in texts[:: max(1, len(texts) // 5000)]]
    spread = Counter(word for words in by_text for word in set(words))
    rare = sorted(word for word, times in spread.items() if times <= 2)
    common = sorted(word for word, times in spread.items() if times > len(by_text) // 100)
    follow = [pair for words in by_text[::5] for pair in pairwise(words)]
    letters = sorted({word[0] for word in common})

    def phrase() -> Node:
        return Phrase(chance.choice(follow))

    return {
        RARE: lambda: Word(chance.choice(rare)),
        "common words": lambda: Word(chance.choice(common)),
        "phrases of two words": phrase,
        "prefixes of three letters": lambda: Word(chance.choice(common)[:3], is_prefix=True),
        "prefixes of one letter": lambda: Word(chance.choice(letters), is_prefix=True),
        "two common words": lambda: All((Word(chance.choice(common)), Word(chance.choice(common)))),
        "all but a common word": lambda: Not(Word(chance.choice(common))),
    }
