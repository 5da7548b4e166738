"""What Prometheus gets from the console: which version answers.

The figures of the fleet come from the schedulers, those of the work from the workers: each once, so that nothing is
counted twice.
"""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version

from rota.metrics import BUILD_INFO

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@cache
def exposition() -> str:
    """Return the metrics in Prometheus' text format."""
    values = (version("rota"), platform.python_version(), version("dramatiq"))
    labels = ",".join(f'{name}="{value}"' for name, value in zip(BUILD_INFO.labels, values, strict=True))
    return (
        f"# HELP {BUILD_INFO.name} {BUILD_INFO.help}\n# TYPE {BUILD_INFO.name} gauge\n{BUILD_INFO.name}{{{labels}}} 1\n"
    )
