"""Evidence: streamed in, examined, kept under its digest, and handed out only to those who may read it."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import pytest

from tests.features.rectify.desk import Desk, delete, key, made, refused, rules

PDF = b"%PDF-1.7\n" + "整改报告".encode() * 50 + b"\n%%EOF\n"
DIGEST = sha256(PDF).hexdigest()
REPORT = ("整改报告.pdf", PDF, "application/pdf")


async def upload(
    client: httpx2.AsyncClient,
    item: str,
    fields: dict[str, str],
    file: tuple[str, bytes, str] = REPORT,
    **headers: str,
) -> httpx2.Response:
    return await client.post(
        f"/v1/items/{item}/evidence", data=fields, files={"file": file}, headers={**key(), **headers}
    )


async def kept(client: httpx2.AsyncClient, item: str, **fields: str) -> dict[str, Any]:
    answer = await upload(client, item, fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def files(desk: Desk) -> set[Path]:
    root: Path = desk.app.state.settings.var / "files"
    return {path.relative_to(root) for path in root.rglob("*") if path.is_file()}


async def test_a_file_is_kept_under_its_digest_and_the_history_names_it(desk: Desk) -> None:
    item = await desk.item("rectifying")
    answer = await upload(desk.lead, item, {"target_kind": "item", "description": "现场照片"})
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    assert (shown["file_name"], shown["media_type"], shown["size"], shown["sha256"], shown["cited"]) == (
        "整改报告.pdf", "application/pdf", len(PDF), DIGEST, False,
    )  # fmt: skip
    assert (shown["target_kind"], shown["target_id"], shown["description"]) == ("item", None, "现场照片")
    assert answer.headers["location"] == f"/v1/items/{item}/evidence/{shown['id']}"
    assert answer.headers["etag"].startswith('"v2.')
    assert (await desk.lead.get(answer.headers["location"])).json() == shown
    assert await desk.events(item) == ["item.evidence_added"]
    body = await desk.office.db.fetchval("SELECT body FROM event WHERE subject_id = $1 AND seq = 2", item)
    assert json.loads(body)["att"] == [{"sha256": DIGEST, "size": len(PDF)}]
    assert Path(DIGEST[:2]) / DIGEST[2:4] / DIGEST in files(desk)


async def test_a_download_says_what_it_is_and_is_never_shown_as_a_page(desk: Desk) -> None:
    item = await desk.item("rectifying")
    shown = await kept(desk.lead, item, target_kind="item")
    path = f"/v1/items/{item}/evidence/{shown['id']}/content"
    answer = await desk.watcher.get(path)
    assert (answer.status_code, answer.content) == (200, PDF)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-length"] == str(len(PDF))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["etag"] == f'"{DIGEST}"'
    assert answer.headers["repr-digest"] == f"sha-256=:{b64encode(bytes.fromhex(DIGEST)).decode()}:"
    assert answer.headers["content-disposition"] == (
        f"attachment; filename=\"____.pdf\"; filename*=UTF-8''{quote('整改报告.pdf')}"
    )
    again = await desk.watcher.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = await desk.watcher.head(path)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(PDF)))


async def test_a_quotation_mark_in_a_name_cannot_break_the_header(desk: Desk) -> None:
    item = await desk.item("rectifying")
    answer = await upload(
        desk.lead, item, {"target_kind": "item"}, ('a"; filename="b.exe".pdf', PDF, "application/pdf")
    )
    assert answer.status_code == 201, answer.text
    sent = await desk.lead.get(f"{answer.headers['location']}/content")
    plain = sent.headers["content-disposition"].partition("filename*")[0]
    assert plain.count('"') == 2


async def test_the_same_file_may_serve_several_items(desk: Desk) -> None:
    first, second = await desk.item("rectifying"), await desk.item("planning")
    one, other = await kept(desk.lead, first, target_kind="item"), await kept(desk.lead, second, target_kind="item")
    assert one["sha256"] == other["sha256"]
    assert (await delete(desk.lead, f"{first}/evidence/{one['id']}")).status_code == 204
    assert (await desk.lead.get(f"/v1/items/{second}/evidence/{other['id']}/content")).content == PDF


@pytest.mark.parametrize(
    ("file", "status", "code"),
    [
        (("x.exe", b"MZ", "application/x-msdownload"), 415, "unsupported_file_type"),
        (("x.pdf", b"<html><script>", "application/pdf"), 415, "unsupported_file_type"),
        (("x.pdf", PDF, "image/png"), 415, "unsupported_file_type"),
        (("x.pdf", b"", "application/pdf"), 422, "validation_failed"),
        (("机密★20年.pdf", PDF + b"secret", "application/pdf"), 422, "classified_text"),
    ],
)
async def test_a_file_that_is_not_what_it_claims_leaves_nothing_behind(
    desk: Desk, file: tuple[str, bytes, str], status: int, code: str
) -> None:
    item = await desk.item("rectifying")
    before = files(desk)
    answer = await upload(desk.lead, item, {"target_kind": "item"}, file)
    assert refused(answer) == (status, code)
    assert (files(desk), await desk.evidence_rows(item), await desk.version(item)) == (before, 0, 1)


async def test_a_file_over_the_limit_leaves_nothing_behind_however_it_is_sent(desk: Desk) -> None:
    item = await desk.item("rectifying")
    before = files(desk)
    limit = desk.app.state.settings.upload_limit
    large = PDF + b"\0" * limit
    answer = await upload(desk.lead, item, {"target_kind": "item"}, ("x.pdf", large, "application/pdf"))
    assert refused(answer) == (413, "payload_too_large")

    async def chunks() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="x.pdf"\r\n\r\n'
        for start in range(0, len(large), 1 << 20):
            yield large[start : start + (1 << 20)]

    headers = {**key(), "Content-Type": "multipart/form-data; boundary=x"}
    answer = await desk.lead.post(f"/v1/items/{item}/evidence", content=chunks(), headers=headers)
    assert refused(answer) == (413, "payload_too_large")
    assert (files(desk), await desk.evidence_rows(item)) == (before, 0)


async def test_a_refused_upload_leaves_no_file(desk: Desk) -> None:
    item = await desk.item("closed")
    before = files(desk)
    unseen = ("new.pdf", PDF + uuid4().bytes.hex().encode(), "application/pdf")
    assert refused(await upload(desk.lead, item, {"target_kind": "item"}, unseen)) == (409, "child_frozen")
    keyless = await desk.lead.post(f"/v1/items/{item}/evidence", data={"target_kind": "item"}, files={"file": unseen})
    assert refused(keyless) == (400, "idempotency_key_required")
    assert files(desk) == before


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, [("missing", "/target_kind")]),
        ({"target_kind": "photo"}, [("enum", "/target_kind")]),
        ({"target_kind": "measure"}, [("target_missing", "")]),
        ({"target_kind": "item", "target_id": str(uuid4())}, [("target_misplaced", "")]),
        ({"target_kind": "item", "target_id": "x"}, [("uuid_parsing", "/target_id")]),
        ({"target_kind": "item", "colour": "red"}, [("extra_forbidden", "/colour")]),
        ({"target_kind": "item", "description": "秘密★3年"}, [("classified_text", "/description")]),
        ({"target_kind": "item", "description": "x" * 9000}, [("too_long", "/description")]),
    ],
)
async def test_fields_are_as_strict_as_json(desk: Desk, fields: dict[str, str], found: list[tuple[str, str]]) -> None:
    item = await desk.item("rectifying")
    answer = await upload(desk.lead, item, fields)
    assert answer.status_code == 422
    assert [(entry["code"], entry["pointer"]) for entry in answer.json()["errors"]] == found


async def test_a_form_without_a_file_or_with_two_is_refused(desk: Desk) -> None:
    item = await desk.item("rectifying")
    path = f"/v1/items/{item}/evidence"
    part = ("a.pdf", PDF, "application/pdf")
    twice = [("file", part), ("file", part)]
    answer = await desk.lead.post(path, data={"target_kind": "item"}, files=twice, headers=key())
    assert (answer.status_code, rules(answer)) == (422, ["repeated"])
    other = await desk.lead.post(path, files={"target_kind": (None, "item")}, headers=key())
    assert (other.status_code, rules(other)) == (422, ["missing"])
    assert refused(await desk.lead.post(path, json={"target_kind": "item"}, headers=key())) == (
        415, "unsupported_media_type",
    )  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"no boundary at all",
        b'--x\r\nContent-Disposition: form-data; name="target_kind"\r\n\r\nitem',
        b"--x\r\nContent-Disposition: attachment\r\n\r\nitem\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="target_kind"\r\n\r\n\xff\xfe\r\n--x--\r\n',
        b"",
    ],
)
async def test_a_broken_form_is_a_bad_request(desk: Desk, body: bytes) -> None:
    item = await desk.item("rectifying")
    headers = {**key(), "Content-Type": "multipart/form-data; boundary=x"}
    answer = await desk.lead.post(f"/v1/items/{item}/evidence", content=body, headers=headers)
    assert refused(answer) == (400, "bad_request")


async def test_the_file_may_come_before_the_fields_and_in_single_bytes(desk: Desk) -> None:
    item = await desk.item("rectifying")
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="C:\\fakepath\\a.pdf"\r\n'
        b"Content-Type: application/pdf\r\n\r\n" + PDF + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="target_kind"\r\n\r\nitem\r\n--x--\r\n'
    )

    async def drops() -> Any:
        for place in range(len(body)):
            yield body[place : place + 1]

    headers = {**key(), "Content-Type": "multipart/form-data; boundary=x"}
    answer = await desk.lead.post(f"/v1/items/{item}/evidence", content=drops(), headers=headers)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["file_name"], answer.json()["sha256"]) == ("a.pdf", DIGEST)


@pytest.mark.parametrize(("encoding", "status"), [("binary", 201), ("8bit", 201), ("base64", 400)])
async def test_an_encoded_part_is_not_mistaken_for_the_file(desk: Desk, encoding: str, status: int) -> None:
    item = await desk.item("rectifying")
    body = (
        b'--x\r\nContent-Disposition: form-data; name="target_kind"\r\n\r\nitem\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n'
        b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + PDF + b"\r\n--x--\r\n"
    )
    headers = {**key(), "Content-Type": "multipart/form-data; boundary=x"}
    answer = await desk.lead.post(f"/v1/items/{item}/evidence", content=body, headers=headers)
    assert answer.status_code == status


async def test_a_retried_upload_is_recognised_by_its_bytes(desk: Desk) -> None:
    item = await desk.item("rectifying")
    headers = key()
    first, second = [await upload(desk.lead, item, {"target_kind": "item"}, REPORT, **headers) for _ in range(2)]
    assert (first.status_code, first.json()) == (201, second.json())
    assert second.headers["idempotent-replayed"] == "true"
    other = ("整改报告.pdf", PDF + b" ", "application/pdf")
    assert refused(await upload(desk.lead, item, {"target_kind": "item"}, other, **headers)) == (
        422, "idempotency_key_reused",
    )  # fmt: skip
    assert await desk.evidence_rows(item) == 1


WRITERS = {
    "item": {"registered": "watcher", "planning": "lead", "rectifying": "lead", "sustaining": "lead"},
    "gate": {"verifying": "verifier"},
    "survey": {"verifying": "watcher"},
    "decision": {"registered": "watcher", "plan_review": "watcher", "rectifying": "watcher", "closing": "watcher"},
    "notice": {"public_notice": "watcher"},
}
STATES = [
    "registered",
    "planning",
    "plan_review",
    "rectifying",
    "sustaining",
    "verifying",
    "closing",
    "public_notice",
    "closed",
]


@pytest.mark.parametrize("kind", WRITERS)
async def test_evidence_is_taken_where_its_target_may_be_written_and_frozen_elsewhere(desk: Desk, kind: str) -> None:
    usual = {"item": desk.lead, "gate": desk.verifier}.get(kind, desk.watcher)
    for state in STATES:
        item = await desk.item(state)
        may = WRITERS[kind].get(state)
        if may is not None:
            assert (await upload(getattr(desk, may), item, {"target_kind": kind})).status_code == 201, state
        elif not (kind == "decision" and state in {"planning", "sustaining", "verifying"}):
            assert refused(await upload(usual, item, {"target_kind": kind})) == (409, "child_frozen"), state


async def test_who_found_a_problem_shows_it_while_it_is_a_draft(desk: Desk) -> None:
    item = await desk.item("draft")
    finder = await desk.office.person("liaison", unit="root")
    shown = await kept(finder, item, target_kind="item")
    assert (await finder.get(f"/v1/items/{item}/evidence/{shown['id']}/content")).content == PDF
    assert refused(await desk.watcher.get(f"/v1/items/{item}/evidence/{shown['id']}/content")) == (404, "not_found")
    assert (await delete(finder, f"{item}/evidence/{shown['id']}")).status_code == 204


async def test_a_role_that_never_shows_this_evidence_is_forbidden(desk: Desk) -> None:
    item = await desk.item("rectifying")
    for client, kind in ((desk.verifier, "item"), (desk.lead, "gate"), (desk.lead, "decision"), (desk.lead, "notice")):
        assert refused(await upload(client, item, {"target_kind": kind})) == (403, "forbidden")
    stranger = await desk.office.person("unit_head", unit="section")
    assert refused(await upload(stranger, item, {"target_kind": "item"})) == (404, "not_found")


async def test_a_helping_unit_shows_evidence_for_its_own_measure_and_what_it_reported(desk: Desk) -> None:
    item = await desk.item()
    own = await made(desk.lead, f"{item}/measures", {"content": "a", "unit_id": str(desk.office.units["other"])})
    foreign = await made(desk.lead, f"{item}/measures", {"content": "b"})
    criterion = await made(desk.lead, f"{item}/criteria", {"content": "c"})
    await desk.change(item, state="rectifying")
    report = await made(
        desk.helper,
        f"{item}/progress",
        {"content": "d", "reported_on": "2026-03-01", "assessment": "done", "measure_id": own["id"]},
    )
    shown = await kept(desk.helper, item, target_kind="measure", target_id=own["id"])
    await kept(desk.helper, item, target_kind="progress", target_id=report["id"])
    for kind, target in (("measure", foreign["id"]), ("criterion", criterion["id"])):
        answer = await upload(desk.helper, item, {"target_kind": kind, "target_id": target})
        assert refused(answer) == (403, "forbidden")
    assert (await delete(desk.helper, f"{item}/evidence/{shown['id']}")).status_code == 204
    listed = await desk.lead.get(f"/v1/items/{item}/evidence", params={"target_kind": "progress"})
    assert [one["target_id"] for one in listed.json()["items"]] == [report["id"]]


async def test_evidence_of_nothing_that_exists_is_refused(desk: Desk) -> None:
    item, other = await desk.item("rectifying"), await desk.item()
    criterion = await made(desk.lead, f"{other}/criteria", {"content": "c"})
    for target in (str(uuid4()), criterion["id"]):
        answer = await upload(desk.lead, item, {"target_kind": "criterion", "target_id": target})
        assert (refused(answer), rules(answer)) == ((409, "guards_unmet"), ["reference.target_unknown"])


async def test_what_evidence_was_shown_for_cannot_be_removed(desk: Desk) -> None:
    item = await desk.item()
    criterion = await made(desk.lead, f"{item}/criteria", {"content": "c"})
    await kept(desk.lead, item, target_kind="criterion", target_id=criterion["id"])
    assert refused(await delete(desk.lead, f"{item}/criteria/{criterion['id']}")) == (409, "not_deletable")


async def test_cited_evidence_stays(desk: Desk) -> None:
    item = await desk.item("rectifying")
    shown = await kept(desk.lead, item, target_kind="item")
    await desk.cite(item, shown["id"])
    answer = await delete(desk.lead, f"{item}/evidence/{shown['id']}")
    assert refused(answer) == (409, "child_frozen")
    assert "引用" in answer.json()["detail"]
    assert (await desk.lead.get(f"/v1/items/{item}/evidence/{shown['id']}")).json()["cited"] is True


async def test_removing_evidence_needs_the_version_and_keeps_the_digest_in_the_history(desk: Desk) -> None:
    item = await desk.item("rectifying")
    shown = await kept(desk.lead, item, target_kind="item")
    path = f"{item}/evidence/{shown['id']}"
    assert refused(await delete(desk.lead, path, None)) == (428, "precondition_required")
    assert refused(await delete(desk.lead, path, '"v1"')) == (412, "version_mismatch")
    assert refused(await delete(desk.watcher, path, '"v2"')) == (409, "child_frozen")
    assert (await delete(desk.lead, path, '"v2"')).status_code == 204
    assert refused(await desk.lead.get(f"/v1/items/{path}/content")) == (404, "not_found")
    assert json.loads((await desk.disclosed(item))["evidence"])["sha256"] == DIGEST


async def test_restricted_evidence_is_known_but_neither_named_nor_handed_out(desk: Desk) -> None:
    item = await desk.item("rectifying", confidentiality="restricted")
    shown = await kept(desk.lead, item, target_kind="item", description="谈话记录")
    listed = (await desk.helper.get(f"/v1/items/{item}/evidence")).json()["items"]
    assert [(one["file_name"], one["sha256"], one["description"]) for one in listed] == [(None, None, None)]
    assert listed[0]["masked_fields"] == ["file_name", "sha256", "description"]
    path = f"/v1/items/{item}/evidence/{shown['id']}/content"
    assert refused(await desk.helper.get(path)) == (404, "not_found")
    probe = await desk.helper.get(path, headers={"If-None-Match": f'"{DIGEST}"'})
    assert refused(probe) == (404, "not_found")
    assert (await desk.lead.get(path)).content == PDF


async def test_a_secret_stub_takes_no_file_and_shows_none(desk: Desk) -> None:
    item = await desk.item("rectifying")
    shown = await kept(desk.lead, item, target_kind="item")
    await desk.change(item, confidentiality="secret_stub")
    answer = await upload(desk.lead, item, {"target_kind": "item"})
    assert refused(answer) == (409, "child_frozen")
    assert "涉密" in answer.json()["detail"]
    path = f"/v1/items/{item}/evidence/{shown['id']}/content"
    assert refused(await desk.lead.get(path)) == (404, "not_found")


async def test_evidence_of_an_earlier_cycle_is_sealed(desk: Desk) -> None:
    item = await desk.item()
    criterion = await made(desk.lead, f"{item}/criteria", {"content": "c"})
    shown = await kept(desk.lead, item, target_kind="criterion", target_id=criterion["id"])
    await desk.change(item, cycle=2, state="rectifying")
    assert refused(await delete(desk.lead, f"{item}/evidence/{shown['id']}")) == (409, "child_frozen")
    answer = await upload(desk.lead, item, {"target_kind": "criterion", "target_id": criterion["id"]})
    assert refused(answer) == (409, "child_frozen")
    assert (await desk.lead.get(f"/v1/items/{item}/evidence")).json()["items"] == []
    old = await desk.lead.get(f"/v1/items/{item}/evidence", params={"cycle": 1})
    assert [one["id"] for one in old.json()["items"]] == [shown["id"]]


async def test_a_program_of_the_lead_unit_files_evidence_of_the_work(desk: Desk) -> None:
    item = await desk.item()
    criterion = await made(desk.lead, f"{item}/criteria", {"content": "c"})
    await desk.change(item, state="rectifying")
    program = await desk.program("item:read", "evidence:write")
    shown = await kept(program, item, target_kind="criterion", target_id=criterion["id"])
    assert shown["author_id"] is None
    assert refused(await upload(program, item, {"target_kind": "item"})) == (403, "forbidden")


async def test_two_uploads_of_one_file_at_once_are_both_recorded(desk: Desk) -> None:
    item = await desk.item("rectifying")
    answers = await asyncio.gather(*(upload(desk.lead, item, {"target_kind": "item"}) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    assert await desk.version(item) == 5
