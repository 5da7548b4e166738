"""`rota files`: work on the files of a datasource, done by the workers that reach it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from console.asking import add_yes_option, make_sure
from console.client import open_client, segment
from console.commands.datasource_work import add_waiting_options, follow, tell_started
from console.connection import add_connection_options
from console.difference_words import counts_in_words
from console.exits import CommandFailed, ExitCode
from console.output import add_json_option, print_json, printable_line, size
from console.verbs import add_verb
from console.work_words import counted, deletion_in_words

_OUTPUT = (add_connection_options, add_json_option)
_CHECKSUMS = ("sha256", "blake3", "sha1", "md5", "xxh3-128", "etag")
_CARRIED = ("copied", "moved", "folders", "bytes", "verified", "skipped")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs and their options."""
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    deleting = add_verb(verbs, "delete", "move files and folders into the bin", _delete, *_OUTPUT, add_yes_option)
    _add_paths(deleting, needed=True)
    deleting.add_argument("--for-good", action="store_true", help="past the bin; nobody can bring them back (asks)")
    for word, line in (
        ("copy", "copy files and folders into a folder"),
        ("move", "move files and folders into a folder"),
    ):
        _configure_carrying(verbs, word, line)
    making = add_verb(verbs, "mkdir", "make folders, with those above them", _make_folders, *_OUTPUT)
    _add_paths(making, needed=True)
    making.add_argument("--portable", action="store_true", default=None, help="refuse names that Windows cannot have")
    _configure_renaming(verbs)
    _configure_hashing(verbs)
    _configure_verifying(verbs)
    getting = add_verb(verbs, "get", "fetch a file; goes on where it was after a break", _get, *_OUTPUT)
    getting.add_argument("datasource", metavar="DATASOURCE")
    getting.add_argument("path", metavar="PATH", help="a file, relative to the datasource")
    getting.add_argument("-o", "--output", metavar="FILE", help="where to (default: its name, in this folder)")
    getting.add_argument("--force", action="store_true", help="replace what is there")


def _add_paths(parser: argparse.ArgumentParser, *, needed: bool = False, default: str = "everything") -> None:
    parser.add_argument("datasource", metavar="DATASOURCE")
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="+" if needed else "*",
        help="a file or folder, relative to the datasource" + ("" if needed else f" (default: {default})"),
    )
    add_waiting_options(parser)


def _configure_carrying(verbs: Any, word: str, line: str) -> None:
    parser = add_verb(verbs, word, line, _carry, *_OUTPUT)
    _add_paths(parser, needed=True)
    parser.set_defaults(word=word)
    parser.add_argument(
        "--to", dest="target", default="", metavar="FOLDER", help="folder to put them in (default: the root)"
    )
    parser.add_argument("--target-datasource", metavar="NAME", help="datasource of that folder (default: the same)")
    parser.add_argument(
        "--conflict",
        choices=("skip", "overwrite", "number", "newer"),
        help="where a file of that name is there: leave it (default), replace it, number the new name, or replace it "
        "if it is older",
    )
    parser.add_argument("--verify", action=argparse.BooleanOptionalAction, help="read every copy back (default)")
    parser.add_argument("--portable", action="store_true", default=None, help="refuse names that Windows cannot have")
    parser.add_argument("--max-bytes-per-second", type=int, metavar="N", help="go no faster, in each direction")


def _configure_renaming(verbs: Any) -> None:
    parser = add_verb(verbs, "rename", "rename files and folders by a pattern", _rename, *_OUTPUT)
    _add_paths(parser, default="the root")
    parser.add_argument("--pattern", required=True, metavar="REGEX", help="finds the part of a name that changes")
    parser.add_argument("--replacement", default="", metavar="TEXT", help="what takes its place; \\1 is a group")
    parser.add_argument("--text", dest="syntax", action="store_const", const="text", help="the pattern is plain text")
    parser.add_argument("--ignore-case", action="store_true", default=None, help="upper and lower case are the same")
    parser.add_argument("--scope", choices=("files", "folders", "both"), help="what is renamed (default files)")
    parser.add_argument("--recursive", action="store_true", default=None, help="what is in the folders too")
    parser.add_argument(
        "--conflict", choices=("skip", "number"), help="where the new name is taken: keep the old (default), or number"
    )
    parser.add_argument("--portable", action="store_true", default=None, help="refuse names that Windows cannot have")
    parser.add_argument("--dry-run", action="store_true", default=None, help="tell what would be renamed; waits")


def _configure_hashing(verbs: Any) -> None:
    parser = add_verb(verbs, "hash", "compute checksums of files", _hash, *_OUTPUT)
    _add_paths(parser)
    parser.add_argument("--algorithm", choices=_CHECKSUMS, help="which (default sha256)")
    parser.add_argument("--target", metavar="PATH", help="checksum file to write, as sha256sum does")
    parser.add_argument("--target-datasource", metavar="NAME", help="datasource that it goes to (default: the same)")


def _configure_verifying(verbs: Any) -> None:
    line = "compare files with a checksum file, another datasource or the catalog; exit 1 if something differs"
    parser = add_verb(verbs, "verify", line, _verify, *_OUTPUT)
    _add_paths(parser)
    against = parser.add_mutually_exclusive_group(required=True)
    against.add_argument("--manifest", metavar="PATH", help="a checksum file")
    against.add_argument("--target-datasource", metavar="NAME", help="a datasource that has the same files")
    against.add_argument("--catalog", action="store_true", default=None, help="the hashes that the catalog has")
    parser.add_argument("--manifest-datasource", metavar="NAME", help="datasource of the checksum file")
    parser.add_argument("--algorithm", choices=_CHECKSUMS[:-1], help="what the checksum file has (default: found out)")
    parser.add_argument("--target", metavar="FOLDER", help="folder in the other datasource that stands for the root")
    parser.add_argument(
        "--allow-extra", action="store_true", default=None, help="files that should not be there are right"
    )


def _delete(options: argparse.Namespace) -> int:
    verb = "delete"
    if options.for_good:
        make_sure(
            f"Delete {counted(len(options.paths), 'path')} of {options.datasource} for good, past the bin?", options
        )
        verb = "delete-for-good"
    with open_client(options) as client:
        started = client.post(_at(options, verb), {"paths": options.paths})
        if not options.wait:
            return tell_started(started, options)
        return follow(client, started, options, tell=lambda found: [deletion_in_words(found)])


def _carry(options: argparse.Namespace) -> int:
    fields = ("target", "target_datasource", "conflict", "verify", "portable", "max_bytes_per_second")
    return _work(options, options.word, fields, words=_CARRIED)


def _make_folders(options: argparse.Namespace) -> int:
    return _work(options, "folders", ("portable",), words=("made",))


def _rename(options: argparse.Namespace) -> int:
    fields = (
        "pattern", "replacement", "syntax", "ignore_case", "scope", "recursive", "conflict", "portable", "dry_run",
    )  # fmt: skip
    options.paths = options.paths or [""]
    return _work(options, "rename", fields, waits=bool(options.dry_run), tell=_renamed)


def _renamed(found: dict[str, Any]) -> list[str]:
    lines = [f"  {printable_line(item['path'])} -> {printable_line(item['name'])}" for item in found.get("items") or ()]
    return [counts_in_words(found, ("renamed", "skipped")), *lines]


def _hash(options: argparse.Namespace) -> int:
    fields = ("algorithm", "target", "target_datasource")
    return _work(options, "hash", fields, words=("files", "bytes", "failed", "skipped"))


def _verify(options: argparse.Namespace) -> int:
    fields = ("manifest", "manifest_datasource", "algorithm", "target", "target_datasource", "catalog", "allow_extra")
    return _work(options, "verify", fields, words=("verified", "bytes", "skipped"))


def _get(options: argparse.Namespace) -> int:
    from console.downloading import fetch

    try:
        target = _target_of(options)
        with open_client(options) as client:
            count = fetch(client, options.datasource, options.path, target, replace=options.force)
    except OSError as error:
        raise CommandFailed(f"{error.filename or options.output or options.path}: {error.strerror or error}") from error
    if options.json:
        print_json({"file": str(target), "bytes": count})
    else:
        print(f"{printable_line(target)}: {size(count)}")
    return ExitCode.OK


def _target_of(options: argparse.Namespace) -> Path:
    """Return where a file is fetched to; CommandFailed for what it may not be."""
    if options.output == "-":
        said = "-o - is no file, and only in a file can a download go on after a break"
        raise CommandFailed(said, ExitCode.USAGE)
    name = options.path.rstrip("/").rpartition("/")[2]
    target = Path(options.output or name)
    if target.is_dir():
        target /= name
    if not target.parent.is_dir():
        raise CommandFailed(f"there is no folder {target.parent}", ExitCode.USAGE)
    if os.path.lexists(target):
        if not target.is_file():
            raise CommandFailed(f"{target} is there already and no file", ExitCode.REFUSED)
        if not options.force:
            raise CommandFailed(f"{target} is there already; give --force to replace it", ExitCode.REFUSED)
    return target


def _work(
    options: argparse.Namespace,
    verb: str,
    fields: Sequence[str],
    *,
    words: Sequence[str] = (),
    waits: bool = False,
    tell: Callable[[dict[str, Any]], Iterable[str]] | None = None,
) -> int:
    wish: dict[str, Any] = {name: value for name in fields if (value := getattr(options, name)) is not None}
    if options.paths:
        wish["paths"] = options.paths
    with open_client(options) as client:
        started = client.post(_at(options, verb), wish)
        wait = waits if options.wait is None else options.wait
        return follow(client, started, options, words=words, tell=tell) if wait else tell_started(started, options)


def _at(options: argparse.Namespace, verb: str) -> str:
    return f"/datasources/{segment(options.datasource)}/{verb}"
