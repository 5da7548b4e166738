"""The first step of `rota up`, in a process of its own: settings read, database brought up to date.

The supervisor lives as long as the installation and shall stay small, so what needs pydantic and SQLAlchemy happens
here and is over after a second. What the supervisor has to know comes back as one line of JSON.
"""

from __future__ import annotations

import json
import sys

from console.exits import CommandFailed
from console.opening import load, open_store
from rota.settings import mask_password
from workers.supervisor import MARGIN_SECONDS


def main() -> int:
    """Prepare, print what the supervisor needs, and return the exit code."""
    try:
        settings = load({})
        settings.definitions_dir.mkdir(parents=True, exist_ok=True)
        store = open_store(settings)
        store.upgrade()
        store.close()
    except CommandFailed as failed:
        print(f"rota: {failed}", file=sys.stderr)
        return failed.code
    told = {
        "embedded_redis": settings.redis_url is None,
        "redis": mask_password(settings.redis_url or ""),
        "database": mask_password(settings.store_url),
        "definitions": str(settings.definitions_dir),
        "host": settings.host,
        "port": settings.port,
        "worker_seconds": settings.grace_seconds + MARGIN_SECONDS,
        # One child process is enough until somebody says otherwise: each further one costs 50 MB while it waits.
        "processes": settings.processes if "processes" in settings.model_fields_set else 1,
        "threads": settings.threads,
        "log_level_set": "log_level" in settings.model_fields_set,
    }
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
