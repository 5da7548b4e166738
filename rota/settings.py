"""The settings of every process, from one class.

Order, the later winning: the defaults here, `rota.toml`, the environment (`ROTA_PORT=9000`), the command line. The file
is the one that `ROTA_CONFIG` names, else `rota.toml` in the working folder, else `rota.toml` in the state folder.
Addresses with passwords may be references: `env:NAME` or `file:PATH`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from rota.errors import InvalidDefinition, Problem
from rota.loaders import load_toml, read_text
from rota.problems import allowed_names, field_names, problems_of
from rota.search.place import EngineName, SearchPlace

ENVIRONMENT_PREFIX = "ROTA_"
CONFIG_VARIABLE = "ROTA_CONFIG"
CONFIG_NAME = "rota.toml"
MAX_SECRET_BYTES = 16 * 1024

Names = Annotated[tuple[str, ...], NoDecode]
"""Several names; in the environment and on the command line they are joined by commas."""


def default_state_dir() -> Path:
    """Return where state is kept if nobody says so: below XDG_STATE_HOME, else ~/.local/state."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "rota"


class Settings(BaseSettings):
    """Everything that can be set, for all processes alike; frozen once it is read."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    state_dir: Path = Field(
        default_factory=default_state_dir,
        description="Folder for everything Rota keeps on this machine: databases, logs, console.json.",
    )
    definitions_dir: Path = Field(
        default_factory=lambda data: data["state_dir"] / "jobs",
        description="Folder with job definitions (.yaml, .yml, .toml), read at start and on change.",
    )
    actor_modules: Names = Field(
        default=(),
        description="Python modules with more actors, besides the shipped ones and the entry points rota.actors.",
    )

    redis_url: str | None = Field(
        default=None,
        repr=False,
        description="Address of Redis or Valkey, such as redis://host:6379/0; unset starts the embedded one.",
    )
    redis_namespace: str = Field(
        default="rota",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="Name that all keys in Redis carry; two installations on one Redis need two names.",
    )
    database_url: str | None = Field(
        default=None,
        repr=False,
        description="Address of the database, such as postgresql://user@host/rota; unset takes SQLite in state_dir.",
    )

    search_engine: Literal["auto", "tantivy", "postgresql", "opensearch"] = Field(
        default="auto",
        description="What keeps the search's indexes; auto takes PostgreSQL if that is the database, else tantivy.",
    )
    search_dir: Path = Field(
        default_factory=lambda data: data["state_dir"] / "search",
        description="Folder for tantivy's indexes, on the one machine that indexes and searches.",
    )
    opensearch_url: str | None = Field(
        default=None,
        repr=False,
        description="Address of OpenSearch, such as https://user:password@host:9200, for search_engine opensearch.",
    )

    lease_seconds: float = Field(
        default=15.0,
        ge=0.5,
        le=3600,
        description="Seconds after its last heartbeat until a worker's tasks start elsewhere; shorter reacts faster.",
    )
    heartbeat_seconds: float = Field(
        default_factory=lambda data: min(5.0, data["lease_seconds"] / 3),
        gt=0,
        le=600,
        description="Seconds between two heartbeats of a worker, below lease_seconds / 2; unset: a third, at most 5.",
    )
    leader_lease_seconds: float = Field(
        default=3.0,
        ge=0.5,
        le=60,
        description="Seconds after its last renewal until another scheduler leads.",
    )
    grace_seconds: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="Seconds that a stopping process gives its tasks to save their state before it hands them back.",
    )

    processes: int = Field(
        default_factory=lambda: min(os.cpu_count() or 1, 4),
        ge=1,
        le=256,
        description="Child processes of one worker; each is a Python of its own, so this uses several cores.",
    )
    threads: int = Field(
        default=8, ge=1, le=256, description="Threads of one child process; each does one task at a time."
    )
    queues: Names = Field(
        default=(), description="Queues that a worker serves; unset serves the queues of all actors it knows."
    )
    watch: bool = Field(
        default=sys.platform == "linux",
        description="A worker watches the local datasources that say so and are on its machine; Linux only.",
    )
    child_max_tasks: int = Field(
        default=0, ge=0, description="Tasks after which a child process is replaced by a fresh one; 0 never."
    )
    child_max_bytes: int = Field(
        default=0, ge=0, description="Resident bytes above which a child process is replaced by a fresh one; 0 never."
    )
    task_timeout_seconds: float = Field(
        default=86_400.0,
        gt=0,
        description="Seconds an attempt may take if neither its step nor its actor says so; afterwards it fails.",
    )
    isolate_max_bytes: int = Field(
        default=0,
        ge=0,
        description="Bytes of memory that an isolated actor may take before it fails; 0 sets no limit.",
    )

    isolate_idle_seconds: float = Field(
        default=20.0,
        ge=0,
        description="Seconds that the process from which isolated actors are started stays when none runs.",
    )

    user_open_runs: int = Field(
        default=20,
        ge=0,
        description="Archives that one person of the role user may have made, unpacked, listed and tested at a time, "
        "those that wait included; 0 sets no limit.",
    )
    user_bytes: int = Field(
        default=50_000_000_000,
        ge=0,
        description="Bytes of content that may be packed or unpacked for one person of the role user at a time; 0 sets "
        "no limit.",
    )

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address that the console listens on; anything but a loopback address is reachable by others.",
    )
    port: int = Field(default=8420, ge=0, le=65_535, description="Port of the console; 0 takes any free one.")
    metrics_host: str = Field(
        default="127.0.0.1", min_length=1, description="Address that a worker or scheduler serves its metrics on."
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="Port of the metrics of a worker or scheduler; 0 takes any free one, unset serves none.",
    )

    log_format: Literal["auto", "text", "json"] = Field(
        default="auto", description="Form of log lines: text, json, or auto (text on a terminal, json otherwise)."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least important level that is logged."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, the winning one first."""
        del dotenv_settings, file_secret_settings
        given = {**env_settings(), **init_settings()}
        return init_settings, env_settings, _FileSource(settings_cls, config_path(given.get("state_dir")))

    @field_validator("state_dir", "definitions_dir", "search_dir", mode="after")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100 - resolve() would follow links

    @field_validator("actor_modules", "queues", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(name.strip() for name in value.split(",") if name.strip())

    @field_validator("redis_url", "database_url", "opensearch_url", mode="after")
    @classmethod
    def _dereference(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        address = resolve_secret(value)
        schemes = {
            "redis_url": ("redis", "rediss", "unix"),
            "database_url": ("sqlite", "postgresql", "postgresql+psycopg"),
            "opensearch_url": ("https", "http"),
        }[str(info.field_name)]
        if address.partition(":")[0] not in schemes:
            raise ValueError(f"must start with {', '.join(f'{scheme}:' for scheme in schemes)}")
        return (
            address.replace("postgresql:", "postgresql+psycopg:", 1) if address.startswith("postgresql:") else address
        )

    @model_validator(mode="after")
    def _agree(self) -> Settings:
        if self.lease_seconds <= 2 * self.heartbeat_seconds:
            raise ValueError(
                f"lease_seconds ({self.lease_seconds:g}) must be more than twice heartbeat_seconds "
                f"({self.heartbeat_seconds:g}), or one late heartbeat loses a healthy worker's tasks"
            )
        if self.search_engine == "postgresql" and not self.store_url.startswith("postgresql"):
            raise ValueError("search_engine postgresql needs a database_url of PostgreSQL; the indexes are kept there")
        if self.search_engine == "opensearch" and self.opensearch_url is None:
            raise ValueError("search_engine opensearch needs opensearch_url")
        if self.metrics_port and self.metrics_port == self.port and self.metrics_host == self.host:
            raise ValueError(f"metrics_port ({self.metrics_port}) and port ({self.port}) are the same on {self.host}")
        return self

    @property
    def store_url(self) -> str:
        """The address of the database, SQLite in the state folder if none is set."""
        return self.database_url or f"sqlite:///{self.state_dir / 'rota.db'}"

    @property
    def search_place(self) -> SearchPlace:
        """Where the search's indexes are kept."""
        by_database: EngineName = "postgresql" if self.store_url.startswith("postgresql") else "tantivy"
        return SearchPlace(
            engine=by_database if self.search_engine == "auto" else self.search_engine,
            folder=str(self.search_dir),
            url=self.opensearch_url,
            prefix=self.redis_namespace.lower(),
        )

    def public(self) -> dict[str, Any]:
        """Return all values as JSON for people, passwords in addresses masked."""
        values = self.model_dump(mode="json")
        for name in ("redis_url", "database_url", "opensearch_url"):
            if values[name]:
                values[name] = mask_password(values[name])
        return values


def load_settings(command_line: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of this process; None on the command line means that the option was not given.

    InvalidDefinition lists all that is wrong: unknown names with what was probably meant, and values that contradict.
    """
    given = {name: value for name, value in (command_line or {}).items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise InvalidDefinition(problems_of(error, Settings), source="settings") from error


def config_path(state_dir: object = None) -> Path | None:
    """Return the settings file that is in force, None if there is none."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named).expanduser()
    folder = Path(state_dir).expanduser() if isinstance(state_dir, str | Path) else default_state_dir()
    for path in (Path(CONFIG_NAME), folder / CONFIG_NAME):
        if path.is_file():
            return path
    return None


def read_config(path: Path) -> dict[str, Any]:
    """Return the values of a settings file; InvalidDefinition if it cannot be read or names something unknown."""
    values: dict[str, Any] = load_toml(read_text(path, source=str(path)), source=str(path))
    known = field_names(Settings)
    unknown = [name for name in values if name not in known]
    if unknown:
        problems = [Problem(name, f"is unknown; {allowed_names(name, known)}") for name in unknown]
        raise InvalidDefinition(problems, source=str(path))
    return values


def resolve_secret(reference: str) -> str:
    """Return what `env:NAME` or `file:PATH` refers to, anything else as it is; ValueError if it is not there."""
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = os.environ.get(name)
        if not value:
            raise ValueError(f"refers to the environment variable {name}, which is not set")
        return value
    if kind != "file":
        return reference
    try:
        with Path(name).open(encoding="utf-8") as file:
            return file.read(MAX_SECRET_BYTES).strip()
    except (OSError, ValueError) as error:
        raise ValueError(f"refers to the file {name}, which cannot be read: {type(error).__name__}") from error


def mask_password(url: str) -> str:
    """Return an address with its password and query replaced by `***`, for logs and messages."""
    scheme, separator, rest = url.partition("://")
    place, mark, _ = rest.partition("?")
    # The last @: an unescaped one within a password must not let the rest of it through.
    credentials, at, host = place.rpartition("@")
    user, colon, _ = credentials.partition(":")
    return f"{scheme}{separator}{user}{':***' if colon else ''}{at}{host}{'?***' if mark else ''}"


class _FileSource(PydanticBaseSettingsSource):
    """The values of `rota.toml`."""

    def __init__(self, settings_cls: type[BaseSettings], path: Path | None) -> None:
        super().__init__(settings_cls)
        self._path = path

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Unused: `__call__` returns all values at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return all values of the file."""
        return {} if self._path is None else read_config(self._path)
