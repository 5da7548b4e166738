"""How commands that work on the installation itself open its settings, store and bus; all errors in one line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.connection import REDIS_ADDRESS, find_state
from console.exits import CommandFailed, ExitCode
from rota.errors import BusUnavailable, InvalidDefinition, Refused, RotaError, StoreUnavailable

if TYPE_CHECKING:
    from bus.connection import Bus
    from rota.settings import Settings
    from store.engine import Store


@contextmanager
def told_errors() -> Iterator[None]:
    """Turn Rota's own errors into one line for a person, with the right exit code."""
    try:
        yield
    except InvalidDefinition as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error
    except StoreUnavailable as error:
        raise CommandFailed(f"the database does not answer: {error}", ExitCode.UNREACHABLE) from error
    except BusUnavailable as error:
        raise CommandFailed(f"Redis does not answer: {error}", ExitCode.UNREACHABLE) from error
    except Refused as error:
        raise CommandFailed(str(error), ExitCode.REFUSED) from error
    except RotaError as error:
        raise CommandFailed(str(error)) from error


def load(given: Mapping[str, Any]) -> Settings:
    """Return the settings, with what the command line gave; a running `rota up` says where its Redis is."""
    from rota.settings import load_settings

    with told_errors():
        settings = load_settings(given)
        address = settings.state_dir / REDIS_ADDRESS
        if settings.redis_url is None and address.exists():
            settings = load_settings({**given, "redis_url": f"file:{address}"})
    return settings


def load_for(state: Path | None, **given: Any) -> Settings:
    """Return the settings of the installation in a state folder, or of the one that is found here."""
    # A settings file may name the folder itself; only without one do we look around for it.
    looked_for = state or ("ROTA_CONFIG" not in os.environ and not Path("rota.toml").exists())
    return load({"state_dir": (find_state(state) if looked_for else None) or state, **given})


def open_store(settings: Settings) -> Store:
    """Return the store. The embedded database's folder is made if need be."""
    from store.engine import Store

    with told_errors():
        if settings.database_url is None:
            settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Store(settings.store_url)


def require_redis(settings: Settings) -> Settings:
    """Return the settings; CommandFailed says what to do when they name no Redis."""
    if settings.redis_url is None:
        raise CommandFailed(
            "no Redis: start `rota up`, which brings its own, or set ROTA_REDIS_URL (redis_url in rota.toml)",
            ExitCode.USAGE,
        )
    return settings


def open_bus(settings: Settings) -> Bus:
    """Return the bus."""
    from bus.connection import Bus

    with told_errors():
        return Bus(
            require_redis(settings).redis_url or "",
            namespace=settings.redis_namespace,
            lease_ms=int(settings.lease_seconds * 1000),
            leader_lease_ms=int(settings.leader_lease_seconds * 1000),
        )
