"""Each kind of difference: once breaking, once listed as meant, once harmless."""

from typing import Any, NamedTuple

import pytest

from app.core.openapi_changes import incompatible, judge, listed

Json = dict[str, Any]
TEXT = {"type": "string"}
NULL = {"type": "null"}
PLACE = "POST /things"


def obj(required: tuple[str, ...] = (), **properties: Any) -> Json:
    return {"type": "object", "required": list(required), "properties": properties}


def document(
    request: Json | None = None, answer: Json | None = None, *, schemas: Json | None = None, **operation: Any
) -> Json:
    """One operation that sends and answers; what is given replaces the ordinary parts of it."""
    content = {"content": {"application/json": {"schema": answer or obj()}}}
    usual = {
        "operationId": "createThing",
        "parameters": [],
        "requestBody": {"content": {"application/json": {"schema": request or obj()}}},
        "responses": {"201": content},
    }
    return {
        "info": {"version": "1.0.0"},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": {"/things": {"post": usual | operation}},
        "components": {"schemas": schemas or {}, "securitySchemes": SCHEMES},
    }


SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "again": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic"},
}


def query(name: str = "q", **more: Any) -> Json:
    return {"parameters": [{"name": name, "in": "query", "schema": TEXT} | more]}


def body(**more: Any) -> Json:
    return {"requestBody": {"content": {"application/json": {"schema": obj()}}} | more}


def answers(**by_status: Json) -> Json:
    return {"responses": {status.removeprefix("s"): told for status, told in by_status.items()}}


class Case(NamedTuple):
    """`harmless` is a pair of documents that differ the other way round, or in a way that does not matter."""

    id: str
    old: Json
    new: Json
    harmless: tuple[Json, Json] | None = None


def one_way(id_: str, old: Json, new: Json) -> Case:
    """Breaking from old to new, harmless from new to old."""
    return Case(id_, old, new, (new, old))


def sent(id_: str, old: Json, new: Json) -> Case:
    return one_way(f"request-{id_}", document(obj(a=old)), document(obj(a=new)))


def told(id_: str, old: Json, new: Json) -> Case:
    return one_way(f"answer-{id_}", document(None, obj(a=old)), document(None, obj(a=new)))


def refs(*names: str, **more: Any) -> Json:
    return {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in names], **more}


AB = {"A": obj(x=TEXT), "B": obj(y=TEXT)}
NESTED = {"$ref": "#/components/schemas/A"}
WHERE = f"{PLACE} body.a"
BACK = f"{PLACE} 201.a"
CASES = [
    Case("server-removed /", document(), document() | {"servers": [{"url": "/api"}]},
         (document(), document() | {"servers": [{"url": "/"}, {"url": "/api"}]})),
    one_way(f"operation-removed {PLACE}", document(), document() | {"paths": {}}),
    Case(f"operation-removed {PLACE}", document(), document() | {"paths": {"/things": {"get": {}}}}),
    Case(f"operation-id-changed {PLACE}", document(), document(operationId="makeThing")),
    one_way(f"security-tightened {PLACE}", document(security=[]), document()),
    one_way(f"security-tightened {PLACE}", document(), document(security=[{"bearer": ["admin"]}])),
    one_way(f"security-tightened {PLACE}", document(security=[{"bearer": []}, {"basic": []}]), document()),
    Case(f"security-tightened {PLACE}", document(), document(security=[{"basic": []}]),
         (document(), document(security=[{"again": []}]))),
    one_way(f"parameter-removed {PLACE} query.q", document(**query()), document()),
    Case(f"parameter-required {PLACE} query.q", document(), document(**query(required=True)),
         (document(), document(**query()))),
    one_way(f"parameter-required {PLACE} query.q", document(**query()), document(**query(required=True))),
    Case(f"parameter-style-changed {PLACE} query.q", document(**query()), document(**query(explode=False)),
         (document(**query()), document(**query(description="told")))),
    one_way(f"request-narrowed {PLACE} query.q maxLength", document(**query()),
            document(**query(schema=TEXT | {"maxLength": 3}))),
    one_way(f"body-required {PLACE}", document(**body()), document(**body(required=True))),
    Case(f"body-required {PLACE}", document(requestBody=None), document(**body(required=True)),
         (document(requestBody=None), document(**body()))),
    one_way(f"body-removed {PLACE}", document(**body()), document(requestBody=None)),
    one_way(f"media-type-removed {PLACE} text/csv",
            document(**body(content={"application/json": {}, "text/csv": {}})),
            document(**body(content={"application/json": {}}))),
    one_way(f"media-type-removed {PLACE} 200 text/csv",
            document(**answers(s200={"content": {"application/json": {}, "text/csv": {}}})),
            document(**answers(s200={"content": {"application/json": {}}}))),
    one_way(f"status-removed {PLACE} 202", document(**answers(s201={}, s202={})), document(**answers(s201={}))),
    one_way(f"header-removed {PLACE} 201 ETag", document(**answers(s201={"headers": {"ETag": {}}})),
            document(**answers(s201={}))),
    one_way("request-property-removed " + WHERE, document(obj(a=TEXT)), document(obj())),
    one_way("request-property-required " + WHERE, document(obj(a=TEXT)), document(obj(("a",), a=TEXT))),
    Case("request-property-required " + WHERE, document(obj()), document(obj(("a",), a=TEXT)),
         (document(obj()), document(obj(a=TEXT)))),
    one_way("answer-property-removed " + BACK, document(None, obj(a=TEXT)), document(None, obj())),
    one_way("answer-property-optional " + BACK, document(None, obj(("a",), a=TEXT)), document(None, obj(a=TEXT))),
    sent("type-changed " + WHERE, {"type": "number"}, {"type": "integer"}),
    sent("type-changed " + WHERE, {}, TEXT),
    sent("type-changed " + WHERE, {"type": ["string", "integer"]}, TEXT),
    told("type-changed " + BACK, {"type": "integer"}, {"type": "number"}),
    told("type-changed " + BACK, TEXT, {}),
    Case("request-format-changed " + WHERE, document(obj(a=TEXT)), document(obj(a=TEXT | {"format": "uuid"}))),
    Case("answer-format-changed " + BACK, document(None, obj(a=TEXT)),
         document(None, obj(a=TEXT | {"format": "uuid"}))),
    sent("null-changed " + WHERE, {"anyOf": [TEXT, NULL]}, TEXT),
    sent("null-changed " + WHERE, {"type": ["string", "null"]}, {"type": ["string"]}),
    told("null-changed " + BACK, TEXT, {"anyOf": [TEXT, NULL]}),
    sent("value-removed " + WHERE + " red", {"enum": ["red", "green"]}, {"enum": ["green"]}),
    sent("value-removed " + WHERE + " 2", {"enum": [1, 2]}, {"const": 1}),
    sent("values-changed " + WHERE, TEXT, TEXT | {"enum": ["red"]}),
    told("value-added " + BACK + " green", {"enum": ["red"]}, {"enum": ["red", "green"]}),
    told("values-changed " + BACK, TEXT | {"enum": ["red"]}, TEXT),
    Case("answer-value-added " + BACK + " green", document(None, obj(a={"enum": ["red"]})),
         document(None, obj(a={"enum": ["red", "green"]})),
         (document(None, obj(a={"x-extensible-enum": ["red"]})),
          document(None, obj(a={"x-extensible-enum": ["red", "green"]})))),
    sent("narrowed " + WHERE + " minLength", TEXT, TEXT | {"minLength": 2}),
    sent("narrowed " + WHERE + " maximum", {"type": "integer", "maximum": 9}, {"type": "integer", "maximum": 8}),
    sent("narrowed " + WHERE + " pattern", TEXT, TEXT | {"pattern": "^a"}),
    sent("narrowed " + WHERE + " uniqueItems", {"type": "array"}, {"type": "array", "uniqueItems": True}),
    Case("request-narrowed " + WHERE + " minItems", document(obj(a={"type": "array"})),
         document(obj(a={"type": "array", "minItems": 1})),
         (document(None, obj(a={"type": "array"})), document(None, obj(a={"type": "array", "minItems": 1})))),
    Case("request-default-changed " + WHERE, document(obj(a=TEXT)), document(obj(a=TEXT | {"default": "x"})),
         (document(None, obj(a=TEXT)), document(None, obj(a=TEXT | {"default": "x"})))),
    sent("type-changed " + WHERE + "[]", {"type": "array", "items": {}}, {"type": "array", "items": TEXT}),
    sent("further-properties-changed " + WHERE, {"type": "object"}, {"type": "object", "additionalProperties": False}),
    sent("further-properties-changed " + WHERE, {"type": "object"}, {"type": "object", "additionalProperties": TEXT}),
    told("further-properties-changed " + BACK, {"type": "object", "additionalProperties": TEXT}, {"type": "object"}),
    sent("type-changed " + WHERE + "{}", {"additionalProperties": {"type": ["string", "integer"]}},
         {"additionalProperties": TEXT}),
    sent("pattern-removed " + WHERE + " ^a", {"patternProperties": {"^a": TEXT}}, {"patternProperties": {}}),
    sent("narrowed " + WHERE + "{^a} maxLength", {"patternProperties": {"^a": TEXT}},
         {"patternProperties": {"^a": TEXT | {"maxLength": 3}}}),
    one_way("request-property-removed A.x", document(obj(a=NESTED), schemas=AB),
            document(obj(a=NESTED), schemas=AB | {"A": obj()})),
    one_way("answer-property-removed A.x", document(None, obj(a={"anyOf": [NESTED, NULL]}), schemas=AB),
            document(None, obj(a={"anyOf": [NESTED, NULL]}), schemas=AB | {"A": obj()})),
    Case("request-class-renamed A B", document(NESTED, schemas={"A": obj()}),
         document({"$ref": "#/components/schemas/B"}, schemas={"B": obj()}),
         (document(NESTED, schemas={"A": obj()}), document(NESTED, schemas={"A": obj(), "B": obj()}))),
    Case("answer-class-renamed A B", document(None, NESTED, schemas={"A": obj()}),
         document(None, {"$ref": "#/components/schemas/B"}, schemas={"B": obj()})),
    one_way(f"request-variant-removed {PLACE} body B", document(refs("A", "B"), schemas=AB),
            document(refs("A"), schemas=AB)),
    one_way(f"answer-variant-added {PLACE} 201 B", document(None, refs("A"), schemas=AB),
            document(None, refs("A", "B"), schemas=AB)),
    one_way("request-property-removed A.x", document(refs("A", "B"), schemas=AB),
            document(refs("A", "B"), schemas=AB | {"A": obj()})),
    sent("variant-removed " + WHERE + " integer", {"anyOf": [TEXT, {"type": "integer"}]}, {"anyOf": [TEXT]}),
    Case(f"request-discriminator-changed {PLACE} body",
         document(refs("A", "B", discriminator={"propertyName": "kind"}), schemas=AB),
         document(refs("A", "B", discriminator={"propertyName": "type"}), schemas=AB)),
    Case(f"answer-discriminator-changed {PLACE} 201",
         document(None, refs("A", "B", discriminator={"propertyName": "kind"}), schemas=AB),
         document(None, refs("A", "B", discriminator={"propertyName": "type"}), schemas=AB)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_breaking_difference_is_told_with_its_id(case: Case) -> None:
    assert case.id in incompatible(case.old, case.new)
    assert incompatible(case.old, case.new) == incompatible(case.old, case.new)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_difference_that_is_listed_is_allowed_and_a_line_without_a_difference_is_not(case: Case) -> None:
    found = incompatible(case.old, case.new)
    lines = "".join(f"- `{id_}`：有意为之 it is meant\n" for id_ in found)
    assert judge(case.old, case.new, f"## [1.1.0]\n\n{lines}\n## [1.0.0]\n") == ((), ())
    assert judge(case.old, case.new, f"## [1.1.0]\n\n## [1.0.0]\n\n{lines}") == (tuple(found), ())
    assert judge(case.old, case.old, f"## [1.1.0]\n\n{lines}\n## [1.0.0]\n") == ((), tuple(found))


@pytest.mark.parametrize("case", [case for case in CASES if case.harmless], ids=lambda case: case.id)
def test_the_harmless_counterpart_is_not_told(case: Case) -> None:
    assert case.harmless is not None
    assert incompatible(*case.harmless) == []


def test_nothing_differs_from_itself() -> None:
    for case in CASES:
        assert incompatible(case.old, case.old) == []
        assert incompatible(case.new, case.new) == []


def test_every_rule_has_a_case_and_no_case_an_unknown_rule() -> None:
    rules = {case.id.partition(" ")[0] for case in CASES}
    assert len(rules) >= 33
    one_sided = {"request", "answer"}
    for side in one_sided:
        assert {
            f"{side}-{rule}" for rule in ("type-changed", "null-changed", "class-renamed", "values-changed")
        } <= rules


def test_a_class_is_told_once_whatever_uses_it() -> None:
    old = document(obj(a=NESTED, b=NESTED), schemas=AB)
    new = document(obj(a=NESTED, b=NESTED), schemas=AB | {"A": obj()})
    assert incompatible(old, new) == ["request-property-removed A.x"]


def test_a_class_that_holds_itself_ends() -> None:
    looped = {"Node": obj(next={"anyOf": [{"$ref": "#/components/schemas/Node"}, NULL]}, x=TEXT)}
    node = {"$ref": "#/components/schemas/Node"}
    cut = {"Node": obj(next={"anyOf": [{"$ref": "#/components/schemas/Node"}, NULL]})}
    assert incompatible(document(node, schemas=looped), document(node, schemas=cut)) == [
        "request-property-removed Node.x"
    ]


def test_referenced_parameters_responses_and_parts_of_allof_are_followed() -> None:
    old = document({"allOf": [NESTED, obj(z=TEXT)]}, schemas=AB, parameters=[{"$ref": "#/components/parameters/Q"}])
    new = document({"allOf": [NESTED, obj()]}, schemas=AB, parameters=[{"$ref": "#/components/parameters/Q"}])
    old["components"]["parameters"] = {"Q": query()["parameters"][0]}
    new["components"]["parameters"] = {"Q": query(required=True)["parameters"][0]}
    assert incompatible(old, new) == [f"parameter-required {PLACE} query.q", f"request-property-removed {PLACE} body.z"]


def test_only_lines_between_the_first_heading_and_the_released_one_count() -> None:
    text = (
        "- `a-b sample`\n## [3.0.0]\n- `a-b c`\n## [2.0.0]\n- `d-e f g`：因为\n - `not-a line`\n"
        "## [1.0.0] - 2027-01-01\n- `h-i j`\n"
    )
    assert listed(text, "1.0.0") == {"a-b c", "d-e f g"}
    assert listed(text, "2.0.0") == {"a-b c"}
    assert listed(text, "3.0.0") == set()
    assert listed(text, "0.9.0") == {"a-b c", "d-e f g", "h-i j"}
