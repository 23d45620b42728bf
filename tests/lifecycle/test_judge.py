"""The order in which somebody is told no: role, delegation, version, state; only then the conditions."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from app.access.permissions import Role
from app.core.errors import Problem
from app.lifecycle.judge import Step, may_ask, right_state
from app.lifecycle.parties import Party
from app.lifecycle.states import Action, State
from app.lifecycle.transitions import BY_ACTION
from tests.lifecycle.made import BUREAU, ITEM, LEAD, ME, actor, row, uid

OFFICE = actor((Role.SUPERVISION_OFFICE, BUREAU))


def step(action: Action = Action.RECALL, if_match: str | None = '"v7"', **parts: Any) -> Step:
    return Step(ITEM, action, None, if_match, **parts)


def code(work: Any) -> str:
    with pytest.raises(Problem) as caught:
        work()
    return caught.value.code


def test_the_parties_somebody_plays_are_given_back() -> None:
    assert Party.SUPERVISION_OFFICE in may_ask(OFFICE, step(), row("planning"))


def test_a_foreign_role_is_refused_before_anything_else_is_told() -> None:
    head = actor((Role.UNIT_HEAD, LEAD))
    assert code(lambda: may_ask(head, step(if_match=None), row("closed"))) == "forbidden"


@pytest.mark.parametrize(("given", "told"), [(None, "precondition_required"), ('"v6"', "version_mismatch")])
def test_the_version_is_asked_for_after_the_role(given: str | None, told: str) -> None:
    assert code(lambda: may_ask(OFFICE, step(if_match=given), row("planning"))) == told


def test_nobody_acts_for_somebody_who_has_lent_nothing() -> None:
    assert code(lambda: may_ask(OFFICE, step(on_behalf_of=uid(9)), row("planning"))) == "forbidden"


def test_a_program_without_a_person_takes_no_action_whatever_its_roles() -> None:
    program = actor(
        *((role, BUREAU) for role in Role), person=None, kind="api_key", account_id=None, api_key_id=uid(5),
        unit_id=row()["finder_unit_id"],
    )  # fmt: skip
    for action, state in product(Action, State):
        assert code(lambda a=action, s=state: may_ask(program, step(a), row(s))) == "forbidden"


def test_the_worker_finishes_notices_and_nothing_else() -> None:
    worker = actor(person=None, kind="system", account_id=None)
    for action in Action:
        if action is Action.FINISH_NOTICE:
            assert may_ask(worker, step(action), row("public_notice")) == {Party.SYSTEM}
        else:
            assert code(lambda a=action: may_ask(worker, step(a), row("public_notice"))) == "forbidden"


@pytest.mark.parametrize(("action", "state"), list(product(Action, State)))
def test_a_state_allows_the_actions_of_the_table_and_names_them_when_refusing(action: Action, state: State) -> None:
    if state in BY_ACTION[action].sources:
        assert right_state(step(action), row(state)) is BY_ACTION[action]
        return
    with pytest.raises(Problem) as caught:
        right_state(step(action), row(state))
    assert caught.value.code == "transition_not_allowed"
    allowed = {one.value for one, row_ in BY_ACTION.items() if state in row_.sources}
    assert caught.value.members == {"current_state": state.value, "allowed_in_this_state": sorted(allowed)}


def test_everybody_and_every_unit_a_request_names_is_looked_up() -> None:
    class Data:
        responsible_person_id = ME
        accountable_leader_ids = (uid(1), uid(2))
        lead_unit_id = LEAD
        cooperating_unit_ids = (BUREAU,)
        target_id = uid(3)

    asked = Step(ITEM, Action.ASSIGN, Data(), None, on_behalf_of=uid(4))
    assert asked.people() == {ME, uid(1), uid(2), uid(4)}
    assert asked.units() == {LEAD, BUREAU}
    assert asked.related_ids == (uid(3),)
