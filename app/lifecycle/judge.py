"""From a locked row and its gathered facts to a verdict: may this step happen, and if not, everything that is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from app.access.actor import Actor
from app.access.permissions import Role
from app.core import clock
from app.core.db import Row
from app.core.errors import Fault, Problem, Text
from app.core.etag import require_version
from app.core.workdays import Calendar
from app.lifecycle import facts as f
from app.lifecycle.action_data import Document
from app.lifecycle.gather import Named, child_facts, conflicts_of, policy_of
from app.lifecycle.parties import Party, anchors, parties
from app.lifecycle.states import Action, Confidentiality, State
from app.lifecycle.transitions import BY_ACTION, NEED_DATA, Transition

_ROLES_OF_PARTY: Mapping[Party, tuple[Role, ...]] = {
    Party.LEADER: (Role.LEADER,),
    Party.FIRST_RESPONSIBLE: (Role.FIRST_RESPONSIBLE,),
    Party.LEAD_UNIT: (Role.UNIT_HEAD, Role.LIAISON),
    Party.LEAD_UNIT_HEAD: (Role.UNIT_HEAD,),
}
"""The lendable roles by which a party is played; the signers of a chain are in the row."""
ANSWERS = frozenset({Action.PASS_VERIFICATION, Action.FAIL_VERIFICATION, Action.APPROVE_CLOSURE, Action.REJECT_CLOSURE})
"""What answers a completion report: dated before it, a signature would close the item before it was rectified."""
NOT_YOURS = Text("您在该问题上没有办理这一操作的职责", "You have no part in this item that allows the action")
NO_SUCH_PRINCIPAL = Text("您没有受该人委托", "You hold no delegation of that person")


@dataclass(frozen=True, slots=True)
class Step:
    """One requested transition; `if_match` is compared with the version under the lock."""

    item_id: UUID
    action: Action
    data: Any
    if_match: str | None
    comment: str | None = None
    occurred_at: datetime | None = None
    on_behalf_of: UUID | None = None
    document: Document | None = None

    @property
    def related_ids(self) -> tuple[UUID, ...]:
        """Other items this step writes to; they are locked along with its own."""
        found = (getattr(self.data, name, None) for name in ("target_id", "rehome_to_id"))
        return tuple(item_id for item_id in found if item_id is not None)

    def people(self) -> set[UUID]:
        names = ("responsible_person_id", "liaison_id", "from_person_id", "to_person_id", "decider_id")
        found = {getattr(self.data, name, None) for name in names} | {self.on_behalf_of}
        found |= set(getattr(self.data, "accountable_leader_ids", None) or ())
        found |= {measure.person_id for measure in getattr(self.data, "measures", ())}
        return {person for person in found if person}

    def units(self) -> set[UUID]:
        found = {getattr(self.data, name, None) for name in ("lead_unit_id", "responsible_unit_id")}
        found |= set(getattr(self.data, "cooperating_unit_ids", None) or ())
        found |= {child.responsible_unit_id for child in getattr(self.data, "children", ())}
        found |= {measure.unit_id for measure in getattr(self.data, "measures", ())}
        return {unit for unit in found if unit}

    def categories(self) -> set[str]:
        found = {getattr(self.data, "category", None)}
        found |= {child.category for child in getattr(self.data, "children", ())}
        return {category for category in found if category}


def everything_named(
    actor: Actor, rows: Iterable[Mapping[str, Any]], steps: Sequence[Step] = (), people: Iterable[UUID] = ()
) -> Named:
    """Whoever and whatever the request, the items and the actor name, to be looked up along with the facts."""
    persons: set[UUID | None] = {*actor.persons(), *people}
    units: set[UUID | None] = set()
    for row in rows:
        persons |= {row["responsible_person_id"], row["liaison_id"], *row["accountable_leader_ids"]}
        units |= {row["lead_unit_id"], row["responsible_unit_id"], *row["cooperating_unit_ids"]}
    for step in steps:
        persons |= step.people()
        units |= step.units()
    return Named(
        frozenset(person for person in persons if person),
        frozenset(unit for unit in units if unit),
        frozenset(category for step in steps for category in step.categories()),
    )


def may_ask(actor: Actor, step: Step, row: Mapping[str, Any]) -> frozenset[Party]:
    """The parties the actor plays; raises 403 where none of them may take this action, then 428/412 for the version."""
    played = parties(actor, row)
    if not played & BY_ACTION[step.action].by or (actor.person_id is None and actor.kind != "system"):
        raise Problem("forbidden", NOT_YOURS)
    if step.on_behalf_of is not None and step.on_behalf_of not in actor.principal_ids:
        raise Problem("forbidden", NO_SUCH_PRINCIPAL)
    require_version(step.if_match, row["version"])
    return played


def right_state(step: Step, row: Mapping[str, Any]) -> Transition:
    transition = BY_ACTION[step.action]
    state = State(row["state"])
    if state not in transition.sources:
        detail = Text(
            f"“{state.zh}”状态下不能{step.action.zh}", f"{step.action.value} is not possible in {state.value}"
        )
        allowed = sorted(action.value for action, other in BY_ACTION.items() if state in other.sources)
        raise Problem("transition_not_allowed", detail, current_state=state.value, allowed_in_this_state=allowed)
    return transition


def refuse_words(step: Step, row: Mapping[str, Any]) -> None:
    """A secret stub has no text: a remark or a document's name beside the action would be all that everybody reads."""
    if row["confidentiality"] == Confidentiality.SECRET_STUB and (step.comment or step.document):
        text = Text("涉密占位问题不得填写说明和文件名称", "a secret stub takes neither a comment nor a document's name")
        raise Problem("guards_unmet", faults=[Fault("text", text, rule="secret_stub.text")])


def build_facts(  # noqa: PLR0913, PLR0917 - the parts a judgement is made of, each from another statement
    step: Step, actor: Actor, played: frozenset[Party], row: Mapping[str, Any], gathered: Row, calendar: Calendar,
    now: datetime, related: Mapping[UUID, f.Related], candidates: tuple[f.Candidate, ...],
) -> f.Facts:  # fmt: skip
    """Facts of one item; `now` is the moment of the write."""
    return f.Facts(
        action=step.action,
        item=row,
        data=step.data,
        now=now,
        today=clock.beijing_date(now),
        occurred_at=step.occurred_at or now,
        parties=played,
        policy=policy_of(gathered),
        policy_version=row["policy_version"] or gathered["policy_now"],
        calendar=calendar,
        conflicts=conflicts_of(row, gathered, actor.persons()),
        actor_person_id=actor.person_id,
        actor_unit_id=actor.unit_id,
        on_behalf_of=step.on_behalf_of or lent_by(actor, step.action, row),
        actor_persons=actor.persons(),
        candidates=candidates,
        related=related,
        has_document=step.document is not None,
        has_paper_date=step.occurred_at is not None,
        **child_facts(gathered),
    )


def lent_by(actor: Actor, action: Action, row: Mapping[str, Any]) -> UUID | None:
    """Whose role is being used where the actor's own grants would not do: both names are kept.

    The first responsible's word is more than an office's, so whoever lent it is named even beside an own role.
    """
    own = replace(actor, grants=tuple(grant for grant in actor.grants if grant.principal_id is None))
    by = BY_ACTION[action].by
    for party in sorted(by & {Party.FIRST_RESPONSIBLE} if by & parties(own, row) else by):
        for role in _roles_of(party, row):
            principal = actor.standing_in(role, anchors(role, row))
            if principal is not None:
                return principal
    return None


def _roles_of(party: Party, row: Mapping[str, Any]) -> Sequence[Role]:
    if row["state"] == State.CLOSING and party is Party.CHAIN_STEP:
        return (Role(row["chain"][row["chain_step"]]),)
    if row["state"] == State.CLOSING and party is Party.CHAIN_MEMBER:
        return tuple(Role(name) for name in row["chain"])
    return _ROLES_OF_PARTY.get(party, ())


def unmet(transition: Transition, facts: f.Facts, *, with_data: bool = True) -> list[f.Unmet]:
    """All unmet guards at once, so that nobody has to discover them one by one."""
    guards = (guard for guard in transition.guards if with_data or guard not in NEED_DATA)
    found = [reason for guard in guards for reason in guard(facts)]
    if with_data:
        found += _untimely(facts)
    if facts.action in ANSWERS and facts.submitted_at is not None and facts.occurred_at <= facts.submitted_at:
        text = Text("办理时间须晚于本次销号申请", "occurred_at must be later than the completion report")
        found.append(f.Unmet("occurred_at.before_submission", text))
    return found


def _untimely(facts: f.Facts) -> Iterator[f.Unmet]:
    """A paper date lies in the past, and not before what the step follows: what is back-dated proves nothing."""
    previous, found_on = facts.item["effective_at"], facts.item["found_on"]
    if facts.occurred_at > facts.now:
        yield f.Unmet("occurred_at.future", Text("办理时间不能晚于现在", "occurred_at must not be in the future"))
    if previous is not None and facts.occurred_at < previous:
        text = Text("办理时间不能早于上一步", "occurred_at must not be earlier than the step before")
        yield f.Unmet("occurred_at.before_previous", text)
    if found_on is not None and facts.occurred_on < found_on:
        text = Text("办理时间不能早于问题发现日期", "occurred_at must not be earlier than found_on")
        yield f.Unmet("occurred_at.before_found", text)


def refusal(found: Iterable[f.Unmet]) -> Problem | None:
    """One 409 naming every rule; its code says whether only the separation of duties stands in the way."""
    faults = [
        Fault(
            reason.rule.rpartition(".")[2],
            reason.text,
            rule=reason.rule,
            members={"who": list(reason.who), **reason.about},
        )
        for reason in found
    ]
    if not faults:
        return None
    only_separation = all(str(fault.rule).startswith("separation.") for fault in faults)
    return Problem("separation_of_duties" if only_separation else "guards_unmet", faults=faults)
