"""Imported jobs as text: the report for people, and definitions as YAML that carries its report in comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rota.pydio.report import Converted
from rota.writing import to_yaml

_TITLES = (("carried", "carried over"), ("changed", "changed in meaning"), ("lost", "not carried over"))


def report_lines(job: Converted) -> Iterator[str]:
    """Yield the report of one job, line by line."""
    yield _printable(f"{job.id}: {_verdict(job)}")
    for kind, title in _TITLES:
        notices = [notice for notice in job.notices if notice.kind == kind]
        if notices:
            yield f"  {title}"
        for notice in notices:
            todo = f" \N{RIGHTWARDS ARROW} {notice.todo}" if notice.todo else ""
            said = " becomes" if kind == "carried" else ":"
            yield _printable(f"    {notice.place}{said} {notice.said}{todo}")
    for actor in job.missing_actors:
        yield f"  needs the actor {actor}, which is not installed here"


def as_file(job: Converted) -> str:
    """Return a definition as a YAML file, its report before it in comments."""
    comments = "".join(f"# {line}\n" for line in report_lines(job))
    return f"{comments}\n{to_yaml(job.definition or {})}"


def as_stream(jobs: Iterable[Converted]) -> str:
    """Return all jobs as one YAML text with a list under `jobs`, each after its report; those without one are told."""
    parts = []
    written = 0
    for job in jobs:
        parts += [f"# {line}\n" for line in report_lines(job)]
        if job.definition is not None:
            parts.append(to_yaml({"jobs": [job.definition]}).removeprefix("jobs:\n"))
            written += 1
        parts.append("\n")
    return f"jobs:\n{''.join(parts)}".rstrip() + "\n" if written else f"{''.join(parts)}jobs: []\n"


def _verdict(job: Converted) -> str:
    if job.definition is None:
        return "cannot be carried over"
    if job.is_whole:
        return f"is the job {job.name}"
    return f"is the job {job.name}, with something missing"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
