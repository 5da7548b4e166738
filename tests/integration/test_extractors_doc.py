"""The example of docs/extractors.md is a package that Rota finds and uses; the tables say what the code does."""

from __future__ import annotations

import configparser
import io
import re
import sys
from pathlib import Path

import pytest

from actors.extracting.extractor import HEAD_BYTES, Limits
from actors.extracting.formats.telling import Word
from actors.extracting.outcomes import Extracted, Failed, Reason
from actors.extracting.pool import Extractors, Source
from actors.extracting.registry import load_extractors
from actors.extracting.wire import MOST_MESSAGE, MOST_META, MOST_META_NAME, MOST_META_VALUE

PAGE = (Path(__file__).parents[2] / "docs/extractors.md").read_text(encoding="utf-8")
SENTENCES = re.sub(r"\s+", " ", PAGE)


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example as an installed package."""
    package = tmp_path / "mypackage"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "subtitles.py").write_text(block("python"), encoding="utf-8")
    declared = configparser.ConfigParser()
    declared.read_string(block("ini"))
    [(group, points)] = declared["options.entry_points"].items()
    info = tmp_path / "mypackage-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mypackage\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{points.strip()}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("mypackage", "mypackage.subtitles"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def source(name: str, content: bytes) -> Source[str]:
    return Source(name, name.encode(), len(content), lambda: io.BytesIO(content))


@pytest.mark.usefixtures("installed")
def test_example_is_found_and_reads_its_files():
    known = load_extractors()
    with Extractors(processes=1, registry=known) as pool:
        told = dict(
            pool.extract(
                [
                    source("film", b"SUBTITLES/1\ntitle|A Film\n0:01|Good morning.\n0:02|Hello.\n"),
                    source("film.subs", b"something else"),
                ]
            )
        )

    assert known.problems == ()
    assert "subtitles/1" in known.fingerprint().split()
    assert told["film"] == Extracted("Good morning.\nHello.\n", (("title", "A Film"),))
    assert told["film.subs"] == Failed(Reason.BROKEN, "it does not begin as subtitles do")


def test_all_reasons_are_told():
    assert re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE) == [
        *("encrypted", "broken", "too_large", "unsupported"),
        *("timeout", "memory", "crashed", "unreadable", "failed"),
    ]
    assert {reason for reason in Reason if f"| `{reason}` |" not in PAGE} == set()


def test_all_names_of_meta_are_told():
    (names,) = re.findall(r"use these names and no others: (.*?)\. Take", SENTENCES)

    assert re.findall(r"`(\w+)`", names) == [str(word) for word in Word]


def test_numbers_are_those_of_the_code():
    limits = Limits()

    assert (limits.most_bytes, limits.memory, limits.most_copied) == (256 * 1024**2, 1024**3, 1024**3)
    for said in (
        f"the first {HEAD_BYTES // 1024} KiB",
        f"Of each file {MOST_META} are kept",
        f"| text | {limits.most_text:,} characters |",
        f"| {MOST_META} pairs; names of {MOST_META_NAME} characters, values of {MOST_META_VALUE:,} |",
        f"at most {MOST_MESSAGE} characters",
        f"| time | {limits.seconds:g} s |",
        "| memory of the process | 1 GiB |",
        "| 256 MiB, all parts together |",
        "| 1 GiB, or `enough_bytes` |",
    ):
        assert said in SENTENCES


def test_page_leads_to_places_that_are_there():
    folder = Path(__file__).parents[2] / "docs"
    for file, heading in re.findall(r"\]\(([\w.]+)(?:#([\w-]+))?\)", PAGE):
        lines = (folder / file).read_text(encoding="utf-8").splitlines()
        headings = {line.lstrip("# ").lower().replace(" ", "-") for line in lines if line.startswith("#")}
        assert not heading or heading in headings, f"{file}#{heading}"
