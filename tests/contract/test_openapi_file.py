"""The committed API description is valid, and is what the program serves."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from openapi_spec_validator import validate

from app.core.errors import CATALOGUE
from app.core.openapi import operations
from app.core.openapi_changes import judge
from app.core.openapi_schemas import schemas_of

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "openapi" / "openapi.json"
RELEASED = ROOT / "openapi" / "released.json"
CHANGES = ROOT / "openapi" / "CHANGES.md"
DOCUMENT: dict[str, Any] = json.loads(COMMITTED.read_text(encoding="utf-8"))
BILINGUAL = re.compile(r"[\u4e00-\u9fff].* · .*[A-Za-z]")
# What nobody can answer on purpose, or no operation of the description is asked for.
EVERYWHERE = {"bad_request", "method_not_allowed", "internal_error"}
NOT_ANSWERED = {"masked_parameter"}


def test_the_committed_description_is_the_one_generated(app: FastAPI) -> None:
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == app.openapi(), "run `make openapi`"


def test_the_committed_description_is_valid_openapi() -> None:
    document = json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert document["openapi"].startswith("3.1")
    assert len(document["paths"]) > 50
    validate(document)


def test_every_write_names_what_it_needs() -> None:
    for path, method, operation in operations(DOCUMENT):
        named = {entry.get("$ref", entry.get("name", "")).rpartition("/")[2] for entry in operation["parameters"]}
        exempt = operation.get("x-idempotency") == "exempt"
        assert method != "post" or ("IdempotencyKey" in named) != exempt, path
        if method in {"put", "patch", "delete"} and operation["operationId"] not in {"signOut", "endSession"}:
            assert named & {"IfMatch", "IfMatchExisting"}, path


def test_every_operation_is_named_told_in_both_languages_and_under_a_heading() -> None:
    headings = {tag["name"] for tag in DOCUMENT["tags"]}
    assert all(BILINGUAL.search(tag["description"]) for tag in DOCUMENT["tags"])
    for _, _, operation in operations(DOCUMENT):
        assert re.fullmatch(r"[a-z][A-Za-z]+", operation["operationId"])
        assert BILINGUAL.search(operation["summary"]), operation["operationId"]
        assert set(operation["tags"]) <= headings
        assert len(operation["tags"]) == 1
        for parameter in operation["parameters"]:
            shown = DOCUMENT["components"]["parameters"].get(parameter.get("$ref", "").rpartition("/")[2], parameter)
            assert BILINGUAL.search(shown["description"]) or shown["name"] == "external_ref", shown
        for status, response in operation["responses"].items():
            assert BILINGUAL.search(response["description"]), (operation["operationId"], status)


def problems(operation: dict[str, Any]) -> dict[str, set[str]]:
    return {status: set(r["x-problem-codes"]) for status, r in operation["responses"].items() if "x-problem-codes" in r}


def test_every_operation_documents_what_it_can_refuse_under_the_right_status() -> None:
    for path, method, operation in operations(DOCUMENT):
        told = problems(operation)
        codes = set().union(*told.values())
        assert all(
            str(CATALOGUE[code].status) == status for status in told if status != "default" for code in told[status]
        )
        assert told["default"] == EVERYWHERE
        assert {"not_acceptable", "unknown_parameter"} <= codes
        assert ("unauthenticated" in codes) == (operation.get("security") != []), path
        assert ("not_found" in codes) or "{" not in path
        body = operation.get("requestBody", {}).get("content", {})
        assert not body or {"payload_too_large", "unsupported_media_type", "validation_failed"} <= codes
        assert ("malformed_json" in codes) == ("application/json" in body)
        named = {entry.get("$ref", "").rpartition("/")[2] for entry in operation["parameters"]}
        assert ("version_mismatch" in told.get("412", ())) == bool(
            named & {"IfMatch", "IfMatchExisting"}
        ) or method == "post"
        assert ("idempotency_key_required" in codes) == ("IdempotencyKey" in named)


def test_every_problem_code_is_documented_for_some_operation() -> None:
    told = {
        code for _, _, operation in operations(DOCUMENT) for codes in problems(operation).values() for code in codes
    }
    assert set(CATALOGUE) - told == NOT_ANSWERED


def test_every_enumeration_has_labels_and_a_name_for_each_code() -> None:
    seen = 0
    for schema in schemas_of(DOCUMENT):
        if "enum" in schema:
            assert len(schema["x-enum-varnames"]) == len(schema["x-enum-descriptions"]) == len(schema["enum"])
            seen += 1
    assert seen > 40


def test_instants_and_days_are_said_to_be_such_in_both_directions() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field, part in schema.get("properties", {}).items():
            kinds = [part, *part.get("anyOf", ())]
            if field.endswith("_at") and part != {"type": "null"}:
                assert any(kind.get("format") == "date-time" for kind in kinds), (name, field)
            if field.endswith("_on") and field != "source_document":
                assert any(kind.get("format") == "date" or kind.get("type") == "boolean" for kind in kinds), (
                    name,
                    field,
                )


def test_creating_leads_to_reading_and_drafting_to_the_first_step() -> None:
    links = DOCUMENT["paths"]["/v1/items"]["post"]["responses"]["201"]["links"]
    assert links["GetItem"]["parameters"] == {"item_id": "$response.body#/id"}
    assert links["TransitionItem"]["parameters"] == {
        "item_id": "$response.body#/id",
        "If-Match": "$response.header.ETag",
    }


def released_version(changelog: str) -> str | None:
    """The newest version with a date; one that is still being made has none."""
    found = re.search(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}", changelog, re.MULTILINE)
    return found[1] if found else None


def broken_promises(
    changelog: str, released: dict[str, Any] | None, current: dict[str, Any], changes: str
) -> list[str]:
    """What is wrong between a release and what is served now; nothing is promised before the first."""
    version = released_version(changelog)
    if released is None:
        return [] if version is None else [f"{version} is released: run `rectify openapi --release` and commit it"]
    if released["info"]["version"] != version:
        return [f"released.json is of {released['info']['version']}, CHANGELOG.md released {version}"]
    verdict = judge(released, current, changes)
    return [
        *(f"not in CHANGES.md: {id_}" for id_ in verdict.unlisted),
        *(f"no difference: {id_}" for id_ in verdict.stale),
    ]


def test_what_was_released_is_kept_or_its_change_is_listed() -> None:
    released = json.loads(RELEASED.read_text(encoding="utf-8")) if RELEASED.is_file() else None
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert broken_promises(changelog, released, DOCUMENT, CHANGES.read_text(encoding="utf-8")) == []


def test_a_release_without_its_description_or_with_a_silent_break_would_be_noticed() -> None:
    dated = "## [0.2.0] - 未发布 Unreleased\n## [0.1.0] - 2027-01-15\n"
    before = json.loads(COMMITTED.read_text(encoding="utf-8"))
    before["info"]["version"] = "0.1.0"
    now = json.loads(json.dumps(before))
    del now["paths"]["/livez"]
    assert broken_promises("## [0.1.0] - 未发布 Unreleased\n", None, now, "") == []
    assert broken_promises(dated, None, now, "") != []
    assert broken_promises(dated.replace("0.1.0", "0.1.1"), before, now, "") != []
    assert broken_promises(dated, before, before, "") == []
    assert broken_promises(dated, before, now, "") == ["not in CHANGES.md: operation-removed GET /livez"]
    listed = "## [0.2.0]\n- `operation-removed GET /livez`：不再需要 no longer needed\n## [0.1.0]\n"
    assert broken_promises(dated, before, now, listed) == []
    assert broken_promises(dated, before, before, listed) == ["no difference: operation-removed GET /livez"]


@pytest.mark.parametrize("version", ["0.1.0", "12.0.3"])
def test_the_version_of_the_package_heads_both_lists_of_changes(version: str) -> None:
    assert released_version(f"## [9.9.9] - 未发布\n## [{version}] - 2027-02-01\n## [0.0.1] - 2026-01-01\n") == version
    current = DOCUMENT["info"]["version"]
    for path in (ROOT / "CHANGELOG.md", CHANGES):
        assert re.search(r"^## \[([^\]]+)\]", path.read_text(encoding="utf-8"), re.MULTILINE)[1] == current  # type: ignore[index]
