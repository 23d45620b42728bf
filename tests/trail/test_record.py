import asyncio
import json
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from app.core.db import Tx
from app.trail.canonical import Unrecordable, commitment, leaf_hash
from app.trail.envelope import NO_HASH, START, Entry, Head, Origin, envelope
from app.trail.record import Recorded, record, record_items
from tests.trail.make import NOON, RULES, History, actor, change, new_id, step

KNOWN_SALT = bytes(range(32))
KNOWN_BODY = (
    '{"actor":{"auth":"password","id":"0195500a-1c00-7000-8000-00000000000a","kind":"person","on_beha'
    'lf":"0195500a-1c00-7000-8000-00000000000f","post":"0195500a-1c00-7000-8000-00000000000d","unit":'
    '"0195500a-1c00-7000-8000-00000000000c"},"at":"2026-03-01T04:05:06.000789Z","att":[{"sha256":"cdc'
    'dcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","size":1234}],"eff":"2026-02-27T1'
    '6:00:00.000000Z","from":"registered","id":"0195500a-1c00-7000-8000-000000000002","pay":{"remarks'
    '":"a092329cfa049f9afd6979436ea0c7892a0946348a837718a4d022c659519c0e"},"prev":"efefefefefefefefef'
    'efefefefefefefefefefefefefefefefefefefefefefef","req":{"id":"req-1","idem":"key-1"},"rules":"aba'
    'babababababababababababababababababababababababababababababab","seq":4,"subject":{"id":"0195500a'
    '-1c00-7000-8000-000000000001","kind":"item"},"to":"assigned","type":"item.assigned","v":1,"ver":'
    "4}"
)


def known_entry() -> tuple[Entry, Head, Origin, UUID, dict[str, str]]:
    entry = Entry(
        kind="item",
        subject_id=UUID("0195500a-1c00-7000-8000-000000000001"),
        type="item.assigned",
        at=datetime(2026, 3, 1, 4, 5, 6, 789, tzinfo=UTC),
        from_state="registered",
        to_state="assigned",
        eff=datetime(2026, 2, 27, 16, 0, tzinfo=UTC),
        ver=4,
        on_behalf=UUID("0195500a-1c00-7000-8000-00000000000f"),
        attachments=[("cd" * 32, 1234)],
        rules=RULES,
    )
    author = actor(
        account_id=UUID("0195500a-1c00-7000-8000-00000000000a"),
        unit_id=UUID("0195500a-1c00-7000-8000-00000000000c"),
        post_id=UUID("0195500a-1c00-7000-8000-00000000000d"),
    )
    pay = {"remarks": commitment("remarks", "立行立改", KNOWN_SALT)}
    head = Head(3, bytes.fromhex("ef" * 32))
    return entry, head, Origin(author, "req-1", "key-1"), UUID("0195500a-1c00-7000-8000-000000000002"), pay


def test_the_body_of_a_known_event_never_changes() -> None:
    sealed = envelope(*known_entry())
    assert sealed.body == KNOWN_BODY
    assert sealed.hash == leaf_hash(KNOWN_BODY)
    assert sealed.hash.hex() == "78fdd334a6288182c82147ccde9881c36825b24b6d0b13c2ba3a0bf0f73eca18"


def test_what_is_not_said_is_absent_or_null_as_documented() -> None:
    system = actor(kind="system", auth="system", account_id=None, person_id=None, unit_id=None)
    body = json.loads(envelope(change(UUID(int=1)), START, Origin(system, "r", None), UUID(int=2), {}).body)
    assert body == {
        "v": 1,
        "id": str(UUID(int=2)),
        "subject": {"kind": "policy", "id": str(UUID(int=1))},
        "seq": 1,
        "prev": "0" * 64,
        "type": "policy.published",
        "at": "2026-03-01T04:00:00.000000Z",
        "actor": {"id": None, "unit": None, "post": None, "kind": "system", "auth": "system"},
        "req": {"id": "r"},
        "from": None,
        "to": None,
        "ver": None,
        "rules": "0" * 64,
        "pay": {},
        "att": [],
    }


@pytest.mark.parametrize(
    "entry",
    [
        step(UUID(int=1), rules=None),
        change(UUID(int=1), rules=RULES),
        step(UUID(int=1), attachments=[("cd" * 32, 1)] * 101),
        step(UUID(int=1), type="x" * 17_000),
        step(UUID(int=1), at=datetime(2026, 1, 1)),  # noqa: DTZ001 - the mistake under test
    ],
    ids=["item without rules", "other with rules", "101 attachments", "body too large", "local time"],
)
def test_an_event_that_breaks_the_envelope_is_refused(entry: Entry) -> None:
    with pytest.raises(Unrecordable):
        envelope(entry, START, Origin(actor(), "r", None), UUID(int=2), {})


def test_a_hundred_attachments_and_eighty_fields_still_fit() -> None:
    pay = {f"field_with_a_rather_long_name_{n}": "f" * 64 for n in range(50)}
    entry = step(UUID(int=1), attachments=[("cd" * 32, 2**40)] * 100)
    assert len(envelope(entry, START, Origin(actor(), "r" * 64, "k" * 255), UUID(int=2), pay).body) < 16_384


async def test_every_event_of_an_item_links_to_the_one_before_and_opens_its_commitments(history: History) -> None:
    item = new_id()
    await history.items(step(item, fields={"title": "漏水", "due": date(2026, 5, 1), "units": [new_id(), new_id()]}))
    await history.items(step(item, 1, fields={}), step(item, 2, fields={"plan": {"b": None, "a": '\x00\n"\\'}}))
    await history.items(step(item, 3, fields={"remarks": "𠮷\u2028"}))
    assert len(await history.rows(item)) == 4
    assert await history.broken_links(item) == []


async def test_a_changed_body_or_disclosure_breaks_the_links(history: History) -> None:
    item = new_id()
    await history.items(step(item, fields={"title": "漏水"}), step(item, 1))
    await history.db.pool.execute("ALTER TABLE event DISABLE TRIGGER ALL")
    await history.db.pool.execute("ALTER TABLE event_disclosure DISABLE TRIGGER ALL")
    await history.db.pool.execute("UPDATE event SET body = replace(body, 'updated', 'blessed') WHERE seq = 1")
    assert await history.broken_links(item) == ["hash 1", "link 2"]
    await history.db.pool.execute("UPDATE event_disclosure SET value = '\"不漏水\"'")
    assert await history.broken_links(item) == ["hash 1", "disclosure 1", "link 2"]


async def test_the_columns_of_an_event_say_what_its_body_says(history: History) -> None:
    item = new_id()
    (recorded,) = await history.items(step(item, type="item.registered"))
    (row,) = await history.rows(item)
    body = json.loads(row["body"])
    assert (row["id"], row["hash"], row["seq"]) == (recorded.event_id, recorded.hash, recorded.seq)
    assert (str(row["id"]), row["subject_kind"], str(row["subject_id"]), row["seq"]) == (
        body["id"],
        body["subject"]["kind"],
        body["subject"]["id"],
        body["seq"],
    )
    assert (row["type"], row["at"], str(row["actor_id"])) == (
        body["type"],
        datetime.fromisoformat(body["at"]),
        body["actor"]["id"],
    )
    assert body["req"] == {"id": "request-1"}


async def test_one_call_tells_several_items_and_chains_each_of_them(history: History) -> None:
    one, other = new_id(), new_id()
    await history.items(step(one), step(other))
    done = await history.items(step(other, 1), step(one, 2), step(other, 3), step(other, 4))
    assert [recorded.seq for recorded in done] == [2, 2, 3, 4]
    assert await history.broken_links(one) == await history.broken_links(other) == []


async def test_the_first_head_given_for_an_item_counts(history: History) -> None:
    item = new_id()
    await history.items(step(item))

    async def work(tx: Tx) -> list[Recorded]:
        return await record_items(tx, actor(), [(step(item, 1), history.heads[item]), (step(item, 2), START)])

    assert [recorded.seq for recorded in await history.db.write(work)] == [2, 3]
    assert await history.broken_links(item) == []


async def test_a_stale_head_cannot_fork_the_history_of_an_item(history: History) -> None:
    item = new_id()
    await history.items(step(item))
    history.heads.clear()
    with pytest.raises(Exception, match="uq_event_subject_id_seq"):
        await history.items(step(item, 1))
    assert len(await history.rows(item)) == 1


async def test_nothing_is_recorded_when_the_write_fails(history: History) -> None:
    async def work(tx: Tx) -> None:
        await record(tx, actor(), [change(UUID(int=1), fields={"a": 1})])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await history.db.write(work)
    for table in ("event", "event_disclosure", "log_pending", "trail_subject"):
        assert await history.db.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_concurrent_writers_of_the_same_subjects_form_one_chain_each_and_never_deadlock(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.db.ATTEMPTS", 1)
    subjects = [new_id() for _ in range(4)]

    async def writer(turn: int) -> None:
        mine = subjects if turn % 2 else subjects[::-1]
        await history.changes(*(change(subject, turn, fields={"turn": turn}) for subject in mine))

    await asyncio.gather(*(writer(turn) for turn in range(24)))
    for subject in subjects:
        assert len(await history.rows(subject)) == 24
        assert await history.broken_links(subject) == []
    assert await history.db.fetchval("SELECT array_agg(DISTINCT seq) FROM trail_subject") == [24]


async def test_a_subject_told_twice_in_one_call_moves_two_steps(history: History) -> None:
    policy = new_id()
    done = await history.changes(change(policy), change(policy, 1))
    again = await history.changes(change(policy, 2))
    assert [recorded.seq for recorded in done + again] == [1, 2, 3]
    assert await history.broken_links(policy) == []
    assert await history.db.fetchval("SELECT hash FROM trail_subject") == again[-1].hash != NO_HASH


async def test_an_item_and_another_subject_cannot_be_recorded_in_each_others_way(history: History) -> None:
    with pytest.raises(Unrecordable):
        await history.changes(step(new_id()))
    with pytest.raises(Unrecordable):
        await history.items(change(new_id()))


async def test_one_id_cannot_be_two_kinds_of_subject(history: History) -> None:
    subject = new_id()
    with pytest.raises(Unrecordable):
        await history.changes(change(subject), change(subject, kind="unit"))
    await history.changes(change(subject))
    with pytest.raises(Unrecordable):
        await history.changes(change(subject, kind="unit"))


async def test_a_field_outside_the_alphabet_is_refused_and_nothing_is_written(
    history: History,
) -> None:
    outside: list[dict[str, Any]] = [{'a"b': 1}, {"名": 1}, {"a": 0.5}, {"a": {"名": 1}}, {"a": "\udfff"}]
    for fields in outside:
        with pytest.raises(Unrecordable):
            await history.changes(change(new_id(), fields=fields))
    assert await history.db.fetchval("SELECT count(*) FROM trail_subject") == 0


async def test_nothing_to_record_is_no_statement(history: History) -> None:
    assert await history.items() == []
    assert await history.changes() == []


async def test_salts_are_never_shared(history: History) -> None:
    await history.changes(*(change(new_id(), at=NOON, fields={"a": 1, "b": 1}) for _ in range(3)))
    assert await history.db.fetchval("SELECT count(DISTINCT salt) FROM event_disclosure") == 6
