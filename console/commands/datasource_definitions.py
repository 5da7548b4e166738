"""The verbs of `rota datasources` about definitions: add a datasource, and change one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from console.client import open_client, segment
from console.commands.datasource_work import try_to_reach
from console.connection import add_connection_options
from console.exits import CommandFailed, ExitCode
from console.output import say
from console.slugs import slug
from console.verbs import add_verb

_KINDS = {"s3": "s3", "gs": "gcs", "az": "azure", "sftp": "sftp", "https": "webdav", "http": "webdav"}
"""The kind of an address by its scheme; any other one is for an fsspec driver."""
_PLAIN = (
    "label", "queue", "max_deleted", "allow_private", "watch", "index", "contents", "language", "largest_read",
    "homes",
)  # fmt: skip
_LISTS = ("include", "exclude")


def configure(verbs: Any) -> None:
    """Add the verbs and their options."""
    adding = add_verb(verbs, "add", "add a datasource", _add, add_connection_options)
    adding.add_argument(
        "root",
        metavar="FOLDER_OR_ADDRESS",
        help="a folder that the workers can reach under this path, or an address such as s3://bucket/prefix, "
        "gs://bucket, az://container, sftp://user@host/folder, https://host/folder",
    )
    adding.add_argument("--name", metavar="NAME", help="its name (default: made from the folder's or the address)")
    adding.add_argument(
        "--kind",
        choices=("local", "s3", "gcs", "azure", "sftp", "webdav", "fsspec"),
        help="how it is reached (default: told by the address)",
    )
    adding.add_argument(
        "--mark", action="store_true", help="write a marker into it, so that any other folder in its place is noticed"
    )
    changing = add_verb(verbs, "set", "change a datasource; what is not given stays", _set, add_connection_options)
    changing.add_argument("name", metavar="NAME")
    changing.add_argument("--root", metavar="FOLDER_OR_ADDRESS", help="where it is")
    changing.add_argument(
        "--no-marker", action="store_true", help="expect no marker in it any more; the file itself stays"
    )
    for parser in (adding, changing):
        _configure_fields(parser)


def _configure_fields(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--label", metavar="TEXT", help="its name for people")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of its kind; numbers, true, false and JSON objects are taken as such, an empty VALUE is the "
        "default; secrets as env:NAME or file:/path (may be repeated)",
    )
    for word, line in (("include", "only files that match"), ("exclude", "nothing that matches")):
        parser.add_argument(
            f"--{word}", action="append", metavar="PATTERN", help=f"{line} (may be repeated; '' for none)"
        )
    parser.add_argument("--queue", metavar="QUEUE", help="queue of the workers that can reach it ('' for any)")
    parser.add_argument(
        "--allow-private",
        action=argparse.BooleanOptionalAction,
        help="its address may be loopback, link-local or private",
    )
    parser.add_argument(
        "--watch", action=argparse.BooleanOptionalAction, help="workers watch it for changes; for folders"
    )
    parser.add_argument(
        "--max-deleted",
        type=float,
        metavar="SHARE",
        help="largest share of the entries, 0 to 1, that a sync deletes unasked (default 0.5)",
    )
    _configure_search(parser)
    parser.add_argument(
        "--bin",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a rule of its recycle bin, such as keep=P90D, keep=null for ever, max_size=50000000000, enabled=false or "
        'hold=["contracts/**"]; an empty VALUE is the default (may be repeated)',
    )
    parser.add_argument(
        "--homes", metavar="FOLDER", help="folder in which each user has a folder of their name ('' for none)"
    )


def _configure_search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--index", action=argparse.BooleanOptionalAction, help="what is in it can be searched")
    parser.add_argument(
        "--contents", action=argparse.BooleanOptionalAction, help="files are read for the search, not only named"
    )
    parser.add_argument("--language", metavar="LANGUAGE", help="whose words are stemmed in the search (default none)")
    parser.add_argument(
        "--largest-read", type=int, metavar="BYTES", help="files above this are not read for the search"
    )


def _add(options: argparse.Namespace) -> int:
    kind = options.kind or kind_of(options.root)
    root = _root_of(options.root, kind)
    name = options.name or slug(_last_name(root, kind))
    given: dict[str, Any] = {"name": name, "kind": kind, "root": root, "options": {}}
    with open_client(options) as client:
        client.post("/datasources", _changed(given, options))
        if kind == "local" and not Path(root).is_dir():
            say(f"{root} is no folder on this machine; it must be one where the workers run")
        say(f"{name}: added; `rota datasources test {name}` tries to reach it, `rota datasources sync {name}` reads it")
        return try_to_reach(client, name, mark=True) if options.mark else ExitCode.OK


def _set(options: argparse.Namespace) -> int:
    path = f"/datasources/{segment(options.name)}"
    with open_client(options) as client:
        answer = client.ask("GET", path)
        wanted = _changed(answer.data, options)
        if options.root is not None:
            wanted["root"] = _root_of(options.root, wanted["kind"])
        if wanted != answer.data:
            client.ask("PUT", path, body=wanted, headers={"If_Match": answer.headers.get("etag", "*")})
        elif not options.no_marker:
            raise CommandFailed("nothing to change was given; see --help", ExitCode.USAGE)
        if options.no_marker:
            client.ask("DELETE", f"{path}/marker")
    say(f"{options.name}: saved")
    return ExitCode.OK


def kind_of(root: str) -> str:
    """Return the kind of storage that an address leads to; what is no address is a folder."""
    scheme, separator, _ = root.partition("://")
    return _KINDS.get(scheme.lower(), "fsspec") if separator else "local"


def _root_of(root: str, kind: str) -> str:
    return str(Path(root).expanduser().absolute()) if kind == "local" else root


def _last_name(root: str, kind: str) -> str:
    if kind == "local":
        return Path(root).name
    parts = urlsplit(root)
    return parts.path.rstrip("/").rpartition("/")[2] or parts.hostname or kind


def _changed(definition: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Return the definition with what the options say."""
    plain = {name: value for name in _PLAIN if (value := getattr(options, name)) is not None}
    plain |= {name: None for name in ("queue", "homes") if plain.get(name) == ""}
    lists = {name: [each for each in given if each] for name in _LISTS if (given := getattr(options, name)) is not None}
    nested = {
        "options": _merged(definition["options"], options.option, "--option"),
        "bin": _merged(definition.get("bin") or {}, options.bin, "--bin", nulls=True),
    }
    return {**definition, **plain, **lists, **nested}


def _merged(known: dict[str, Any], given: list[str], option: str, *, nulls: bool = False) -> dict[str, Any]:
    """Return settings with those that were given; an empty value, and null unless it is one, is the default."""
    settings = dict(known)
    for each in given:
        name, separator, text = each.partition("=")
        if not separator or not name:
            raise CommandFailed(f"{option} {each!r} is not KEY=VALUE", ExitCode.USAGE)
        settings.pop(name, None)
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        if value != "" and (nulls or value is not None):
            settings[name] = value
    return settings
