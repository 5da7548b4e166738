"""The examples of docs/schedules.md are what the code answers: jobs, due times, words and tables."""

from __future__ import annotations

import re
from datetime import timedelta
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from actors.registry import load_registry
from rota.crons import parse_cron
from rota.definitions import parse_definition
from rota.jobs import CatchUp, Job
from rota.loaders import load_yaml
from rota.schedules import due_between, jittered, next_due, upcoming
from rota.times import HOUR_MS, MINUTE_MS, parse_rfc3339, rfc3339, to_datetime
from rota.triggers import CronTrigger, trigger_key
from scheduler.timing.catch_up import decide

PAGE = (Path(__file__).parents[2] / "docs/schedules.md").read_text(encoding="utf-8")
MIDNIGHT = parse_rfc3339("2026-01-01T00:00:00Z")


def blocks() -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def job(text: str) -> Job:
    return parse_definition(
        load_yaml(text, source="docs/schedules.md"), source="docs/schedules.md", actors=load_registry()
    )


def job_named(name: str) -> Job:
    (text,) = [block for block in blocks() if f"name: {name}\n" in block]
    return job(text)


def rows(after: str) -> list[list[str]]:
    """The rows of the first table after a text, without its head."""
    _, _, rest = PAGE.partition(after)
    table = re.search(r"^\|.*?\n(?=\n|\Z)", rest, flags=re.MULTILINE | re.DOTALL)
    assert table is not None, f"no table after {after}"
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table[0].splitlines()]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def ticks(of: Job, after: int, count: int) -> list[list[str]]:
    """The next ticks of a job as its table has them."""
    due = [
        [(at, n) for at in upcoming(trigger, after, count, gap=of.dst.gap, fold=of.dst.fold)]
        for n, trigger in enumerate(of.triggers)
    ]
    return [[short(at), wall(at, of.triggers[n])] for at, n in islice(merge(*due), count)]


def short(at: int) -> str:
    return rfc3339(at).replace(".000Z", "Z")


def wall(at: int, trigger: Any) -> str:
    clock = to_datetime(at).astimezone(ZoneInfo(getattr(trigger, "timezone", "UTC")))
    return clock.strftime("%a %Y-%m-%d %H:%M:%S").removesuffix(":00")


NEXT = re.findall(r"^```yaml\n([^`]*?)^```\n\n(Next after (\S+?Z)(.*?):)\n", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("text", "line", "after", "more"), NEXT, ids=lambda text: text.split("\n")[0][:40])
def test_documented_job_is_due_as_its_table_says(text: str, line: str, after: str, more: str) -> None:
    expected = rows(f"{text}```\n\n{line}")
    never_again = "never again" in more

    assert ticks(job(text), parse_rfc3339(after), len(expected) + (5 if never_again else 0)) == expected


def test_every_documented_job_is_valid_and_all_but_two_have_a_table() -> None:
    jobs = [job(text) for text in blocks()]

    assert len({each.name for each in jobs}) == len(jobs) == len(NEXT) + 2


def test_documented_changes_of_the_clocks_are_those_of_the_code() -> None:
    for expression, dst, *days in rows("the values above are what a job has without it"):
        rules = {key: value for key, _, value in (part.partition(": ") for part in dst.strip("`").split(", "))}
        if dst == "any":
            rules = {"gap": "run_after", "fold": "first"}
        trigger = CronTrigger(cron=expression.strip("`"), timezone="Europe/Paris")
        for day, expected in zip(("2026-03-29", "2026-10-25"), days, strict=True):
            start = parse_rfc3339(f"{day}T00:00:00Z")
            due = due_between(trigger, start, start + 12 * HOUR_MS, **rules)
            assert ", ".join(f"{rfc3339(at)[11:16]}Z" for at in due) == expected.replace("never", ""), (expression, dst)


def test_documented_rules_are_those_of_a_job_that_names_none() -> None:
    plain = job_named("look-often")

    assert job_named("at-night").dst == plain.dst
    assert job_named("hourly").catch_up == plain.catch_up


def test_documented_jitter_is_the_delay_of_the_code() -> None:
    spread = job_named("spread")
    key = trigger_key(spread.triggers[0])

    for due, starts in rows("name: spread"):
        assert rfc3339(jittered(spread.name, key, parse_rfc3339(due), spread.jitter_ms)) == starts


def test_documented_policies_for_missed_ticks_are_those_of_the_scheduler() -> None:
    trigger = job_named("hourly").triggers[0]
    first, now = MIDNIGHT + 2 * HOUR_MS, MIDNIGHT + 5 * HOUR_MS + 30 * MINUTE_MS

    for policy, starts, skipped in rows("If nobody was there from 01:30 to 05:30"):
        rules = CatchUp.model_validate(load_yaml(f"{{{policy.strip('`')}}}", source=policy))
        decision = decide(first, now, lambda after: next_due(trigger, after), rules, start=first)
        assert listed(decision.runs) == starts, policy
        assert listed([skip.due for skip in decision.skips]) == skipped, policy


def listed(due: Any) -> str:
    return ", ".join(rfc3339(at)[11:16] for at in due) or "none"


SPANS = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL))
EXPRESSIONS = sorted({span for span in SPANS if re.fullmatch(r"[\d*]\S*( \S+){4}", span)})


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_documented_expressions_are_accepted_but_for_the_one_that_never_comes(expression: str) -> None:
    if expression == "0 0 30 2 *":
        with pytest.raises(ValueError, match="never comes"):
            parse_cron(expression)
        return

    assert parse_cron(expression).next_local(0) is not None


def test_documented_macros_are_all_there_are() -> None:
    named = set(re.findall(r"`(@\w+)`", PAGE))
    with pytest.raises(ValueError, match="allowed are") as refused:
        parse_cron("@never")

    known = set(re.findall(r"@\w+", str(refused.value))) - {"@never"}
    assert named == known | {"@every", "@reboot"}


def test_documented_hours_over_midnight_belong_to_one_date() -> None:
    monday = parse_rfc3339("2026-05-04T00:00:00Z")
    due = due_between(CronTrigger(cron="0 22-4 * * MON"), monday, monday + 7 * 24 * HOUR_MS)

    hours = [(at - monday) // HOUR_MS for at in due]
    assert hours == [0, 1, 2, 3, 4, 22, 23]
    assert to_datetime(due[-1]) - to_datetime(due[0]) < timedelta(days=1)
