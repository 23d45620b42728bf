"""Who sees which item, on the database: own unit, child, parent, sibling, drafts, names, offices, delegations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from app.access import tokens
from app.access.actor import Actor
from app.access.authenticate import ACTOR_CTE, authenticate, credential_of
from app.access.memory import Memory
from app.access.permissions import Permission, Role
from app.access.reach import WALKER, may_pass, reach_of
from app.access.scope import (
    CTE,
    CTE_SEALED,
    Shape,
    hidden,
    item_in_scope,
    predicate,
    restricted_predicate,
    restricted_read_sql,
    visible_sql,
)
from app.core import clock
from app.core.db import Tx
from app.core.errors import Problem
from app.lifecycle.side_tables import sync_persons
from app.tables.organisation import ApiKey
from tests.support.organisation import LONG_AGO, STAMPS, Organisation, Someone


@dataclass(frozen=True, slots=True)
class Tree:
    """parent > middle > child, and a sibling of the middle; the ledger belongs to the root above all."""

    org: Organisation
    app: FastAPI
    parent: UUID
    middle: UUID
    child: UUID
    sibling: UUID
    ledger: UUID

    def request(self, headers: dict[str, str]) -> Any:
        scope = {"app": self.app, "rectify.language": "zh-CN"}
        return SimpleNamespace(headers={name.lower(): value for name, value in headers.items()}, scope=scope)

    async def actor(self, who: Someone) -> Actor:
        return await authenticate(self.org.db, self.request(who.headers))

    async def sees(self, who: Someone, item: UUID) -> bool:
        """Asked in every way the service asks, which must all agree."""
        actor = await self.actor(who)
        answers = {"one": await item_in_scope(self.org.db, actor, item)}
        sql, args = visible_sql(actor, "i", 2, Shape.WHOLE if actor.whole_tree else Shape.MANY)
        answers["known"] = bool(
            await self.org.db.fetch(f"SELECT i.id FROM item i WHERE i.id = $1 AND {sql}", item, *args)
        )
        for shape in (Shape.WHOLE,) if actor.whole_tree else (Shape.FEW, Shape.MANY, Shape.WALK):
            sql = f"{ACTOR_CTE} SELECT i.id FROM actor, item i WHERE i.id = $5 AND {predicate(shape, 'i', CTE)}"
            credential = credential_of(self.request(who.headers))
            answers[f"one statement {shape}"] = bool(await self.org.db.fetch(sql, *credential, item))
        if answers["one"] and not actor.whole_tree:
            sql = f"{ACTOR_CTE}, {WALKER} SELECT FROM item w WHERE w.id = $5 AND {may_pass('w')}"
            answers["let through"] = bool(await self.org.db.fetch(sql, *credential, item))
        assert len(set(answers.values())) == 1, answers
        return answers["one"]

    async def shape(self, who: Someone) -> Shape:
        caller = await Memory().caller(self.org.db, credential_of(self.request(who.headers)), "zh-CN")
        reach = await reach_of(self.org.db, caller)
        assert reach is not None
        return reach.shape

    async def reads_unmasked(self, who: Someone, item: UUID) -> bool:
        actor = await self.actor(who)
        sql, args = restricted_read_sql(actor, "i", 2)
        known = await self.org.db.fetch(f"SELECT i.id FROM item i WHERE i.id = $1 AND {sql}", item, *args)
        sql = f"{ACTOR_CTE} SELECT i.id FROM actor, item i WHERE i.id = $5 AND {restricted_predicate('i', CTE_SEALED)}"
        credential = credential_of(self.request(who.headers))
        at_once = await self.org.db.fetch(sql, *credential, item)
        sql = f"{ACTOR_CTE} SELECT i.id FROM actor, item i WHERE i.id = $5 AND NOT {hidden('i', CTE_SEALED)}"
        among_many = await self.org.db.fetch(sql, *credential, item)
        assert bool(known) == bool(at_once) == bool(among_many)
        return bool(known)


@pytest.fixture
async def tree(app: FastAPI) -> Tree:
    org = Organisation.of(app)
    top = await org.unit()
    parent = await org.unit(top)
    middle = await org.unit(parent)
    child, sibling = await org.unit(middle), await org.unit(parent)
    return Tree(org, app, parent, middle, child, sibling, await org.ledger(top))


@pytest.mark.parametrize(
    ("held", "seen"), [("middle", True), ("parent", True), ("child", False), ("sibling", False), (None, False)]
)
async def test_a_reader_sees_the_items_of_the_unit_and_of_all_below(tree: Tree, held: str | None, seen: bool) -> None:
    item = await tree.org.item(tree.ledger, tree.sibling, (tree.middle,))
    who = await tree.org.person(*([("viewer", getattr(tree, held))] if held else []))
    assert await tree.sees(who, item) is seen


@pytest.mark.parametrize("role", ["system_admin", "security_admin", "audit_admin"])
async def test_administrators_see_no_items(tree: Tree, role: str) -> None:
    item = await tree.org.item(tree.ledger, tree.middle, (tree.middle,))
    assert not await tree.sees(await tree.org.person((role, tree.parent)), item)


async def test_a_draft_is_hidden_from_everybody_above(tree: Tree) -> None:
    author = await tree.org.person()
    item = await tree.org.item(tree.ledger, tree.middle, (tree.middle,), state="draft", finder_person_id=author.id)
    for role, unit, seen in [
        ("liaison", tree.middle, True),
        ("unit_head", tree.middle, True),
        ("viewer", tree.middle, False),
        ("liaison", tree.parent, False),
        ("liaison", tree.child, False),
        ("first_responsible", tree.parent, False),
    ]:
        assert await tree.sees(await tree.org.person((role, unit)), item) is seen
    assert await tree.sees(author, item)


async def test_a_lent_role_does_not_open_drafts(tree: Tree) -> None:
    item = await tree.org.item(tree.ledger, tree.middle, (), state="draft")
    head, stand_in = await tree.org.person(("unit_head", tree.middle)), await tree.org.person()
    await tree.org.delegation(head.id, stand_in.id, "unit_head")
    assert await tree.sees(head, item)
    assert not await tree.sees(stand_in, item)


async def test_the_finder_keeps_sight_of_what_was_submitted(tree: Tree) -> None:
    author = await tree.org.person()
    item = await tree.org.item(tree.ledger, tree.middle, (tree.sibling,), finder_person_id=author.id)
    assert await tree.sees(author, item)
    assert await tree.sees(await tree.org.person(("liaison", tree.middle)), item)


async def test_an_office_sees_all_of_its_ledger_whichever_units_the_items_name(tree: Tree) -> None:
    ledger = await tree.org.ledger(tree.sibling)
    item = await tree.org.item(ledger, tree.middle, (tree.middle,))
    assert await tree.sees(await tree.org.person(("supervision_office", tree.sibling)), item)
    assert not await tree.sees(await tree.org.person(("liaison", tree.sibling)), item)


async def _named_anew(tx: Tx, item: UUID) -> None:
    tx.at = clock.now()
    await sync_persons(tx, [item])


async def test_people_an_item_names_see_it_until_they_are_named_no_more(tree: Tree) -> None:
    leader, contact, outsider = [await tree.org.person() for _ in range(3)]
    item = await tree.org.item(
        tree.ledger, tree.sibling, (tree.middle,), liaison_id=contact.id, accountable_leader_ids=[leader.id]
    )
    assert [await tree.sees(who, item) for who in (leader, contact, outsider)] == [True, True, False]
    await tree.org.db.fetch("UPDATE item_person SET person_id = $2 WHERE person_id = $1", contact.id, outsider.id)
    await tree.org.db.write(lambda tx: _named_anew(tx, item))
    assert [await tree.sees(who, item) for who in (leader, contact, outsider)] == [True, True, False]


async def test_restricted_text_is_read_by_the_lead_unit_and_not_by_its_readers(tree: Tree) -> None:
    leader = await tree.org.person()
    item = await tree.org.item(
        tree.ledger,
        tree.sibling,
        (tree.child,),
        confidentiality="restricted",
        lead_unit_id=tree.middle,
        source_unit_id=tree.sibling,
        accountable_leader_ids=[leader.id],
    )
    top = await tree.org.db.fetchval("SELECT ancestors[1] FROM unit WHERE id = $1", tree.parent)
    for role, unit, reads in [
        ("liaison", tree.middle, True),
        ("unit_head", tree.parent, True),
        ("unit_head", tree.child, False),
        ("viewer", tree.parent, False),
        ("supervision_office", top, False),
        ("first_responsible", top, True),
        ("first_responsible", tree.parent, False),
        ("discipline_office", top, True),
        ("auditor", top, True),
        ("source_office", tree.sibling, True),
        ("source_office", tree.middle, False),
        ("leader", top, False),
    ]:
        assert await tree.reads_unmasked(await tree.org.person((role, unit)), item) is reads, (role, unit)
    assert await tree.reads_unmasked(leader, item)


@pytest.mark.parametrize(("start", "end", "lent"), [(-3, 3, True), (0, 0, True), (1, 5, False), (-5, -1, False)])
async def test_a_delegation_lends_roles_on_its_days_only(tree: Tree, start: int, end: int, lent: bool) -> None:
    item = await tree.org.item(tree.ledger, tree.sibling, (tree.middle,))
    head, stand_in = await tree.org.person(("unit_head", tree.middle)), await tree.org.person()
    today = clock.today()
    days = {"starts_on": today + timedelta(start), "ends_on": today + timedelta(end)}
    await tree.org.delegation(head.id, stand_in.id, "unit_head", **days)
    assert await tree.sees(stand_in, item) is lent
    assert (await tree.actor(stand_in)).persons() == ({stand_in.id, head.id} if lent else {stand_in.id})


async def test_what_was_lent_is_not_lent_on_and_never_more_than_named(tree: Tree) -> None:
    head = await tree.org.person(("unit_head", tree.middle), ("auditor", tree.middle), ("liaison", tree.middle))
    second, third = await tree.org.person(), await tree.org.person()
    await tree.org.delegation(head.id, second.id, "unit_head", "auditor")
    await tree.org.delegation(second.id, third.id, "unit_head")
    assert [(grant.role, grant.principal_id) for grant in (await tree.actor(second)).grants] == [
        (Role.UNIT_HEAD, head.id)
    ]
    assert (await tree.actor(third)).grants == ()


async def test_a_principal_who_left_lends_nothing(tree: Tree) -> None:
    head, stand_in = await tree.org.person(("unit_head", tree.middle)), await tree.org.person()
    await tree.org.delegation(head.id, stand_in.id, "unit_head")
    await tree.org.db.fetch("UPDATE person SET active = false WHERE id = $1", head.id)
    assert (await tree.actor(stand_in)).grants == ()


async def test_revoked_past_and_future_grants_give_nothing(tree: Tree) -> None:
    who = await tree.org.person()
    today = clock.today()
    await tree.org.grant(who.id, "viewer", tree.middle, revoked_at=clock.now())
    await tree.org.grant(who.id, "viewer", tree.middle, ends_on=today - timedelta(1))
    await tree.org.grant(who.id, "viewer", tree.middle, starts_on=today + timedelta(1))
    assert (await tree.actor(who)).grants == ()


async def test_any_change_of_powers_changes_the_stamp(tree: Tree) -> None:
    who = await tree.org.person(("viewer", tree.middle))
    before = (await tree.actor(who)).stamp
    assert (await tree.actor(who)).stamp == before
    grant = await tree.org.grant(who.id, "liaison", tree.middle)
    changed = (await tree.actor(who)).stamp
    await tree.org.db.fetch("UPDATE role_grant SET unit_id = $2 WHERE id = $1", grant, tree.child)
    assert len({before, changed, (await tree.actor(who)).stamp}) == 3


async def test_a_root_is_the_whole_tree_only_when_there_is_no_other(fresh_app: FastAPI) -> None:
    org = Organisation.of(fresh_app)
    root = await org.unit()
    for _ in range(60):
        await org.unit(root)
    who = await org.person(("leader", root))
    tree = Tree(org, fresh_app, root, root, root, root, await org.ledger(root))
    assert await tree.shape(who) is Shape.WHOLE
    assert await tree.sees(who, await org.item(tree.ledger, root, ()))
    assert not await tree.sees(who, await org.item(tree.ledger, root, (), state="draft"))
    await org.unit()
    actor = await tree.actor(who)
    assert not actor.whole_tree
    assert await tree.shape(who) is not Shape.WHOLE


async def key(tree: Tree, person: UUID | None, *scopes: str, hours: int = 1) -> Someone:
    made = tokens.new_api_key()
    key_id = await tree.org.put(
        ApiKey,
        name="OA",
        hint=made.hint,
        digest=made.digest,
        person_id=person,
        unit_id=tree.middle,
        scopes=list(scopes),
        expires_at=clock.now() + timedelta(hours=hours),
        **STAMPS,
    )
    return Someone(key_id, key_id, "", {"Authorization": f"Bearer {made.secret}"})


async def test_a_key_without_a_person_is_an_integration_of_its_unit_and_moves_nothing(tree: Tree) -> None:
    bearer = await key(tree, None, *(permission.value for permission in Permission))
    actor = await tree.actor(bearer)
    assert [(grant.role, grant.unit_id) for grant in actor.grants] == [(Role.INTEGRATION, tree.middle)]
    assert actor.persons() == frozenset()
    assert Permission.ITEM_DRAFT in actor.permissions
    assert not actor.permissions & {Permission.ITEM_ACT, Permission.APPROVAL_SIGN, Permission.RESTRICTED_READ}
    assert await tree.sees(bearer, await tree.org.item(tree.ledger, tree.sibling, (tree.child,)))
    assert not await tree.sees(bearer, await tree.org.item(tree.ledger, tree.sibling, (tree.sibling,)))


async def test_a_key_of_a_person_does_what_both_may(tree: Tree) -> None:
    head = await tree.org.person(("unit_head", tree.middle))
    bearer = await key(tree, head.id, "item:read", "gate:judge")
    actor = await tree.actor(bearer)
    assert actor.permissions == {Permission.ITEM_READ}
    assert actor.person_id == head.id
    hidden = {"confidentiality": "restricted", "lead_unit_id": tree.middle}
    item = await tree.org.item(tree.ledger, tree.sibling, (tree.middle,), **hidden)
    assert await tree.reads_unmasked(head, item)
    assert not await tree.reads_unmasked(bearer, item)


async def test_a_key_ends_by_its_clock_by_revocation_and_with_its_person(tree: Tree) -> None:
    head = await tree.org.person()
    bearer = await key(tree, head.id, "item:read")
    await tree.actor(bearer)
    with clock.travel(timedelta(hours=2)), pytest.raises(Problem):
        await tree.actor(bearer)
    await tree.org.db.fetch("UPDATE person SET active = false WHERE id = $1", head.id)
    with pytest.raises(Problem):
        await tree.actor(bearer)
    other = await key(tree, None, "item:read")
    await tree.org.db.fetch("UPDATE api_key SET revoked_at = now() WHERE id = $1", other.id)
    with pytest.raises(Problem):
        await tree.actor(other)


async def test_a_session_of_an_earlier_epoch_is_over(tree: Tree) -> None:
    who = await tree.org.person()
    await tree.actor(who)
    await tree.org.db.fetch("UPDATE account SET epoch = 2 WHERE id = $1", who.account_id)
    with pytest.raises(Problem) as refused:
        await tree.actor(who)
    assert refused.value.code == "invalid_token"
    assert (await tree.actor(replace(who, headers=tree.org.session(who.account_id, 2)))).person_id == who.id


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "unauthenticated"),
        ("", "unauthenticated"),
        ("Bearer", "unauthenticated"),
        ("Basic dTpw", "unauthenticated"),
        ("Bearer rlk_short", "invalid_token"),
        ("Bearer rlk_" + "x" * 43, "invalid_token"),
        ("Bearer nonsense", "invalid_token"),
        ("Bearer 0198f000-0000-7000-8000-000000000001", "invalid_token"),
    ],
)
async def test_other_credentials_are_refused(tree: Tree, value: str | None, code: str) -> None:
    request = tree.request({} if value is None else {"Authorization": value})
    with pytest.raises(Problem) as refused:
        await authenticate(tree.org.db, request)
    assert refused.value.code == code


async def test_the_post_held_today_is_the_one_acted_under(tree: Tree) -> None:
    who = await tree.org.person()
    await tree.org.post(who.id, tree.sibling, ends_on=LONG_AGO)
    await tree.org.post(who.id, tree.child, is_primary=False)
    main = await tree.org.post(who.id, tree.middle)
    actor = await tree.actor(who)
    assert (actor.post_id, actor.unit_id) == (main, tree.middle)
