"""What an idle `rota up` costs: processor time and resident memory of all its processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

_SETTLE_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Share of one core over the time of watching, and bytes by process: resident, and with shared pages shared out."""

    core_share: float
    resident: dict[str, int]
    proportional: dict[str, int]

    def table(self) -> str:
        """Return a Markdown table."""
        sizes = [(name, size, self.proportional[name]) for name, size in self.resident.items()]
        total = (f"all, {self.core_share:.2%} of one core", *(sum(size[n] for size in sizes) for n in (1, 2)))
        rows = [f"| {name} | {rss / 1e6:.0f} MB | {pss / 1e6:.0f} MB |" for name, rss, pss in (*sizes, total)]
        return "\n".join(["| process | resident | shared pages shared out |", "| --- | --- | --- |", *rows])


def measure_idle(*, seconds: float) -> Idle:
    """Start `rota up` on a small folder, let it settle, and watch it for some seconds."""
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as folder:
        files = Path(folder) / "files"
        files.mkdir()
        for n in range(100):
            (files / f"{n}.txt").write_text("a file\n")
        arguments = ["-m", "console.main", "up", str(files), "--state", str(Path(folder) / "state"), "--port", "0"]
        process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=dict(os.environ))
        try:
            time.sleep(_SETTLE_SECONDS)
            everyone = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            before = sum(_seconds(one) for one in everyone)
            time.sleep(seconds)
            used = sum(_seconds(one) for one in everyone) - before
            resident = {f"{_name(one)} ({one.pid})": one.memory_info().rss for one in everyone}
            proportional = {f"{_name(one)} ({one.pid})": one.memory_full_info().pss for one in everyone}
        finally:
            process.terminate()
            process.wait(60)
    return Idle(core_share=used / seconds, resident=resident, proportional=proportional)


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _name(process: psutil.Process) -> str:
    words = [Path(word).name for word in process.cmdline() if not word.startswith("-")]
    return " ".join(words[1:4]) if words and words[0].startswith("python") else " ".join(words[:1])
