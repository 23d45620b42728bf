"""What an outsider can learn of the sealed log over HTTP, and check without believing anybody."""

from base64 import b64decode
from typing import Any
from uuid import uuid4

import pytest

from app.trail.proof.checkpoints import parse_checkpoint
from app.trail.proof.merkle import leaf_hash, tree_root, verify_consistency, verify_inclusion
from app.trail.proof.notes import VerifierKey, parse_note, parse_vkey, verify_note
from app.trail.proof.proofs import parse_proof
from app.trail.proof.tiles import decode_entries, tile_hashes
from tests.features.trail.conftest import Sealed

Json = dict[str, Any]


async def known(world: Sealed, name: str = "checkpoint") -> list[VerifierKey]:
    told = await world.ok(world.viewer, "/v1/trail/keys")
    return [parse_vkey(key["vkey"]) for key in told["items"] if key["name"] == name]


async def test_the_newest_checkpoint_is_signed_by_the_log(world: Sealed) -> None:
    await world.acknowledged()
    size = await world.seal()
    told = await world.ok(world.viewer, "/v1/trail/checkpoints/latest")
    note = parse_note(told["note"].encode())
    assert verify_note(note, await known(world))
    assert parse_checkpoint(note.text)[1:3] == (size, b64decode(told["root"]))
    assert told["size"] == size
    text = await world.get(world.viewer, "/v1/trail/checkpoint")
    assert (text.text, text.headers["content-type"]) == (told["note"], "text/plain; charset=utf-8")


async def test_before_the_first_checkpoint_there_is_none(world: Sealed) -> None:
    answer = await world.get(world.viewer, "/v1/trail/checkpoints/latest")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await world.ok(world.viewer, "/v1/trail/checkpoints"))["items"] == []


async def test_checkpoints_are_paged_newest_first(world: Sealed) -> None:
    sizes = []
    for _ in range(3):
        await world.draft()
        sizes.append(await world.seal())
    first = await world.ok(world.viewer, "/v1/trail/checkpoints", limit=2, include="total")
    rest = await world.ok(world.viewer, "/v1/trail/checkpoints", limit=2, cursor=first["next_cursor"])
    found = [one["size"] for one in (*first["items"], *rest["items"])]
    assert found[:3] == sizes[::-1]
    assert found == sorted(found, reverse=True)
    assert (first["total"], first["total_relation"]) == (len(found), "eq")
    assert rest["next_cursor"] is None


async def test_every_event_of_an_item_is_proved_to_be_in_the_log(world: Sealed) -> None:
    item = await world.acknowledged()
    size = await world.seal()
    keys = await known(world)
    for event in (await world.ok(world.viewer, f"/v1/items/{item}/events"))["items"]:
        told = await world.ok(world.viewer, f"/v1/trail/entries/{event['position'] - 1}/proof")
        assert (told["event_id"], told["leaf_hash"], told["seq"]) == (event["id"], event["leaf_hash"], event["seq"])
        note = parse_note(told["checkpoint"].encode())
        assert verify_note(note, keys)
        checkpoint = parse_checkpoint(note.text)
        path = [b64decode(part) for part in told["path"]]
        leaf = bytes.fromhex(told["leaf_hash"])
        assert verify_inclusion(told["index"], size, leaf, path, checkpoint.root)
        filed = parse_proof(told["proof"].encode())
        assert (filed.index, list(filed.path), filed.checkpoint.decode()) == (told["index"], path, told["checkpoint"])


async def test_an_earlier_checkpoint_is_shown_to_be_the_beginning_of_a_later_one(world: Sealed) -> None:
    await world.draft()
    first = await world.seal()
    early = await world.ok(world.viewer, "/v1/trail/checkpoints/latest")
    await world.acknowledged()
    second = await world.seal()
    late = await world.ok(world.viewer, "/v1/trail/checkpoints/latest")
    told = await world.ok(world.viewer, "/v1/trail/consistency", first=first, second=second)
    path = [b64decode(part) for part in told["path"]]
    assert (told["first_root"], told["second_root"]) == (early["root"], late["root"])
    assert verify_consistency(first, second, b64decode(early["root"]), b64decode(late["root"]), path)
    for query, code in (
        ({"first": second, "second": first}, (422, "validation_failed")),
        ({"first": 1, "second": second + 1}, (404, "not_found")),
        ({"first": -1, "second": 1}, (422, "validation_failed")),
    ):
        answer = await world.get(world.viewer, "/v1/trail/consistency", **query)
        assert (answer.status_code, answer.json()["code"]) == code


async def test_nobody_learns_of_an_entry_that_is_not_theirs_to_see(world: Sealed) -> None:
    item = await world.acknowledged()
    await world.seal()
    stranger = await world.org.person(("viewer", await world.org.unit()))
    auditor = await world.org.person(("auditor", world.root))
    position = (await world.ok(world.viewer, f"/v1/items/{item}/events"))["items"][0]["position"]
    for who, index, status in (
        (world.viewer, position - 1, 200), (stranger, position - 1, 404), (auditor, position - 1, 200),
        (world.viewer, 0, 404), (auditor, 0, 200), (auditor, 10**9, 404),
    ):  # fmt: skip
        answer = await world.get(who, f"/v1/trail/entries/{index}/proof")
        assert answer.status_code == status, (index, answer.text)


async def test_what_is_not_sealed_yet_has_no_proof(world: Sealed) -> None:
    await world.seal()
    item = await world.draft()
    auditor = await world.org.person(("auditor", world.root))
    total = await world.db.fetchval("SELECT count(*) FROM event")
    answer = await world.get(auditor, f"/v1/trail/entries/{total - 1}/proof")
    assert answer.status_code == 404, item


async def test_a_monitor_rebuilds_the_whole_log_from_its_tiles(world: Sealed) -> None:
    for _ in range(3):
        await world.acknowledged()
    size = await world.seal()
    auditor = await world.org.person(("auditor", world.root))
    row = await world.get(auditor, f"/v1/trail/tile/0/000.p/{size}")
    bundle = await world.get(auditor, f"/v1/trail/tile/entries/000.p/{size}")
    assert "immutable" in row.headers["cache-control"]
    hashes = [leaf_hash(body) for body in decode_entries(bundle.content)]
    assert hashes == tile_hashes(row.content)
    latest = await world.ok(auditor, "/v1/trail/checkpoints/latest")
    assert tree_root(hashes) == b64decode(latest["root"])


@pytest.mark.parametrize(
    "path", ["0/000", "0/001", "1/000", "x/000", "0/000.p/256", "0/000.p/0", "0/../000", "entries/0"]
)
async def test_tiles_that_do_not_exist_are_not_found(world: Sealed, path: str) -> None:
    await world.seal()
    auditor = await world.org.person(("auditor", world.root))
    assert (await world.get(auditor, f"/v1/trail/tile/{path}")).status_code == 404


async def test_bodies_of_all_items_are_for_those_who_watch_the_whole_trail(world: Sealed) -> None:
    await world.seal()
    watcher = await world.org.person(("auditor", world.bureau))
    for who, status in ((world.viewer, 403), (watcher, 403), (None, 401)):
        assert (await world.get(who, "/v1/trail/tile/0/000.p/1")).status_code == status


async def test_every_reply_to_a_write_carries_a_receipt_that_its_event_keeps(world: Sealed) -> None:
    key = uuid4().hex
    body = {"ledger_id": world.ledger_id, "title": "消防通道堵塞", "source": {"type": world.source_type}}
    sent = {**world.liaison.headers, "Idempotency-Key": key}
    first = await world.http.post("/v1/items", json=body, headers=sent)
    again = await world.http.post("/v1/items", json=body, headers=sent)
    note = parse_note(b64decode(first.headers["rectify-receipt"]))
    assert verify_note(note, await known(world, "receipt"))
    assert again.headers["rectify-receipt"] == first.headers["rectify-receipt"]
    assert again.headers["idempotent-replayed"] == "true"
    [event] = (await world.ok(world.liaison, f"/v1/items/{first.json()['id']}/events"))["items"]
    told = note.text.splitlines()
    assert told[0] == "rl-receipt/v1"
    assert told[2:5] == [f"item {first.json()['id']}", "1", event["id"]]
    assert b64decode(told[5]).hex() == event["leaf_hash"]
    assert told[6].removesuffix("Z").rstrip("0") == event["at"].removesuffix("Z").rstrip("0")
    assert told[7:] == ["mmd 60"]


async def test_a_batch_gives_each_item_its_receipt_and_a_refused_one_none(world: Sealed) -> None:
    drafts = [await world.draft() for _ in range(2)]
    items = [{"id": item, "version": 1} for item in drafts] + [{"id": await world.draft(), "version": 9}]
    body = {"action": "submit", "mode": "partial", "items": items}
    sent = {**world.liaison.headers, "Idempotency-Key": uuid4().hex}
    answer = await world.http.post("/v1/items:batchTransition", json=body, headers=sent)
    receipts = [one["receipt"] for one in answer.json()["items"]]
    assert receipts[2] is None
    for item, receipt in zip(drafts, receipts, strict=False):
        note = parse_note(b64decode(receipt))
        assert verify_note(note, await known(world, "receipt"))
        assert note.text.splitlines()[2:4] == [f"item {item}", "2"]


async def test_what_changed_nothing_has_no_receipt(world: Sealed) -> None:
    item = await world.draft()
    body = {"action": "submit", "data": {}}
    checked = await world.http.post(
        f"/v1/items/{item}/transitions?validate_only=true",
        json=body,
        headers={**world.liaison.headers, "If-Match": "*"},
    )
    assert checked.status_code == 200
    assert "rectify-receipt" not in checked.headers
    refused = await world.http.post("/v1/items", json={}, headers=world.liaison.headers)
    assert "rectify-receipt" not in refused.headers
