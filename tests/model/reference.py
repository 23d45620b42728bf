"""What the service should do, in plain Python: one item's life, who may touch it, and what is remembered of a key.

Nothing of the product is used here. The model knows a handful of requests (`MOVES`) completely: for anybody asking for
any of them at any moment it says what the answer is and what the item is afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

CHAIN = ("leader", "discipline", "first")
SIGNING = {"leader", "discipline", "office", "first"}
PARTS: dict[str, set[str]] = {
    "supervision_office": {"office"}, "supervision_office_2": {"office"}, "first_responsible": {"first"},
    "leader": {"leader"}, "leader_2": {"leader"}, "verifier": {"verifier"}, "survey_runner": {"runner"},
    "discipline_office": {"discipline"}, "source_office": {"source"}, "petition_office": set(),
    "unit_head": {"finder", "unit", "head"}, "liaison": {"finder", "unit"}, "assignee": set(), "viewer": set(),
    "auditor": set(), "integration": {"integration"},
    "double": {"office", "first", "leader", "verifier", "runner", "discipline", "finder", "unit", "head"},
}  # fmt: skip
OUTSIDE = {"unit_head_finance", "unit_head_safety", "system_admin", "security_admin"}
PEOPLE = [*PARTS, *OUTSIDE]
MAY_ACT = {
    "supervision_office", "supervision_office_2", "first_responsible", "leader", "leader_2", "verifier", "discipline_office",
    "source_office", "petition_office", "unit_head", "liaison", "double",
}  # fmt: skip
OF_THE_UNIT = {"unit_head", "liaison", "assignee"}
"""People with a post in the unit that leads and answers for every item of the model."""
OPEN = "registered assigned planning plan_review rectifying sustaining verifying closing public_notice"
BEFORE_CLOSE_OUT = "registered assigned planning plan_review rectifying sustaining"
VERSIONS = {"none": (428, "precondition_required"), "stale": (412, "version_mismatch")}
ENDS = ("decline", "merge", "split", "void", "transfer")


@dataclass
class Item:
    """`version` counts what succeeded; people are named by their accounts."""

    mode: str
    noticed: bool
    state: str = "draft"
    version: int = 1
    cycle: int = 1
    led: bool = False
    measures: dict[str, tuple[str, str]] = field(default_factory=dict)
    criteria: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, tuple[str, bool]] = field(default_factory=dict)
    authors: set[str] = field(default_factory=set)
    leaders: set[str] = field(default_factory=set)
    former: set[str] = field(default_factory=set)
    gates: dict[str, str] = field(default_factory=lambda: dict.fromkeys(("solved", "adequate", "satisfied"), "pending"))
    judged: list[tuple[str, str, str]] = field(default_factory=list)
    surveyed: set[str] = field(default_factory=set)
    submissions: int = 0
    submitter: str = ""
    step: int = 0
    round: int = 0
    signed: list[tuple[int, int, str]] = field(default_factory=list)
    declined: int = 0
    opinions: set[str] = field(default_factory=set)
    transfer_opinion: bool = False
    objections: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def named(self) -> set[str]:
        """Whoever answers for the item or for a part of it."""
        return self.leaders | self.former | ({"unit_head"} if self.led else set())

    def judges(self, gate: str) -> set[str]:
        """Those whose word on the gate still stands: what was reopened was nobody's."""
        return {who for name, _, who in self.judged if name == gate}

    def runners(self) -> set[str]:
        return self.judges("satisfied") | self.surveyed

    def last_signers(self) -> set[str]:
        return {who for round_, step, who in self.signed if (round_, step) == (self.round, len(CHAIN))}

    def hold(self) -> bool:
        return all(self.gates[g] == "passed" for g in ("solved", "adequate")) and self.gates["satisfied"] in {
            "passed",
            "waived",
        }


@dataclass(frozen=True)
class Move:
    """One kind of request. `unmet` names what stands against it, `then` does it to the model.

    `code` is the refusal out of season; `target` of a child is its id.
    """

    name: str
    by: frozenset[str]
    states: frozenset[str]
    unmet: Callable[[Item, str, str], Iterator[str]]
    then: Callable[[Item, str, str], None]
    code: str = "transition_not_allowed"
    needs_version: bool = True
    keyed: bool = True
    act: bool = True


MOVES: dict[str, Move] = {}


def parts(item: Item, who: str) -> set[str]:
    """What somebody is to the item now; in `closing` the chain decides who signs."""
    found = set(PARTS.get(who, set()))
    if not item.led:
        found -= {"unit", "head", "integration"}
    if item.state == "closing":
        found |= ({"step"} if CHAIN[item.step] in found else set()) | ({"member"} if found & set(CHAIN) else set())
    elif found & SIGNING:
        found |= {"step", "member"}
    return found


def sees(item: Item, who: str) -> bool:
    if who in OUTSIDE:
        return False
    return item.state != "draft" or "finder" in PARTS[who]


def expected(item: Item, name: str, who: str, target: str = "", if_match: str = "*") -> tuple[int, str]:
    """Status and problem code; the code is empty where the answer is yes."""
    move = MOVES[name]
    if not sees(item, who):
        return 404, "not_found"
    if not parts(item, who) & move.by:
        return 403, "forbidden"
    if move.needs_version and if_match in VERSIONS:
        return VERSIONS[if_match]
    if item.state not in move.states:
        return 409, move.code
    return refused(list(move.unmet(item, who, target)))


def refused(against: list[str]) -> tuple[int, str]:
    """What already happened to a child forbids more than a condition does; duties alone have a code of their own."""
    if "frozen" in against:
        return 409, "child_frozen"
    if "not_deletable" in against:
        return 409, "not_deletable"
    if against:
        return 409, "separation_of_duties" if set(against) == {"separation"} else "guards_unmet"
    return 0, ""


def happen(item: Item, name: str, who: str, target: str = "") -> None:
    """What the item is after the move succeeded."""
    MOVES[name].then(item, who, target)
    item.version += 1


def enter(item: Item, state: str) -> None:
    if state != item.state:
        item.state = state
        item.opinions.clear()


# --- conditions ---------------------------------------------------------------------------------------------------


def nothing(*_: object) -> Iterator[str]:
    return iter(())


def unchanged(*_: object) -> None:
    """Only the version."""


def apart(who: str, *others: set[str]) -> Iterator[str]:
    for group in others:
        if who in group:
            yield "separation"


def gates_hold(item: Item, *_: object) -> Iterator[str]:
    if not item.hold():
        yield "gates"


def may_decline(item: Item, *_: object) -> Iterator[str]:
    if item.declined >= 2 and "assignment" not in item.opinions:
        yield "twice"


def planned(item: Item, *_: object) -> Iterator[str]:
    if not item.measures:
        yield "no measure"
    if not item.criteria:
        yield "no criterion"


def not_own_plan(item: Item, who: str, _: str) -> Iterator[str]:
    return apart(who, item.authors)


def worked(item: Item, who: str, target: str) -> Iterator[str]:
    yield from shown_in_time(item, who, target)
    if any(status != "done" for status, _ in item.measures.values()):
        yield "open measures"
    shown = {criterion for criterion, _ in item.evidence.values()}
    if set(item.criteria) - shown:
        yield "no evidence"


def unjudged(item: Item, *_: object) -> Iterator[str]:
    if item.judged:
        yield "judged"


def failed(item: Item, *_: object) -> Iterator[str]:
    if "failed" not in item.gates.values():
        yield "none failed"


def may_sign(item: Item, who: str, _: str) -> Iterator[str]:
    yield from gates_hold(item)
    yield from apart(who, {item.submitter}, item.judges("solved"))
    if item.step + 1 == len(CHAIN):
        yield from apart(who, item.judges("adequate"), item.runners(), item.named())


def may_decide(item: Item, *_: object) -> Iterator[str]:
    yield from gates_hold(item)
    if not item.evidence:
        yield "no scan"
    decider = "first_responsible"
    everybody = (item.judges("solved"), item.judges("adequate"), item.runners(), item.named())
    yield from apart(decider, {item.submitter}, *everybody)


def may_rule(item: Item, who: str, target: str) -> Iterator[str]:
    yield from apart(who, item.judges("solved"), item.judges("adequate"), item.runners())
    if target in item.objections and item.objections[target][0] == who:
        yield "separation"


def may_uphold(item: Item, who: str, target: str) -> Iterator[str]:
    if target not in item.objections or item.objections[target][1]:
        yield "ruled"
    yield from may_rule(item, who, target)


def may_dismiss(item: Item, who: str, target: str) -> Iterator[str]:
    if item.objections[target][1]:
        yield "frozen"
    yield from may_rule(item, who, target)


def handed_over(item: Item, who: str, _: str) -> Iterator[str]:
    if "leader" not in item.leaders:
        yield "not the holder"
    if "office" not in parts(item, who):
        yield "by the office"
    judged = item.judges("solved") | item.judges("adequate") | item.runners() | item.last_signers()
    if "leader_2" in judged and item.submissions:
        yield "separation"


def agreed(name: str) -> Callable[[Item, str, str], Iterator[str]]:
    def unmet(item: Item, *_: object) -> Iterator[str]:
        if name not in item.opinions:
            yield name

    return unmet


def transferable(item: Item, *_: object) -> Iterator[str]:
    if not item.transfer_opinion:
        yield "no opinion"


def bare(item: Item, _: str, target: str) -> Iterator[str]:
    if any(criterion == target for criterion, _ in item.evidence.values()):
        yield "not_deletable"


def shown_in_time(item: Item, who: str, _: str) -> Iterator[str]:
    """While criteria are still being written only those who write them show evidence for them."""
    if item.state in {"assigned", "planning"} and "unit" not in parts(item, who):
        yield "frozen"


def uncited(item: Item, who: str, target: str) -> Iterator[str]:
    yield from shown_in_time(item, who, target)
    if item.evidence[target][1]:
        yield "frozen"


def independent(gate: str) -> Callable[[Item, str, str], Iterator[str]]:
    def unmet(item: Item, who: str, _: str) -> Iterator[str]:
        others = [{item.submitter}, item.last_signers(), item.named()]
        if gate in {"solved", "adequate"}:
            others.append(item.runners())
        else:
            others += [item.judges("solved"), item.judges("adequate")]
        if gate in {"solved", "satisfied"}:
            others.append(OF_THE_UNIT)
        if gate == "waiver" and ("satisfied", "failed") in {(name, result) for name, result, _ in item.judged}:
            yield "survey failed"
        yield from apart(who, *others)

    return unmet
