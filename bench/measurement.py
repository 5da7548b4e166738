"""What a benchmark hands back, and the table that shows it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One figure, or pair of figures, of one contender.

    Either `per_second` is given, or `p50_ms` and `p99_ms`. `what` groups the contenders that are compared.
    """

    what: str
    name: str
    version: str
    per_second: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    note: str = ""


def median_of(rounds: Sequence[Measurement]) -> Measurement:
    """Return the round in the middle; with an even number of them, the slower one of the two."""

    return sorted(rounds, key=_speed)[(len(rounds) - 1) // 2]


def best_by_name(measured: Iterable[Measurement]) -> list[Measurement]:
    """Return one measurement a name: the best, where a contender was set up in several ways."""
    best: dict[str, Measurement] = {}
    for one in sorted(measured, key=_speed):
        best[one.name] = one
    return list(best.values())


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that `percent` of 100 do not exceed."""
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def table(measured: Iterable[Measurement], *, baseline: str) -> str:
    """Return a Markdown table; the last column but one compares with the contender named `baseline`.

    A ratio above 1 is always better than the baseline: more in a second, or fewer milliseconds.
    """
    rows = list(measured)
    base = next((row for row in rows if row.name == baseline), None)
    lines = [["", "version", *_columns(rows), f"x {baseline}", "note"]]
    for row in sorted(rows, key=_speed, reverse=True):
        figures = [_number(value) for value in _figures(row)]
        lines.append([row.name, row.version, *figures, _ratio(row, base), row.note])
    return _aligned(lines)


def _speed(measured: Measurement) -> float:
    return measured.per_second if measured.per_second is not None else -(measured.p50_ms or 0.0)


def _columns(rows: Sequence[Measurement]) -> list[str]:
    return ["per second"] if rows[0].per_second is not None else ["p50 ms", "p99 ms"]


def _figures(row: Measurement) -> list[float | None]:
    return [row.per_second] if row.per_second is not None else [row.p50_ms, row.p99_ms]


def _ratio(row: Measurement, base: Measurement | None) -> str:
    if base is None:
        return ""
    if row.per_second is not None and base.per_second:
        return f"{row.per_second / base.per_second:.2f}"
    if row.p50_ms and base.p50_ms:
        return f"{base.p50_ms / row.p50_ms:.2f}"
    return ""


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in (lines[0], rule, *lines[1:])
    )
