"""What an outsider gets to check one item with, and what of it stays here."""

import json
from hashlib import sha256
from typing import Any
from uuid import uuid4

from app.trail.canonical import canonical, committed
from app.trail.export import Asked, Export
from app.trail.proof.checkpoints import parse_checkpoint
from app.trail.proof.merkle import leaf_hash, tree_root, verify_inclusion
from app.trail.proof.notes import parse_note, parse_vkey, verify_note
from tests.features.trail.conftest import Sealed

Json = dict[str, Any]
CANARY = "金丝雀"


def parsed(data: bytes) -> dict[str, list[Json]]:
    """The lines by kind, after the framing of the file was held against its last line."""
    *lines, end = data.splitlines(keepends=True)
    told = json.loads(end)
    kinds: dict[str, list[Json]] = {}
    for line in lines:
        document = json.loads(line)
        assert line.decode() == canonical(document) + "\n"
        kinds.setdefault(document["t"], []).append(document)
    assert told == {
        "t": "end",
        "events": len(kinds["event"]),
        "lines": len(lines),
        "sha256": sha256(b"".join(lines)).hexdigest(),
    }
    assert json.loads(lines[0])["t"] == "header"
    return kinds


async def bundle(world: Sealed, who: Any, item: str) -> dict[str, list[Json]]:
    answer = await world.get(who, f"/v1/trail/items/{item}/bundle")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return parsed(answer.content)


async def test_a_bundle_proves_every_event_of_the_item_and_the_rules_it_followed(world: Sealed) -> None:
    item = await world.acknowledged()
    await world.acknowledged()
    await world.seal()
    await world.draft()
    await world.seal()
    found = await bundle(world, world.viewer, item)
    (checkpoint,) = found["checkpoint"]
    note = parse_note(checkpoint["note"].encode())
    keys = [parse_vkey(key["vkey"]) for key in found["key"] if key["name"] == "checkpoint"]
    assert verify_note(note, keys)
    size, root = parse_checkpoint(note.text)[1:3]
    assert found["header"][0]["size"] == size
    for event in found["event"]:
        path = [bytes.fromhex(part) for part in event["proof"]]
        assert verify_inclusion(event["pos"] - 1, size, leaf_hash(event["body"].encode()), path, root)
        pay = json.loads(event["body"])["pay"]
        assert {
            name: committed(f'["{name}",{value}]', bytes.fromhex(salt)) for name, (salt, value) in event["say"].items()
        } == pay
    kinds = [(event["row"]["kind"], event["row"]["seq"]) for event in found["event"]]
    assert sorted(kinds) == [*(("item", seq) for seq in range(1, 6)), ("rules", 1)]
    (row,) = found["item"]
    assert row["row"]["id"] == item
    assert (row["row"]["version"], row["row"]["state"]) == (5, "planning")


async def test_what_is_not_numbered_yet_comes_along_without_a_proof(world: Sealed) -> None:
    item = await world.draft()
    await world.seal()
    await world.act(world.liaison, item, "submit")
    found = await bundle(world, world.viewer, item)
    last = found["event"][-1]
    assert (last["pos"], last["row"]["seq"], "proof" in last) == (None, 2, False)


async def test_an_export_of_everything_has_every_root(world: Sealed) -> None:
    await world.acknowledged()
    sizes = [await world.seal()]
    await world.draft()
    sizes.append(await world.seal())
    async with world.db.snapshot() as snapshot:
        found = parsed(b"".join([line async for line in Export(snapshot).lines()]))
    leaves = [leaf_hash(event["body"].encode()) for event in found["event"]]
    assert [event["pos"] for event in found["event"]] == list(range(1, sizes[-1] + 1))
    assert [checkpoint["size"] for checkpoint in found["checkpoint"]] == sizes
    for checkpoint in found["checkpoint"]:
        assert tree_root(leaves[: checkpoint["size"]]).hex() == checkpoint["root"]
    heads = {event["row"]["subject"]: event["row"]["hash"] for event in found["event"]}
    assert found["subject"]
    for head in found["subject"]:
        assert heads[head["id"]] == head["hash"]
    for line in found["item"]:
        assert heads[line["row"]["id"]] == line["row"]["head_hash"]


async def test_before_anything_is_sealed_there_is_no_bundle(world: Sealed) -> None:
    item = await world.draft()
    answer = await world.get(world.liaison, f"/v1/trail/items/{item}/bundle")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_sealed_yet")


async def test_a_bundle_is_for_those_who_may_read_the_item(world: Sealed) -> None:
    item = await world.acknowledged(title=f"{CANARY}{uuid4().hex[:6]}", confidentiality="restricted")
    await world.seal()
    stranger = await world.org.person(("viewer", await world.org.unit()))
    for who, status, code in ((world.viewer, 403, "forbidden"), (stranger, 404, "not_found")):
        answer = await world.get(who, f"/v1/trail/items/{item}/bundle")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await world.get(None, f"/v1/trail/items/{item}/bundle")).status_code == 401
    open_to = await world.get(world.head, f"/v1/trail/items/{item}/bundle")
    assert CANARY in open_to.text


async def test_what_history_tells_nobody_is_withheld_and_named(world: Sealed) -> None:
    item = await world.acknowledged()
    await world.record(item, "item.objection_lodged", {"content": "措施未见效", "contact": CANARY})
    digests = [["objection", str(uuid4()), "0" * 64]]
    await world.record(item, "item.gate_judged", {"return_visit": {"unmet": [CANARY]}, "rows": digests})
    await world.seal()
    found = await bundle(world, world.head, item)
    withheld = {event["row"]["seq"]: event["withheld"] for event in found["event"] if "withheld" in event}
    assert withheld == {6: ["contact"], 7: ["return_visit", "rows"]}
    assert found["header"][0]["scope"] == {"kind": "items", "ids": [item], "withheld": True}
    assert CANARY not in json.dumps(found, ensure_ascii=False)
    async with world.db.snapshot() as snapshot:
        lines = [line async for line in Export(snapshot, Asked([found["item"][0]["row"]["id"]])).lines()]
    whole = parsed(b"".join(lines))
    assert CANARY in json.dumps(whole, ensure_ascii=False)
    assert whole["header"][0]["scope"] == {"kind": "items", "ids": [item]}
