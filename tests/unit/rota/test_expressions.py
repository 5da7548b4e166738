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
        ("(" * 900 + "1" + ")" * 900, "nested deeper than 24 levels"),
        ("a.repeat(3)", "no function repeat; allowed are all, bytes, contains"),
        ("a.matches(b)", "needs its pattern written out"),
        ("[1].all(x, )", "not a CEL expression"),
    ],
)
def test_what_is_not_an_expression_is_refused_before_it_runs(text: str, message: str) -> None:
    with pytest.raises(InvalidExpression, match=message):
        expressions.compile(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("params.missing", "no field 'missing'"),
        ("nothing", "no field 'nothing'"),
        ("nothing + 1", "Undefined"),
        ("1 / 0", "division by zero"),
        ("params.older_than > 3", "overload"),
        ("params.deep.x.y", "no fields"),
        ("b'ab'", "bytes"),
        ("9223372036854775807 + 1", "overflow"),
    ],
)
def test_what_cannot_be_evaluated_says_why(text: str, message: str) -> None:
    with pytest.raises(expressions.ExpressionFailed, match=message):
        expressions.compile(text).evaluate(CONTEXT)


def test_only_what_is_read_is_given_to_the_library() -> None:
    bulky = {"n": 1, "blob": ["x"] * 1_000_000}

    assert expressions.compile("event.data.n + 1").evaluate({"event": {"data": bulky}}) == 2
    assert expressions.compile("events.all(e, e.data.n == 1)").evaluate({"events": [{"data": bulky}] * 500}) is True


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("has(data.list) && !has(data.none)", True),
        ("has(data.map.none.deeper)", ExpressionFailed),
        ("data.list.size() + data.map.size() + data.list[0].a", 5),
        ("data.map == {'k': 1, 'l': {'m': 2}}", True),
        ("data.map['l'].m + data.map.l['m']", 4),
        ("data.map[data.key]", 1),
        ("data.map.map(k, k).size()", 2),
        ("data.map.exists(k, data.map[k] == 1)", True),
        ("'k' in data.map && !('x' in data.map)", True),
        ("data.list.filter(x, x.a > 1)", [{"a": 2, "b": 3}]),
        ("data.list.filter(x, x.a > 1)[0].b", 3),
        ("data.list.filter(x, x.a > 1).map(x, x.b)", [3]),
        ("data.list.map(data, data.a)", [1, 2]),
        ("data.list.map(x, data.list.map(y, x.a + y.a))", [[2, 3], [3, 4]]),
        ("[data.list, [data.list]].size()", 2),
        ("(data.key == 'k' ? data.list : []).map(x, x.b)", [2, 3]),
        ("data.nothing == null", True),
        ("data.key.a", ExpressionFailed),
        ("data.list.a", ExpressionFailed),
        ("{'a': data.list}.a[1].b", 3),
    ],
)
def test_what_is_read_of_a_value_is_enough_of_it(text: str, value: object) -> None:
    import cel

    data = {"list": [{"a": 1, "b": 2}, {"a": 2, "b": 3}], "map": {"k": 1, "l": {"m": 2}}, "key": "k", "nothing": None}
    if value is ExpressionFailed:
        with pytest.raises(ExpressionFailed):
            expressions.compile(text).evaluate({"data": data})
    else:
        assert expressions.compile(text).evaluate({"data": data}) == value == cel.compile(text).execute({"data": data})


def test_names_that_macros_bind_need_not_be_given() -> None:
    assert expressions.compile("a.map(x, x + y).exists(x, x == z)").names == {"a", "y", "z"}
    assert expressions.compile("a.map(x, x) + [x]").names == {"a", "x"}


def test_a_condition_is_true_or_false_and_nothing_else() -> None:
    assert expressions.compile("params.n == 3").holds(CONTEXT) is True
    with pytest.raises(expressions.ExpressionFailed, match="not true or false"):
        expressions.compile("params.n").holds(CONTEXT)


def test_an_expression_knows_what_it_reads() -> None:
    expression = expressions.compile("params.a + params . b + 'params.c' + x.params.d + steps.e.map(z, z + params.f)")

    assert expression.names == {"params", "steps", "x"}
    assert expression.fields_of("params") == {"a", "b", "f"}
    assert expressions.compile("steps['one-two'].result").fields_of("steps") == {"one-two"}


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

    with pytest.raises(expressions.ExpressionFailed, match="deeper"):
        fill(template, {})


def test_templates_hold_a_bounded_number_of_expressions() -> None:
    assert fill("${1}" * 500, {}) == "1" * 500
    with pytest.raises(expressions.ExpressionFailed, match="more than 500"):
        fill(["${1}"] * 501, {})


def test_only_text_with_a_real_expression_has_one() -> None:
    assert has_expression("a ${params.n}")
    assert not has_expression("a $${params.n}")
    assert not has_expression("a")


def test_following_names_needs_no_library_and_gives_what_the_library_gives() -> None:
    import cel

    context = {"params": {"a": {"b": [1, {"c": None}], "text": "x"}, "n": 3}}
    for text in ("params.a", "params.a.b", "params.a.text", "params.n"):
        assert expressions.compile(text).evaluate(context) == cel.compile(text).execute(context)
        assert expressions.compile(text).names == {"params"}


def test_looking_for_a_text_among_texts_needs_no_library_and_gives_what_the_library_gives() -> None:
    for one, many in (("a", ["a", "b"]), ("c", ["a"]), ("a", []), (1, [1.0]), ("a", ["b", 1]), ("k", {"k": 2})):
        context = {"params": {"one": one}, "datasources": many}
        expression = expressions.compile("params.one in datasources")

        found = expression.evaluate(context)

        assert found == expressions.compile("(params.one in datasources)").evaluate(context), (one, many)
        is_of_texts = isinstance(many, list) and all(isinstance(each, str) for each in (one, *many))
        assert (expression._evaluator is None) == is_of_texts  # noqa: SLF001 -- that it was not loaded is the point
    assert expressions.compile("true in [true]").evaluate({}) is True
    with pytest.raises(expressions.ExpressionFailed, match="missing|none"):
        expressions.compile("params.none in datasources").evaluate({"params": {}, "datasources": []})


@pytest.mark.parametrize("text", ["params.missing", "params.n.deeper", "params.a.b.c"])
def test_a_name_that_leads_nowhere_is_told(text: str) -> None:
    with pytest.raises(expressions.ExpressionFailed):
        expressions.compile(text).evaluate({"params": {"n": 3, "a": {"b": []}}})
