"""Runs the programs that people open archives with; a test that needs a missing one is skipped."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_PATIENCE_SECONDS = 60


def run_tool(*command: str | Path, folder: Path | None = None) -> str:
    """Run a program, which must succeed, and give what it printed."""
    done = try_tool(*command, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def try_tool(*command: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program that may fail."""
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=_PATIENCE_SECONDS,
    )
