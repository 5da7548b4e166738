"""What a datasource is: where it lies, what of it counts, which workers reach it, and what keeps it from harm.

Secrets are references, `env:NAME` or `file:PATH`, resolved by the worker that opens the storage: a definition, a log
and an answer of the API never hold one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from rota.bins import BinRules, FolderPath
from rota.errors import InvalidDefinition, Problem
from rota.fields import Count, Flag, Glob, Line, Part
from rota.problems import FieldError, problems_of

Kind = Literal["local", "s3", "gcs", "azure", "sftp", "webdav", "fsspec"]
Language = Literal[
    "none", "arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "italian",
    "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "tamil", "turkish",
]  # fmt: skip
"""Whose words are stemmed; those that every engine knows."""
MAX_GLOBS = 200

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_QUEUE = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,63}")
_REFERENCE = re.compile(r"(?:env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:/[^\0\n]{1,4000})", re.ASCII)
# Rota's own settings are in such variables, addresses with passwords among them.
_OWN_VARIABLE = "env:ROTA_"
_SCHEMES: Mapping[str, tuple[str, ...]] = {
    "s3": ("s3",),
    "gcs": ("gs",),
    "azure": ("az",),
    "sftp": ("sftp",),
    "webdav": ("https", "http"),
}
OWN_DISK = "it reaches the worker's own files, memory or programs; use kind local for folders"
"""Why drivers are refused that would go round everything that guards a local folder."""
_WRAPPER = "it stands in front of another driver, which it could hide"
_REFUSED_DRIVERS: Mapping[str, str] = {
    **dict.fromkeys(("file", "local", "asynclocal", "memory", "data", "git", "dvc", "pyscript"), OWN_DISK),
    **dict.fromkeys(("dask", "jupyter", "jlab"), OWN_DISK),
    **dict.fromkeys(("reference", "generic", "dir", "async_wrapper", "asyncwrapper", "chained"), _WRAPPER),
    **dict.fromkeys(("blockcache", "cached", "filecache", "simplecache", "zip", "tar", "libarchive"), _WRAPPER),
    **dict.fromkeys(("sftp", "ssh"), "it accepts whatever key a server shows; use kind sftp"),
    **dict.fromkeys(("http", "https"), "pages are no folders, and it follows them anywhere; use kind webdav"),
    "webdav": "use kind webdav",
}


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("must be a letter followed by at most 62 of a-z, 0-9 and '-'")
    return text


def _queue(text: str) -> str:
    if not _QUEUE.fullmatch(text):
        raise ValueError("must be at most 64 letters, digits, '.', '_' and '-', the first a letter or '_'")
    return text


def _reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise ValueError("must refer to a secret, env:NAME or file:/absolute/path; the secret itself is never kept")
    if text.startswith(_OWN_VARIABLE):
        raise ValueError("must not refer to ROTA_… variables: they are Rota's own settings")
    return text


Checked = TypeVar("Checked", bound=Part)
Secret = Annotated[str, AfterValidator(_reference)]
"""A reference to a secret."""


class Options(Part):
    """What every kind over a network has."""

    timeout_seconds: float = Field(default=30, ge=1, le=600, description="Most time for one request, in seconds.")
    retries: Annotated[Count, Field(ge=0, le=20)] = Field(
        default=4, description="How often a request that failed is repeated, with growing pauses."
    )
    in_flight: Annotated[Count, Field(ge=1, le=64)] = Field(default=8, description="Most requests at once.")


class LocalOptions(Part):
    """A folder of the workers' machines."""

    processes: Annotated[Count, Field(ge=1, le=64)] = Field(
        default=2, description="How many processes list a large tree together."
    )


class S3Options(Options):
    """A bucket behind the S3 protocol."""

    endpoint: Line | None = Field(default=None, description="Address of the service; Amazon's if left out.")
    region: Line = Field(default="us-east-1", description="Region of the bucket.")
    access_key_id: Secret | None = Field(default=None, description="Reference to the key's id.")
    secret_access_key: Secret | None = Field(default=None, description="Reference to the key.")
    session_token: Secret | None = Field(default=None, description="Reference to the token of a temporary key.")
    anonymous: Flag = Field(default=False, description="Ask without a signature.")
    virtual_host: Flag = Field(default=False, description="The bucket is part of the host's name.")


class GcsOptions(Options):
    """A bucket of Google Cloud Storage."""

    endpoint: Line | None = Field(default=None, description="Address of the service; Google's if left out.")
    service_account_key: Secret | None = Field(default=None, description="Reference to the account's JSON key.")
    anonymous: Flag = Field(default=False, description="Ask without a signature.")


class AzureOptions(Options):
    """A container of Azure Blob Storage."""

    account: Line = Field(description="Name of the storage account.")
    endpoint: Line | None = Field(default=None, description="Address of the service; Azure's if left out.")
    access_key: Secret | None = Field(default=None, description="Reference to the account's key.")
    sas_token: Secret | None = Field(default=None, description="Reference to a shared access signature.")
    anonymous: Flag = Field(default=False, description="Ask without a signature.")


class SftpOptions(Options):
    """A folder behind SSH."""

    password: Secret | None = Field(default=None, description="Reference to the password.")
    private_key: Secret | None = Field(default=None, description="Reference to a private key in OpenSSH's format.")
    passphrase: Secret | None = Field(default=None, description="Reference to the private key's passphrase.")
    host_key: Line | None = Field(
        default=None, max_length=4000, description="The server's public key, as in known_hosts: `ssh-ed25519 AAAA…`."
    )
    any_host_key: Flag = Field(default=False, description="Accept whatever key the server shows: for tests only.")

    @model_validator(mode="after")
    def _knows_the_server(self) -> SftpOptions:
        if not self.any_host_key and self.host_key is None:
            raise FieldError(("host_key",), "is required: what `ssh-keyscan HOST` shows, without the host's name")
        return self


class WebdavOptions(Options):
    """A folder of a WebDAV server."""

    username: Line | None = Field(default=None, description="User, for a password.")
    password: Secret | None = Field(default=None, description="Reference to the password.")
    token: Secret | None = Field(default=None, description="Reference to a bearer token.")


class FsspecOptions(Options):
    """Anything that an installed fsspec driver reaches."""

    storage_options: dict[str, Any] = Field(
        default={}, description="The driver's own options; a text such as env:NAME or file:/path is a reference."
    )


OPTIONS: Mapping[str, type[Part]] = {
    "local": LocalOptions,
    "s3": S3Options,
    "gcs": GcsOptions,
    "azure": AzureOptions,
    "sftp": SftpOptions,
    "webdav": WebdavOptions,
    "fsspec": FsspecOptions,
}
"""The model of `options` by kind."""


class Rules(Part):
    """What of a storage counts and can be searched, and what must not happen to its catalog."""

    include: tuple[Glob, ...] = Field(
        default=(), max_length=MAX_GLOBS, description="Only files and links that one of these matches; all if empty."
    )
    exclude: tuple[Glob, ...] = Field(
        default=(), max_length=MAX_GLOBS, description="Not these, nor what is in a folder that one of these matches."
    )
    max_deleted: float = Field(
        default=0.5, ge=0, le=1, description="Largest share of the entries that one sync may delete unasked."
    )
    allow_private: Flag = Field(
        default=False, description="The address may be loopback, link-local or private, or lead to such a one."
    )
    watch: Flag = Field(default=False, description="Workers watch it for changes; for local folders.")
    index: Flag = Field(default=True, description="What is in it can be searched.")
    contents: Flag = Field(default=True, description="Files are read for the search; if not, names alone are found.")
    language: Language = Field(
        default="none", description="Language whose words are stemmed in the search, so that reports finds report."
    )
    largest_read: Annotated[Count, Field(ge=0, le=2**40)] = Field(
        default=100_000_000, description="Bytes above which a file is not read for the search."
    )
    bin: BinRules = Field(default_factory=BinRules, description="What goes to the bin, and how long it is kept there.")
    homes: FolderPath | None = Field(
        default=None,
        description="Folder in which each user has a folder of their name; it is cleaned up after a removed user.",
    )


class Datasource(Rules):
    """A storage that is looked after, as people define it."""

    name: Annotated[str, AfterValidator(_name)] = Field(description="Name in addresses, files and commands.")
    label: Line = Field(default="", description="Name for people.")
    kind: Kind = Field(default="local", description="How it is reached.")
    root: str = Field(
        min_length=1,
        max_length=4096,
        description="Where it is: /folder, s3://bucket/prefix, gs://bucket, az://container, sftp://user@host/folder, "
        "https://host/folder, or the address of an fsspec driver.",
    )
    options: Annotated[dict[str, Any], BeforeValidator(lambda given: {} if given is None else given)] = Field(
        default={}, description="Settings of its kind."
    )
    enabled: Flag = Field(default=True, description="Whether jobs about all datasources include it.")
    queue: Annotated[str, AfterValidator(_queue)] | None = Field(
        default=None, description="Queue of the workers that can reach it; the actor's own if left out."
    )

    @model_validator(mode="after")
    def _agree(self) -> Datasource:
        problem = _root_problem(self.kind, self.root)
        if problem:
            raise FieldError(("root",), problem)
        if self.watch and self.kind != "local":
            raise FieldError(("watch",), "must be false: only folders of the workers' machines can be watched")
        return self

    @property
    def rules(self) -> Rules:
        """The rules alone."""
        return Rules(**{name: getattr(self, name) for name in Rules.model_fields})


def parse_datasource(given: Mapping[str, Any], *, source: str = "datasource") -> Datasource:
    """Read and check the definition of a datasource, its options included; the options come back with every default.

    Raises InvalidDefinition with each problem and its path.
    """
    problems: list[Problem] = []
    found = _checked(Datasource, given, problems)
    kind = given.get("kind", "local")
    model = OPTIONS.get(kind) if isinstance(kind, str) else None
    given_options = given.get("options") or {}
    options: Part | None = None
    if model is not None and isinstance(given_options, Mapping):
        # Looked at whatever else is wrong, so that everything is told at once.
        options = _checked(model, given_options, problems, prefix=("options",))
    if found is None or options is None:
        raise InvalidDefinition(problems, source=source)
    return found.model_copy(update={"options": options.model_dump()})


def _checked(
    model: type[Checked], given: Mapping[str, Any], problems: list[Problem], *, prefix: tuple[str, ...] = ()
) -> Checked | None:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problems += problems_of(error, model, prefix=prefix)
        return None


def _root_problem(kind: str, root: str) -> str | None:
    if "\0" in root or "\n" in root:
        return "must not hold control characters"
    if kind == "local":
        return None if root.startswith("/") else "must be an absolute path that the workers can reach"
    problem = fsspec_problem(root) if kind == "fsspec" else None
    return problem or _address_problem(root, _SCHEMES.get(kind))


def fsspec_problem(root: str) -> str | None:
    """Say why an address is none for an fsspec driver, or why its driver is refused; None if neither."""
    if not re.match(r"[a-z][a-z0-9+.-]*://", root):
        return "must be an address such as ftp://host/folder"
    if "::" in root:
        return "must not hold '::': chains of drivers are not allowed"
    protocol = root.partition("://")[0]
    reason = _REFUSED_DRIVERS.get(protocol)
    return f"{protocol}:// is not allowed: {reason}" if reason else None


def _address_problem(root: str, schemes: tuple[str, ...] | None) -> str | None:
    """Say what is wrong with an address; without schemes only whether it holds a password, the rest is its driver's."""
    try:
        parts = urlsplit(root)
        host, password, _ = parts.hostname, parts.password, parts.port
    except ValueError:
        return "is no address"
    if schemes is not None and (parts.scheme not in schemes or not host):
        return f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)} and name what it leads to"
    if password is not None:
        return "must not hold a password: options take a reference to it, env:NAME or file:/path"
    if schemes is None:
        return None
    return "must not have a query or a fragment" if parts.query or parts.fragment else None
