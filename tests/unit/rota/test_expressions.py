"""CEL and the templates that hold it."""

from __future__ import annotations

import pytest

from rota import expressions
from rota.expressions import ExpressionFailed, InvalidExpression, fill, has_expression

CONTEXT = {
    "params": {"older_than": "P30D", "n": 3, "paths": ["a", "b"], "deep": {"x": None}},
    "steps": {"one-two": {"result": {"removed": 5}}},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("params.n + 1", 4),
        ("params.n > 2 && has(params.older_than)", True),
        ("has(params.missing)", False),
        ("params.paths.filter(p, p != 'a')", ["b"]),
        ("steps['one-two'].result.removed", 5),
        ("timestamp('2026-01-01T00:00:00+01:00')", "2025-12-31T23:00:00.000Z"),
        ("duration('90m')", "PT1H30M"),
        ("{'a': [1, 2.5, null]}", {"a": [1, 2.5, None]}),
    ],
)
def test_an_expression_gives_json(text: str, value: object) -> None:
    assert expressions.compile(text).evaluate(CONTEXT) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 +", "character 4"),
        ("", "not a CEL expression"),
        ("'open", "not a CEL expression"),
        ("x" * 3000, "3000 characters"),
        ("a.map(b, b).map(c, c).map(d, d)", "3 macros"),
        ("(" * 900 + "1" + ")" * 900, "not a CEL expression"),
    ],
)
def test_what_is_not_an_expression_is_refused_before_it_runs(text: str, message: str) -> None:
    with pytest.raises(InvalidExpression, match=message):
        expressions.compile(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("params.missing", "no field 'missing'"),
        ("nothing", "Undefined"),
        ("1 / 0", "division by zero"),
        ("params.older_than > 3", "overload"),
        ("params.deep.x.y", "no fields"),
        ("b'ab'", "bytes"),
        ("9223372036854775807 + 1", "overflow"),
    ],
)
def test_what_cannot_be_evaluated_says_why(text: str, message: str) -> None:
    with pytest.raises(ExpressionFailed, match=message):
        expressions.compile(text).evaluate(CONTEXT)


def test_macros_do_not_go_through_long_lists() -> None:
    once = expressions.compile("event.data.exists(x, x > 3)")
    twice = expressions.compile("event.data.map(x, event.data.map(y, x + y))")
    plain = expressions.compile("event.data.size()")

    assert once.evaluate({"event": {"data": list(range(1000))}}) is True
    assert plain.evaluate({"event": {"data": list(range(5000))}}) == 5000
    for expression, length in ((once, 1001), (twice, 101)):
        with pytest.raises(ExpressionFailed, match=f"list of {length} entries"):
            expression.evaluate({"event": {"data": {"inner": [list(range(length))]}}})


def test_a_condition_is_true_or_false_and_nothing_else() -> None:
    assert expressions.compile("params.n == 3").holds(CONTEXT) is True
    with pytest.raises(ExpressionFailed, match="not true or false"):
        expressions.compile("params.n").holds(CONTEXT)


def test_an_expression_knows_what_it_reads() -> None:
    expression = expressions.compile("params.a + params . b + 'params.c' + x.params.d + steps.e.map(z, z + params.f)")

    assert expression.names == {"params", "steps", "x"}
    assert expression.fields_of("params") == {"a", "b", "f"}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("${params.n}", 3),
        ("${params.paths}", ["a", "b"]),
        (" ${params.n}", " 3"),
        ("n=${params.n}, paths=${params.paths}", 'n=3, paths=["a","b"]'),
        ("${params.deep.x}", None),
        ("$${params.n}", "${params.n}"),
        ("a$${b}${params.n}", "a${b}3"),
        ("cost: $5 {x}", "cost: $5 {x}"),
        ("${{'a': {'b': 1}}.a.b}", 1),
        ("${'}' + params.older_than}", "}P30D"),
        ({"deep": ["${params.n}", {"x": "${params.older_than}"}], "n": 1}, {"deep": [3, {"x": "P30D"}], "n": 1}),
        ("", ""),
    ],
)
def test_templates_are_filled(template: object, filled: object) -> None:
    assert fill(template, CONTEXT) == filled


@pytest.mark.parametrize("text", ["${", "${params.n", "a ${'}", "${}"])
def test_a_template_that_is_not_closed_is_refused(text: str) -> None:
    with pytest.raises(InvalidExpression):
        fill(text, CONTEXT)


def test_what_an_expression_gives_is_not_filled_again() -> None:
    assert fill("${params.x}", {"params": {"x": "${params.y}"}}) == "${params.y}"


def test_deep_templates_are_refused() -> None:
    template: object = "x"
    for _ in range(40):
        template = [template]

    with pytest.raises(ExpressionFailed, match="deeper"):
        fill(template, {})


def test_templates_hold_a_bounded_number_of_expressions() -> None:
    assert fill("${1}" * 500, {}) == "1" * 500
    with pytest.raises(ExpressionFailed, match="more than 500"):
        fill(["${1}"] * 501, {})


def test_only_text_with_a_real_expression_has_one() -> None:
    assert has_expression("a ${params.n}")
    assert not has_expression("a $${params.n}")
    assert not has_expression("a")


def test_following_names_needs_no_library_and_gives_what_the_library_gives():
    import cel

    context = {"params": {"a": {"b": [1, {"c": None}], "text": "x"}, "n": 3}}
    for text in ("params.a", "params.a.b", "params.a.text", "params.n"):
        assert expressions.compile(text).evaluate(context) == cel.compile(text).execute(context)
        assert expressions.compile(text).names == {"params"}


@pytest.mark.parametrize("text", ["params.missing", "params.n.deeper", "params.a.b.c"])
def test_a_name_that_leads_nowhere_is_told(text):
    with pytest.raises(expressions.ExpressionFailed):
        expressions.compile(text).evaluate({"params": {"n": 3, "a": {"b": []}}})
