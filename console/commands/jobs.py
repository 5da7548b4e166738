"""`rota jobs`: list, show, apply, run, switch and delete jobs."""

from __future__ import annotations

import argparse
import json
from typing import Any

from console.client import Client, open_client, segment
from console.commands import job_definitions, job_times
from console.connection import add_connection_options
from console.exits import CommandFailed, ExitCode
from console.output import add_json_option, local_time, print_fields, print_json, print_table, say
from console.verbs import add_verb


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs and their options."""
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    listing = add_verb(verbs, "list", "list jobs by name", _list, add_connection_options, add_json_option)
    listing.add_argument("--kind", choices=("system", "user"), help="only jobs of this kind")
    listing.add_argument("--owner", metavar="NAME", help="only jobs of this owner")
    switch = listing.add_mutually_exclusive_group()
    switch.add_argument("--enabled", action="store_const", const=True, dest="enabled", help="only enabled jobs")
    switch.add_argument("--disabled", action="store_const", const=False, dest="enabled", help="only disabled jobs")
    listing.add_argument("-q", metavar="TEXT", help="only jobs with this text in name or label")
    _named(add_verb(verbs, "show", "show a job with its definition", _show, add_connection_options, add_json_option))
    job_definitions.configure(verbs)
    _configure_run(add_verb(verbs, "run", "run a job now", _run, add_connection_options, add_json_option))
    for word in ("enable", "disable"):
        switching = add_verb(verbs, word, f"{word} jobs", _switch, add_connection_options)
        switching.add_argument("names", metavar="JOB", nargs="+")
        switching.set_defaults(word=word)
    _named(add_verb(verbs, "delete", "delete a job; its history stays", _delete, add_connection_options))
    job_times.configure(verbs)


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="JOB", help="name of the job")


def _configure_run(parser: argparse.ArgumentParser) -> None:
    _named(parser)
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a run parameter that the job declares; the value is JSON, or text where it is none (may be repeated)",
    )
    parser.add_argument("--key", metavar="KEY", help="idempotency key: the same key starts the job only once")
    parser.add_argument("--wait", action="store_true", help="wait for the end; exit 0 only if the run succeeded")
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="with --wait: give up after this long (exit 124)"
    )


def _list(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        query = {"kind": options.kind, "owner": options.owner, "enabled": options.enabled, "q": options.q}
        jobs = list(client.items("/jobs", **query))
        if options.json:
            print_json(jobs)
            return ExitCode.OK
        print_table(
            ("name", "label", "owner", "trigger", "last run", "status", "next run"),
            [_row(job) for job in jobs],
            empty="no job matches" if any(value is not None for value in query.values()) else "no jobs yet",
        )
        return ExitCode.OK


def _row(job: dict[str, Any]) -> tuple[object, ...]:
    last = job["last_run"] or {}
    trigger = "; ".join(job["schedule"]) or "manual"
    status = (last.get("state") or "never ran") if job["enabled"] else "disabled"
    return (
        job["name"],
        job["label"],
        job["owner"],
        trigger,
        local_time(last.get("ended_at")),
        status,
        local_time(job["next_due"]),
    )


def _show(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        job = client.get(f"/jobs/{segment(options.name)}")
    if options.json:
        print_json(job)
        return ExitCode.OK
    last = job["last_run"] or {}
    told = ("name", "label", "owner", "kind", "enabled", "version", "last_run", "next_due", "schedule", "source")
    definition = {
        name: value for name, value in job.items() if name not in (*told, "updated_at", "author", "enabled_reason")
    }
    print_fields(
        [
            ("name", job["name"]),
            ("label", job["label"]),
            ("owner", f"{job['owner']} ({job['kind']} job)"),
            ("enabled", "yes" if job["enabled"] else f"no {job['enabled_reason'] or ''}".rstrip()),
            ("trigger", "\n".join(job["schedule"]) or "manual"),
            ("next run", local_time(job["next_due"])),
            ("last run", f"{local_time(last.get('ended_at'))} {last['state']} ({last['id']})" if last else None),
            ("version", f"{job['version']}, from {job['source']}"),
            ("definition", json.dumps(definition, indent=2, ensure_ascii=False)),
        ]
    )
    return ExitCode.OK


def _run(options: argparse.Namespace) -> int:
    body = {"params": dict(_parameter(given) for given in options.param)}
    headers = {"Idempotency_Key": options.key} if options.key else {}
    with open_client(options) as client:
        started = client.post(f"/jobs/{segment(options.name)}/run", body, **headers)
        if options.wait:
            return _follow(client, started["run"], options)
    if options.json:
        print_json(started)
    else:
        print(started["run"])
    if started["state"] == "skipped":
        say(f"skipped: {started['reason']}")
        return ExitCode.REFUSED
    if started["reason"]:
        say(started["reason"])
    return ExitCode.OK


def _follow(client: Client, run_id: str, options: argparse.Namespace) -> int:
    from console.following import wait_for_end

    run = wait_for_end(client, run_id, timeout=options.timeout)
    if options.json:
        print_json(run)
    else:
        print(run["id"], run["state"])
    if run["error"]:
        say(f"{run['error']['type']}: {run['error']['message']}")
    elif run["reason"]:
        say(run["reason"])
    return ExitCode.OK if run["state"] == "succeeded" else ExitCode.FAILED


def _parameter(given: str) -> tuple[str, Any]:
    name, separator, value = given.partition("=")
    if not separator or not name:
        raise CommandFailed(f"--param {given!r} is not NAME=VALUE", ExitCode.USAGE)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _switch(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        answer = client.post(f"/jobs:{options.word}", {"names": options.names})
    for name in options.names:
        say(f"{name}: {options.word}d" if name in answer["changed"] else f"{name}: is {options.word}d already")
    return ExitCode.OK


def _delete(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        client.ask("DELETE", f"/jobs/{segment(options.name)}")
    say(f"{options.name}: deleted")
    return ExitCode.OK
