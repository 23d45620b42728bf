"""What happens here arrives there: signed, in order for each item, until it is taken."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg

from app.access import tokens
from app.core import clock
from app.core.ids import uuid7
from app.core.outgoing import Allowed, Outgoing
from app.features.webhooks.dispatcher import LEASE
from app.main import create_app
from app.tables.organisation import ApiKey
from app.trail.keys import rotate
from app.trail.lease import TERM, take
from app.trail.positions import assign_positions
from tests.features.webhooks.pushing import Pushing, build, settled
from tests.support.database import Clone
from tests.support.organisation import STAMPS
from tests.support.receiver import receiving
from tests.support.service import running, settings_for

STEPS = ["item.drafted", "item.submitted", "item.registered", "item.assigned", "item.acknowledged"]
HELD = "SELECT count(*) FROM webhook_held"


async def test_a_new_endpoint_is_greeted_and_then_told_what_happens(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    item = await pushing.world.acknowledged()
    await pushing.push()
    ping, *got = pushing.one.got
    assert (ping.type, ping.message["subject"]) == ("webhook.ping", made["id"])
    assert [one.type for one in got] == STEPS
    assert all(one.signed_with(made["secret"]) for one in pushing.one.got)
    assert not any(one.signed_with("whsec_" + "A" * 43 + "=") for one in pushing.one.got)
    last = got[-1]
    shown = await pushing.world.ok(pushing.world.office, f"/v1/items/{item}/events")
    told = shown["items"][-1]
    number = (await pushing.world.ok(pushing.world.office, f"/v1/items/{item}"))["number"]
    assert last.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert (last.target, last.headers["webhook-id"]) == ("/hooks?from=ledger", told["id"])
    assert last.message == {
        "specversion": "1.0",
        "id": told["id"],
        "source": pushing.dispatcher._source,
        "type": "item.acknowledged",
        "subject": item,
        "time": told["at"],
        "datacontenttype": "application/json",
        "data": {
            "subject_kind": "item",
            "subject_id": item,
            "number": number,
            "version": 5,
            "from_state": "assigned",
            "to_state": "planning",
            "position": told["position"],
        },
    }
    found = await pushing.read(made)
    assert (found["lag"], found["held"], found["failing_since"]) == (0, 0, None)
    assert found["version"] == 1


async def test_only_what_is_wanted_is_sent(pushing: Pushing) -> None:
    await pushing.endpoint(event_types=["item.assigned", "unit.*"])
    await pushing.endpoint(pushing.other, event_types=["item.*"])
    await pushing.world.acknowledged()
    await pushing.push()
    assert pushing.one.types() == ["webhook.ping", "item.assigned"]
    assert pushing.other.types() == ["webhook.ping", *STEPS]


async def test_a_receiver_away_for_a_week_gets_everything_in_order_and_nobody_else_waits(pushing: Pushing) -> None:
    made, _ = await pushing.endpoint(), await pushing.endpoint(pushing.other)
    await pushing.push()
    pushing.one.answer = lambda _: (503, {})
    items = []
    for hours in range(1, 7 * 24, 8):
        items.append(await pushing.item())
        with clock.travel(timedelta(hours=hours)):
            await pushing.push()
    assert pushing.other.types()[1:] == STEPS[:2] * len(items)
    away = await pushing.read(made)
    assert (away["lag"] > 0, away["last_error"], away["held"]) == (True, "http_503", 0)
    assert away["failing_since"] < away["next_attempt_at"]
    tried = len(pushing.one.got)
    assert tried <= len(items) + 1, "an away receiver is asked with one event at a time"
    pushing.one.answer, pushing.one.got = lambda _: (200, {}), []
    for item in items:
        await pushing.register(item)
    with clock.travel(timedelta(days=8)):
        await pushing.push()
    assert {item: pushing.one.types(item) for item in items} == dict.fromkeys(items, STEPS[:3])
    assert len(pushing.one.got) == 3 * len(items), "each once"
    assert all(got.signed_with(made["secret"]) for got in pushing.one.got)
    back = await pushing.read(made)
    assert (back["lag"], back["failing_since"], back["last_error"]) == (0, None, None)
    outcomes = [row["outcome"] for row in await pushing.deliveries(made, limit="200")]
    assert outcomes[0] == "delivered"
    assert outcomes.count("away") == tried - 1


async def test_what_the_receiver_asks_to_wait_is_waited(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    pushing.one.answer = lambda _: (429, {"retry-after": "1800"})
    await pushing.push()
    due = (await pushing.read(made))["next_attempt_at"]
    for minutes, asked in ((29, 1), (31, 2)):
        with clock.travel(timedelta(minutes=minutes)):
            await pushing.push()
        assert len(pushing.one.got) == asked, due


async def test_who_wants_no_more_is_sent_nothing_until_somebody_resumes_it(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    await pushing.push()
    pushing.one.answer = lambda _: (410, {})
    item = await pushing.item()
    await pushing.push()
    await pushing.register(item)
    await pushing.push()
    assert set(pushing.one.types(item)) <= set(STEPS[:2])
    before = len(pushing.one.got)
    found = await pushing.read(made)
    assert (found["state"], found["state_reason"], found["version"]) == ("disabled", "gone", 2)
    told = await pushing.world.db.fetch("SELECT type FROM event WHERE subject_id = $1 ORDER BY seq", UUID(made["id"]))
    assert [row["type"] for row in told] == ["webhook_endpoint.created", "webhook_endpoint.disabled"]
    pushing.one.answer = lambda _: (200, {})
    assert (await pushing.change(made, body={"state": "active"}))["state_reason"] is None
    await pushing.push()
    assert pushing.one.types(item)[-3:] == STEPS[:3], "the one that was answered 410 was not taken"
    assert len(pushing.one.got) == before + 3


async def test_an_event_that_is_refused_again_and_again_is_set_aside_and_can_be_sent_once_more(
    pushing: Pushing,
) -> None:
    made = await pushing.endpoint()
    bad, good = await pushing.item(), await pushing.item()
    pushing.one.answer = lambda got: (422 if got.item == bad and got.type == "item.drafted" else 200, {})
    await pushing.push()
    await pushing.register(bad)
    await pushing.register(good)
    await pushing.push()
    assert pushing.one.types(good) == STEPS[:3]
    assert pushing.one.types(bad) == STEPS[:1], "what follows a refused event waits behind it"
    found = await pushing.read(made)
    assert (found["lag"], found["held"], found["last_error"]) == (0, 3, None)
    first = pushing.one.got[1].body
    for seconds, tried in ((6, 2), (70, 3), (700, 4), (4400, 5)):
        with clock.travel(timedelta(seconds=seconds)):
            await pushing.push()
        assert pushing.one.types(bad).count("item.drafted") == tried
    assert pushing.one.types(bad)[-2:] == STEPS[1:3]
    assert [got.body == first for got in pushing.one.got if got.type == "item.drafted" and got.item == bad] == [
        True
    ] * 5
    assert await pushing.world.db.fetchval(HELD) == 0
    [aside] = await pushing.deliveries(made, outcome="set_aside")
    assert (aside["attempt"], aside["http_status"], aside["error"]) == (5, 422, "http_422")
    assert [row["attempt"] for row in await pushing.deliveries(made, outcome="refused")] == [4, 3, 2, 1]
    pushing.one.answer = lambda _: (200, {})
    await pushing.change(made, ":replay", {"event_id": aside["event_id"]})
    with clock.travel(timedelta(seconds=4500)):
        await pushing.push()
    assert len([got for got in pushing.one.got if got.headers["webhook-id"] == aside["event_id"]]) == 6
    assert pushing.one.types(bad).count("item.drafted") == 6
    assert pushing.one.types(bad)[-1] == "item.drafted"


async def test_a_replay_from_a_position_sends_the_same_messages_again(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    await pushing.world.acknowledged()
    await pushing.push()
    first = {got.headers["webhook-id"]: got.body for got in pushing.one.got[1:]}
    pushing.one.got = []
    start = min(got["first_position"] for got in await pushing.deliveries(made) if got["first_position"])
    await pushing.change(made, ":replay", {"after": start})
    await pushing.push()
    again = {got.headers["webhook-id"]: got.body for got in pushing.one.got}
    assert again == dict(list(first.items())[1:])


async def test_an_event_that_its_receiver_chokes_on_is_passed_by_a_replay(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    await pushing.push()
    pushing.one.answer = lambda got: (500 if got.type == "item.drafted" else 200, {})
    item = await pushing.item()
    for hours in (0, 2, 5):
        with clock.travel(timedelta(hours=hours)):
            await pushing.push()
    assert pushing.one.types(item) == STEPS[:1] * 3
    [last, *_] = await pushing.deliveries(made, outcome="away")
    assert last["event_id"] == pushing.one.got[-1].headers["webhook-id"]
    await pushing.change(made, ":replay", {"after": last["last_position"]})
    await pushing.push()
    assert pushing.one.types(item)[3:] == ["item.submitted"]
    assert (await pushing.read(made))["failing_since"] is None


async def test_for_a_day_after_a_rotation_both_secrets_sign(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    rotated = await pushing.change(made, ":rotateSecret")
    assert rotated["secret"] != made["secret"]
    for hours, both in ((0, True), (23, True), (25, False)):
        item = await pushing.item()
        with clock.travel(timedelta(hours=hours)):
            await pushing.push()
        told = [got for got in pushing.one.got if got.item == item]
        assert [got.signed_with(rotated["secret"]) for got in told] == [True] * 2
        assert [got.signed_with(made["secret"]) for got in told] == [both] * 2
    assert pushing.one.types().count("webhook.ping") == 1, "two greetings that were not yet sent are one"


async def test_a_new_key_of_the_service_leaves_secrets_as_they_are_until_they_are_rotated(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    await rotate(pushing.world.db, pushing.world.app.state.settings.var, "webhook")
    pushing.dispatcher = pushing.another()
    await pushing.push()
    assert pushing.one.got[0].signed_with(made["secret"])


async def test_an_owner_who_lost_access_is_sent_nothing_and_misses_nothing_on_coming_back(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    await pushing.push()
    active = "UPDATE account SET active = $2 WHERE id = $1"
    await pushing.world.db.fetch(active, pushing.owner.account_id, False)
    item = await pushing.item()
    await pushing.push()
    assert pushing.one.types() == ["webhook.ping"]
    await pushing.world.db.fetch(active, pushing.owner.account_id, True)
    assert (await pushing.read(made))["last_error"] == "owner_has_no_access"
    with clock.travel(timedelta(minutes=2)):
        await pushing.push()
    assert pushing.one.types(item) == STEPS[:2]


async def test_what_the_owner_may_see_is_asked_at_the_moment_of_sending(pushing: Pushing) -> None:
    """Also of what is waiting to be tried again."""
    await pushing.endpoint()
    pushing.one.answer = lambda got: (200 if got.type == "webhook.ping" else 422, {})
    item = await pushing.item()
    await pushing.push()
    assert pushing.one.types(item) == STEPS[:1]
    elsewhere = await pushing.world.org.unit()
    await pushing.world.db.fetch("UPDATE role_grant SET unit_id = $2 WHERE person_id = $1", pushing.owner.id, elsewhere)
    await pushing.register(item)
    pushing.one.answer, pushing.one.got = lambda _: (200, {}), []
    with clock.travel(timedelta(hours=1)):
        await pushing.push()
    assert pushing.one.got == []
    assert await pushing.world.db.fetchval(HELD) == 0


async def test_nothing_but_ids_and_codes_is_told_even_of_what_the_owner_may_read(pushing: Pushing) -> None:
    await pushing.endpoint()
    canary = f"金丝雀{uuid4().hex[:8]}"
    await pushing.world.acknowledged(title=canary, description=canary, confidentiality="restricted")
    await pushing.push()
    assert len(pushing.one.got) == 6
    assert all(canary.encode() not in got.body and len(got.body) < 1000 for got in pushing.one.got)
    names = (pushing.world.liaison.id, pushing.world.office.id, pushing.world.leader.id)
    assert not any(str(name).encode() in got.body for got in pushing.one.got for name in names)


async def test_a_program_may_own_an_endpoint_within_its_scopes(pushing: Pushing) -> None:
    made, world = tokens.new_api_key(), pushing.world
    values = {"name": "办公系统", "hint": made.hint, "digest": made.digest, "unit_id": world.root, **STAMPS}
    scopes, until = ["webhook:manage", "event:read"], clock.now() + timedelta(hours=5)
    key = await world.org.put(ApiKey, **values, scopes=scopes, expires_at=until)
    headers = {"Authorization": f"Bearer {made.secret}"}
    answer = await pushing.send("POST", "", {"url": pushing.one.url}, headers=headers)
    assert (answer.status_code, answer.json()["owner_api_key_id"]) == (201, str(key))
    item = await pushing.item()
    await pushing.push()
    await pushing.register(item)
    with clock.travel(timedelta(hours=6)):
        await pushing.push()
    assert pushing.one.types(item) == STEPS[:2], "a key past its hour sends nothing"


async def test_until_the_greeting_is_taken_no_event_is_sent_and_none_set_aside(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    await pushing.item()
    pushing.one.answer = lambda _: (404, {})
    for hours in (0, 1, 3, 6):
        with clock.travel(timedelta(hours=hours)):
            await pushing.push()
    assert set(pushing.one.types()) == {"webhook.ping"}
    assert len({(got.headers["webhook-id"], got.body) for got in pushing.one.got}) == 1
    assert (await pushing.read(made))["last_error"] == "http_404"
    pushing.one.answer = lambda _: (204, {})
    with clock.travel(timedelta(hours=9)):
        await pushing.push()
    assert pushing.one.types()[-3:] == ["webhook.ping", *STEPS[:2]]


async def test_while_paused_nothing_is_sent_and_afterwards_everything(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    await pushing.push()
    await pushing.change(made, body={"state": "paused"})
    item = await pushing.item()
    await pushing.push()
    assert pushing.one.types(item) == []
    await pushing.change(made, body={"state": "active"})
    await pushing.push()
    assert pushing.one.types(item) == STEPS[:2]


async def test_a_receiver_that_hangs_holds_up_nobody_else(pushing: Pushing) -> None:
    hanging, _ = await pushing.endpoint(), await pushing.endpoint(pushing.other)
    pushing.one.silent = True
    item = await pushing.item()
    await assign_positions(pushing.world.db)
    async with asyncio.timeout(5):
        while not pushing.other.types(item):
            await pushing.dispatcher.run()
            await asyncio.sleep(0.05)
    assert not pushing.dispatcher.tasks[UUID(hanging["id"])].done()


async def test_an_address_no_longer_allowed_is_not_called_any_more(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    pushing.dispatcher.outgoing = Outgoing(Allowed.parse(["elsewhere.test"]))
    await pushing.push()
    assert pushing.one.got == []
    assert (await pushing.read(made))["last_error"] == "host_not_allowed"


async def test_two_processes_send_each_event_once(pushing: Pushing) -> None:
    await pushing.endpoint()
    other = pushing.another()
    for _ in range(3):
        await pushing.item()
        await assign_positions(pushing.world.db)
        await asyncio.gather(pushing.dispatcher.run(), other.run())
        await asyncio.gather(settled(pushing.dispatcher), settled(other))
    await pushing.push()
    ids = [got.headers["webhook-id"] for got in pushing.one.got]
    assert len(ids) == len(set(ids)) == 7
    await other.stop()


async def test_what_was_on_its_way_when_a_process_died_arrives_from_another(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    await pushing.push()
    item = await pushing.world.acknowledged()
    pushing.one.silent = True
    await assign_positions(pushing.world.db)
    assert await pushing.dispatcher.run() == 1
    await asyncio.sleep(0.2)
    for task in pushing.dispatcher.tasks.values():
        task.cancel()
    other = pushing.another()
    assert await other.run() == 0, "the dead one still holds the job"
    await pushing.world.db.fetch("UPDATE lease SET until = now() WHERE name = $1", LEASE)
    pushing.one.silent = False
    pushing.dispatcher = other
    await pushing.push()
    assert pushing.one.types(item) == STEPS
    assert (await pushing.read(made))["lag"] == 0


async def test_a_process_that_was_overtaken_while_it_slept_writes_nothing(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    await pushing.push()
    before = await pushing.read(made)
    await pushing.item()
    await assign_positions(pushing.world.db)

    assert await pushing.dispatcher.run() == 1
    await pushing.world.db.fetch("UPDATE lease SET until = now() WHERE name = $1", LEASE)
    assert await take(pushing.world.db, LEASE, uuid7(), TERM) is not None
    await settled(pushing.dispatcher)
    assert pushing.dispatcher.job.lease is None
    after = await pushing.read(made)
    assert after["cursor"] == before["cursor"]
    assert await pushing.dispatcher.run() == 0


async def test_a_change_made_while_messages_are_on_their_way_is_not_undone(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    await pushing.push()
    await pushing.item()
    await assign_positions(pushing.world.db)
    assert await pushing.dispatcher.run() == 1
    await pushing.change(made, ":replay", {"after": 0})
    await settled(pushing.dispatcher)
    await pushing.push()
    seen = {got.headers["webhook-id"] for got in pushing.one.got}
    everything = await pushing.world.ok(pushing.owner, "/v1/events", limit=200)
    assert {event["id"] for event in everything["items"]} <= seen


async def test_more_than_one_batch_arrives_whole(pushing: Pushing) -> None:
    made, many = await pushing.endpoint(), 120
    for _ in range(many):
        await pushing.world.org.item(UUID(pushing.world.ledger_id), pushing.world.bureau, (pushing.world.bureau,))
    await pushing.push()
    assert len({got.headers["webhook-id"] for got in pushing.one.got}) == len(pushing.one.got) == many + 1
    assert (await pushing.read(made))["lag"] == 0


async def test_a_working_service_pushes_without_being_asked(database: Clone, tmp_path: Path) -> None:
    async with receiving() as receiver:
        settings = settings_for(database.app_url, tmp_path / "var", webhook_hosts=(receiver.host,))
        async with running(create_app(settings, works=True)) as app:
            pushing = await build(app, receiver, receiver)
            made = await pushing.endpoint()
            item = await pushing.item()
            async with asyncio.timeout(60):
                while receiver.types(item) != STEPS[:2]:  # noqa: ASYNC110 - somebody else's system is watched
                    await asyncio.sleep(0.1)
            assert all(got.signed_with(made["secret"]) for got in receiver.got)
        connection = await asyncpg.connect(database.superuser_url)
        free = await connection.fetchval("SELECT until <= clock_timestamp() FROM lease WHERE name = $1", LEASE)
        await connection.close()
        assert free, "as soon as this process has left, another may go on"
