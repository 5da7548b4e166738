from __future__ import annotations

import msgspec
import pytest

from console import output
from console.api.permissions import HOOK, PERMISSIONS, PUBLIC, ROLES, rule_of
from console.api.problems import Problem, pointer, problem_of
from console.api.schema import make_document
from console.api.upcoming import next_ticks
from console.api.wording import schedule_words
from console.pages import wording
from console.pages.forms import Form
from rota import errors
from rota.jobs import Job
from store.tables.people import ROLES as STORED_ROLES


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ""),
        ("name", "/name"),
        ("steps[0].with.older_than", "/steps/0/with/older_than"),
        ("[2]", "/2"),
        ("params.a/b~c", "/params/a~1b~0c"),
    ],
)
def test_path_of_a_field_becomes_a_json_pointer(path: str, expected: str) -> None:
    assert pointer(path) == expected


def test_table_has_a_letter_for_every_role_that_the_store_knows() -> None:
    assert ROLES == STORED_ROLES
    for row, letters in PERMISSIONS.items():
        if letters in (PUBLIC, HOOK):
            continue
        assert len(letters) == len(ROLES), row
        assert set(letters) <= set("yo-"), row
        # Whoever may do more may do everything that the one below may.
        assert letters[4] == "y", row


def test_route_without_a_row_is_nobodys() -> None:
    with pytest.raises(KeyError):
        rule_of("GET", "/nothing")


@pytest.mark.parametrize("method", ["GET"])
def test_no_state_changes_on_get(method: str) -> None:
    changing = {"enable", "disable", "run", "cancel", "pause", "resume", "retry", "redrive", "sync", "logout"}
    for row in PERMISSIONS:
        path = row.removeprefix(f"{method} ")
        # What is also put is a thing that has the name of a deed.
        if path != row and f"PUT {path}" not in PERMISSIONS:
            assert row.rpartition("/")[2] not in changing, row


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotFound("x"), 404),
        (errors.Conflict("x"), 409),
        (errors.Refused("x"), 409),
        (errors.InvalidDefinition([]), 422),
        (errors.InvalidEvent("x"), 422),
        (errors.StoreUnavailable("postgres://user:pw@host"), 503),
        (errors.BusUnavailable("x"), 503),
    ],
)
def test_our_errors_have_their_status(error: Exception, status: int) -> None:
    problem = problem_of(error)

    assert problem is not None
    assert problem.status == status
    assert "pw@" not in problem.detail


def test_error_that_nobody_foresaw_is_no_problem_of_ours() -> None:
    assert problem_of(ValueError("x")) is None


def test_problem_is_written_as_rfc_9457_wants_it() -> None:
    answer = Problem(409, "why", name="refused", errors=[{"path": "a", "message": "b"}]).answer("/api/v1/x")

    assert answer.media_type == "application/problem+json"
    assert msgspec.json.decode(bytes(answer.body)) == {
        "type": "urn:rota:problem:refused",
        "title": "Conflict",
        "status": 409,
        "detail": "why",
        "instance": "/api/v1/x",
        "errors": [{"path": "a", "message": "b"}],
    }


def test_triggers_are_said_in_words_and_unknown_ones_as_they_are() -> None:
    assert schedule_words([{"every": "PT15M"}, {"event": "entry.*"}]) == ["every 15 minutes", "on entry.*"]
    assert schedule_words([{"moon": "full"}]) == ['{"moon":"full"}']


def test_next_ticks_of_all_triggers_are_merged() -> None:
    steps = [{"id": "a", "actor": "sleep"}]
    job = Job.model_validate({"name": "a", "triggers": [{"every": "PT1H"}, {"every": "PT40M"}], "steps": steps})

    ticks = next_ticks(job, 0, 4)

    assert [(tick.due[11:16], tick.index) for tick in ticks] == [("00:40", 1), ("01:00", 0), ("01:20", 1), ("02:00", 0)]


def test_document_describes_every_route_of_the_api_and_refers_to_nothing_missing() -> None:
    from console.api.app import create_app

    app = create_app(None)  # type: ignore[arg-type]
    document = make_document(app)

    described = {f"{method.upper()} {path}" for path, verbs in document["paths"].items() for method in verbs}
    assert {row for row in PERMISSIONS if "/api/v1/" in row} <= described
    assert not {row for row in described if not row.split()[1].startswith(("/api/", "/health/", "/metrics"))}
    schemas = set(document["components"]["schemas"])
    text = msgspec.json.encode(document).decode()
    named = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= schemas
    assert "ValidationError" not in text or "HTTPValidationError" in schemas


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (3_400_000, "3.4 MB"), (2e15, "2000.0 TB")]
)
def test_size_is_said_as_people_say_it(count: int, words: str) -> None:
    assert output.size(count) == words


def test_times_are_elements_that_a_script_may_reword() -> None:
    assert wording.when(0) == '<time datetime="1970-01-01T00:00:00.000+00:00">1 Jan 1970, 00:00:00 UTC</time>'
    assert wording.both(0).startswith("<time data-both ")
    assert "data-since" in wording.took(0, None)
    assert wording.took(0, 1500) == "<span>1.50 s</span>"
    assert wording.number(3000) == "3\N{NARROW NO-BREAK SPACE}000"


def test_form_takes_the_type_that_the_job_declares() -> None:
    params = {name: {"type": name} for name in ("string", "integer", "number", "boolean", "duration", "list", "object")}
    steps = [{"id": "a", "actor": "sleep"}]
    job = Job.model_validate({"name": "a", "params": params, "steps": steps})
    given = [
        ("string", "7"),
        ("integer", "7"),
        ("number", "7.5"),
        ("boolean", "true"),
        ("duration", " PT1S "),
        ("list", "[1]"),
        ("object", "x"),
    ]

    form = Form(tuple((f"param.{name}", text) for name, text in given) + (("param.unknown", "1"),))

    assert form.params(job) == {
        "string": "7", "integer": 7, "number": 7.5, "boolean": True, "duration": "PT1S", "list": [1], "object": "x"
    }  # fmt: skip
