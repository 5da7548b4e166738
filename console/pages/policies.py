"""The rules of a job in words: those that differ from what holds where nothing is said."""

from __future__ import annotations

from rota.jobs import CatchUp, Concurrency, Job, Overlap, Rate, Retries, Step
from rota.schedules import duration_words
from rota.times import duration_ms

#: What each of them does when no further run may be open.
OVERLAP_WORDS: dict[Overlap, str] = {
    "skip": "a further run is skipped",
    "buffer_one": "one further run waits for its turn, more are skipped",
    "buffer_all": "further runs wait for their turn, in order",
    "cancel_other": "a further run cancels the one before and takes its place",
    "terminate_other": "a further run ends the one before at once and takes its place",
    "allow_all": "any number of runs may be open at once",
}


def rules_of(job: Job) -> list[tuple[str, str]]:
    """Return what each rule is about, and what it says; empty when all is as usual."""
    told: list[tuple[str, str]] = []
    if job.overlap != "skip" or job.concurrency is not None:
        told.append(("Overlap", _overlap(job.overlap, job.concurrency)))
    if job.rate is not None:
        told.append(("Rate", _rate(job.rate)))
    if job.catch_up.model_dump() != CatchUp().model_dump():
        told.append(("Missed ticks", _catch_up(job.catch_up)))
    told += [("Retries", words) for step in job.steps if (words := _retries(step, alone=len(job.steps) == 1))]
    if job.pause_after_failures is not None:
        times = job.pause_after_failures
        told.append(("Failures", f"disabled after {times} in a row" if times > 1 else "disabled after the first"))
    if duration_ms(job.jitter):
        told.append(("Jitter", f"starts up to {_length(job.jitter)} after it is due"))
    if job.timeout is not None:
        told.append(("Time limit", f"a run ends after {_length(job.timeout)}"))
    if job.late_after is not None:
        told.append(("Late", f"when a run has not ended after {_length(job.late_after)}"))
    if job.priority != "normal":
        told.append(("Priority", job.priority))
    return told


def _overlap(overlap: Overlap, concurrency: Concurrency | None) -> str:
    if concurrency is None:
        return f"{OVERLAP_WORDS[overlap]}{'' if overlap == 'allow_all' else ': one is open at a time'}"
    most = "one run is" if concurrency.limit == 1 else f"{concurrency.limit} runs are"
    whose = f" with the key {concurrency.key}" if concurrency.key else ""
    # Where all may overlap, only the key holds them back: nothing is lost.
    beyond = OVERLAP_WORDS["buffer_all" if overlap == "allow_all" else overlap]
    return f"at most {most} open at once{whose}; {beyond}"


def _rate(rate: Rate) -> str:
    starts = "one start" if rate.limit == 1 else f"{rate.limit} starts"
    whose = f" with the key {rate.key}" if rate.key else ""
    over = "what is over it waits for its turn" if rate.over == "wait" else "what is over it is skipped"
    return f"at most {starts} within {_length(rate.period)}{whose}; {over}"


def _catch_up(catch_up: CatchUp) -> str:
    if catch_up.policy == "skip":
        return "none of them runs later"
    window = f"of the last {_length(catch_up.window)}"
    if catch_up.policy == "last":
        return f"the last one runs later, if it is {window}"
    return f"all {window} run later, at most {catch_up.limit}"


def _retries(step: Step, *, alone: bool) -> str:
    retries: Retries = step.retries
    if retries.max == 0:
        return ""
    times = "once more" if retries.max == 1 else f"up to {retries.max} more times"
    wait = "at once" if duration_ms(retries.backoff) == 0 else f"after {_length(retries.backoff)}"
    grows = retries.max > 1 and retries.factor > 1 and duration_ms(retries.backoff) > 0
    longer = f", then each time {retries.factor:g} times later, at most {_length(retries.max_backoff)}" if grows else ""
    what = "a failed attempt" if alone else f"a failed attempt of {step.id}"
    return f"{what} is tried {times}, {wait}{longer}"


def _length(text: str) -> str:
    """Return a duration in words that can follow `within` and `after`: `1 minute`, not `minute`."""
    words = duration_words(text)
    return words if words[:1].isdigit() else f"1 {words}"
