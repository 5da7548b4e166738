"""`rota archive`: archives made of files and folders, unpacked, listed and tested, by the workers that reach them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from console.archive_words import checked_in_words, compressed_in_words, extracted_in_words, listed_in_words
from console.client import open_client, segment
from console.commands.datasource_work import add_waiting_options, follow, tell_started
from console.connection import add_connection_options
from console.output import add_json_option
from console.passwords import add_password_options, password_of
from console.sizes import size_in_bytes
from console.verbs import add_verb
from rota.archives import MADE

_OUTPUT = (add_connection_options, add_json_option)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs and their options."""
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _configure_compressing(verbs)
    _configure_extracting(verbs)
    listing = add_verb(verbs, "list", "list what is in an archive", _list, *_OUTPUT)
    _add_archive(listing)
    _add_globs(listing, "--member", "members", "only what matches this pattern (may be repeated)")
    listing.add_argument("--max-entries", type=int, metavar="N", help="read so many entries at most")
    listing.add_argument("--max-bytes", type=size_in_bytes, metavar="SIZE", help="unpack so much at most to find them")
    listing.add_argument("--max-time", metavar="DURATION", help="stop after this long, such as PT1M")
    testing = add_verb(verbs, "test", "read an archive to its end; exit 1 if it is damaged", _test, *_OUTPUT)
    _add_archive(testing)
    _add_budget(testing)


def _configure_compressing(verbs: Any) -> None:
    parser = add_verb(verbs, "compress", "make an archive of files and folders", _compress, *_OUTPUT)
    parser.add_argument("datasource", metavar="DATASOURCE")
    parser.add_argument(
        "paths", metavar="PATH", nargs="+", help="a file or folder, relative to the datasource; a folder with all in it"
    )
    add_waiting_options(parser)
    parser.add_argument(
        "--to", dest="target", metavar="PATH", help="path of the archive (default: beside the first PATH)"
    )
    _add_target_datasource(parser)
    parser.add_argument(
        "--format", choices=[str(format_) for format_ in MADE], help="which (default: what --to says, or else zip)"
    )
    parser.add_argument("--level", type=int, choices=range(10), metavar="0-9", help="how hard to compress")
    parser.add_argument(
        "--split", dest="split_bytes", type=size_in_bytes, metavar="SIZE", help="divide it into parts of so much: 2GB"
    )
    _add_globs(parser, "--include", "include", "only files that match this pattern (may be repeated)")
    _add_globs(parser, "--exclude", "exclude", "not what matches this pattern (may be repeated)")
    parser.add_argument("--links", choices=("skip", "keep"), help="what becomes of symbolic links (default skip)")
    parser.add_argument(
        "--manifest", action="store_true", default=None, help="write a checksum file beside it, as sha256sum does"
    )
    parser.add_argument(
        "--conflict",
        choices=("number", "overwrite", "fail"),
        help="where something is at the target: number the new name (default), replace it, or fail",
    )
    parser.add_argument("--max-bytes", type=size_in_bytes, metavar="SIZE", help="fail for more content than this")
    parser.add_argument("--max-bytes-per-second", type=size_in_bytes, metavar="SIZE", help="go no faster")
    add_password_options(parser, twice=True)


def _configure_extracting(verbs: Any) -> None:
    parser = add_verb(verbs, "extract", "unpack an archive into a folder", _extract, *_OUTPUT)
    _add_archive(parser)
    parser.add_argument(
        "--to", dest="target", metavar="FOLDER", help="folder to make (default: beside the archive, called after it)"
    )
    _add_target_datasource(parser)
    _add_globs(parser, "--member", "members", "only what matches this pattern (may be repeated)")
    parser.add_argument(
        "--conflict",
        choices=("number", "fail", "skip", "overwrite", "newer"),
        help="where the folder is there: number the new one (default), fail, or put files into it one by one and "
        "leave, replace, or replace older ones of the same name",
    )
    parser.add_argument("--links", choices=("skip", "keep"), help="what becomes of symbolic links (default skip)")
    _add_budget(parser)


def _add_archive(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("datasource", metavar="DATASOURCE")
    parser.add_argument("path", metavar="PATH", help="the archive; of a divided one its first part")
    add_waiting_options(parser)
    parser.add_argument("--encoding", metavar="NAME", help="code page of its names (default: found out)")
    add_password_options(parser)


def _add_target_datasource(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target-datasource", metavar="NAME", help="datasource that it goes to (default: the same)")


def _add_globs(parser: argparse.ArgumentParser, option: str, name: str, line: str) -> None:
    parser.add_argument(option, dest=name, action="append", metavar="GLOB", help=line)


def _add_budget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--max-entries", type=int, metavar="N", help="fail for more entries")
    parser.add_argument("--max-bytes", type=size_in_bytes, metavar="SIZE", help="fail for more content")
    parser.add_argument("--max-ratio", type=int, metavar="N", help="fail where more comes out of one byte")
    parser.add_argument("--max-depth", type=int, metavar="N", help="fail for more folders in one another")
    parser.add_argument("--max-time", metavar="DURATION", help="fail after this long, such as PT10M")


def _compress(options: argparse.Namespace) -> int:
    fields = (
        "paths", "target", "target_datasource", "format", "level", "split_bytes", "include", "exclude", "links",
        "manifest", "conflict", "max_bytes", "max_bytes_per_second",
    )  # fmt: skip
    return _work(options, "compress", fields, tell=compressed_in_words)


_LISTING = ("max_entries", "max_bytes", "max_time")
_BUDGET = ("max_entries", "max_bytes", "max_ratio", "max_depth", "max_time")


def _extract(options: argparse.Namespace) -> int:
    fields = ("path", "target", "target_datasource", "members", "conflict", "encoding", "links", *_BUDGET)
    return _work(options, "extract", fields, tell=extracted_in_words)


def _list(options: argparse.Namespace) -> int:
    return _work(options, "list-archive", ("path", "members", "encoding", *_LISTING), tell=listed_in_words)


def _test(options: argparse.Namespace) -> int:
    return _work(options, "test-archive", ("path", "encoding", *_BUDGET), tell=checked_in_words)


def _work(
    options: argparse.Namespace,
    verb: str,
    fields: Sequence[str],
    *,
    tell: Callable[[dict[str, Any]], Iterable[str]],
) -> int:
    """Start a run and, unless told otherwise, wait for it: who packs or unpacks wants to see what came of it."""
    wish: dict[str, Any] = {name: value for name in fields if (value := getattr(options, name)) is not None}
    password = password_of(options)
    if password is not None:
        wish["password"] = password
    with open_client(options) as client:
        started = client.post(f"/datasources/{segment(options.datasource)}/{verb}", wish)
        if options.wait is False:
            return tell_started(started, options)
        return follow(client, started, options, tell=tell)
