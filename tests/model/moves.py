"""Every request the model knows, as a table: by whom, when, what stands against it, what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.model import reference as r
from tests.model.reference import BEFORE_CLOSE_OUT, CHAIN, MOVES, OPEN, Item, Move, enter

__all__ = ["MOVES"]

Unmet = Callable[[Item, str, str], Iterator[str]]
Then = Callable[[Item, str, str], None]
WORK = "rectifying sustaining"
PLAN = "assigned planning"


def _act(name: str, states: str, by: str, then: Then | str, unmet: Unmet = r.nothing) -> None:
    does = _to(then) if isinstance(then, str) else then
    MOVES[name] = Move(name, frozenset(by.split()), frozenset(states.split()), unmet, does)


def _child(name: str, states: str, by: str, then: Then, unmet: Unmet = r.nothing) -> None:
    deletes = name.endswith(("_removed", "_done", "_undone", "dismiss"))
    MOVES[name] = Move(
        name, frozenset(by.split()), frozenset(states.split()), unmet, then, "child_frozen", needs_version=deletes,
        keyed=not deletes, act=False,
    )  # fmt: skip


def _to(state: str) -> Then:
    return lambda item, *_: enter(item, state)


def _assign(item: Item, *_: object) -> None:
    item.led, item.leaders = True, {"leader"}
    enter(item, "assigned")


def _decline(item: Item, *_: object) -> None:
    item.declined += 1
    enter(item, "registered")


def _acknowledge(item: Item, who: str, _: str) -> None:
    ready = item.mode == "immediate" and bool(item.measures) and bool(item.criteria)
    if ready:
        _freeze(item, who)
    enter(item, "rectifying" if ready else "planning")


def _freeze(item: Item, who: str) -> None:
    item.authors = {who} | {author for _, author in item.measures.values()} | set(item.criteria.values())


def _submit_plan(item: Item, who: str, _: str) -> None:
    _freeze(item, who)
    enter(item, "rectifying" if item.mode == "immediate" else "plan_review")


def _report(item: Item, who: str, _: str) -> None:
    item.submissions += 1
    item.submitter, item.step = who, 0
    item.gates = dict.fromkeys(item.gates, "pending")
    item.judged, item.surveyed, item.objections = [], set(), {}
    item.evidence = {key: (criterion, True) for key, (criterion, _) in item.evidence.items()}
    enter(item, "verifying")


def _pass(item: Item, *_: object) -> None:
    item.step, item.round = 0, item.round + 1
    enter(item, "closing")


def _approve(item: Item, who: str, _: str) -> None:
    item.signed.append((item.round, item.step + 1, who))
    item.step += 1
    if item.step == len(CHAIN):
        enter(item, "public_notice" if item.noticed else "closed")


def _rejected(to: str) -> Then:
    def reject(item: Item, who: str, _: str) -> None:
        held = r.PARTS[who]
        step = item.step if CHAIN[item.step] in held else next(n for n, role in enumerate(CHAIN) if role in held)
        item.signed.append((item.round, step + 1, who))
        item.step = 0
        if to == "verifying":
            item.gates["adequate"] = "pending"
        enter(item, to)

    return reject


def _uphold(item: Item, _: str, target: str) -> None:
    item.objections[target] = (item.objections[target][0], True)
    item.step = 0
    enter(item, "rectifying")


def _hand_over(item: Item, *_: object) -> None:
    item.leaders, item.former = {"leader_2"}, item.former | {"leader"}


def _reopen(item: Item, *_: object) -> None:
    item.cycle += 1
    item.measures, item.criteria, item.evidence, item.authors = {}, {}, {}, set()
    item.former, item.declined, item.transfer_opinion, item.step = set(), 0, False, 0
    item.gates = dict.fromkeys(item.gates, "pending")
    enter(item, "planning")


def _back(item: Item, *_: object) -> None:
    item.step = 0
    enter(item, "rectifying")


_act("submit", "draft", "finder", "submitted")
_act("register", "submitted", "office", "registered")
_act("return_for_supplement", "submitted", "office", "draft")
_act("decline", "submitted", "office", "declined")
_act("merge", "submitted registered assigned planning", "office", "merged")
_act("split", "registered assigned planning", "office", "split")
_act("assign", "registered", "office", _assign)
_act("decline_assignment", "assigned", "unit", _decline, r.may_decline)
_act("recall", "assigned planning plan_review", "office", "registered")
_act("acknowledge", "assigned", "unit", _acknowledge)
_act("submit_plan", "planning", "unit", _submit_plan, r.planned)
_act("approve_plan", "plan_review", "leader", "rectifying", r.not_own_plan)
_act("return_plan", "plan_review", "leader", "planning")
_act("report_completion", WORK, "head", _report, r.worked)
_act("withdraw_completion", "verifying", "unit", _back, r.unjudged)
_act("fail_verification", "verifying", "verifier office", _back, r.failed)
_act("pass_verification", "verifying", "office", _pass, r.gates_hold)
_act("approve_closure", "closing", "step", _approve, r.may_sign)
_act("reject_closure", "closing", "step member", _rejected("rectifying"))
_act("reject_to_verifying", "closing", "step member", _rejected("verifying"))
_act("finish_notice", "public_notice", "office", "closed", lambda *_: iter(["running"]))
_act("uphold_objection", "public_notice", "office", _uphold, r.may_uphold)
_act("enter_sustaining", "rectifying", "leader", "sustaining", r.agreed("sustain"))
_act("stage_review", "sustaining", "office", "sustaining")
_act("reclassify", OPEN, "office first", r.unchanged)
_act("hand_over", OPEN, "head office", _hand_over, r.handed_over)
_act("reopen", "closed", "office discipline source unit", _reopen)
_act("void", BEFORE_CLOSE_OUT, "first", "voided")
_act("transfer", f"submitted {BEFORE_CLOSE_OUT}", "discipline", "transferred", r.transferable)
_act("record_offline_closure", "verifying closing", "office", "closed", r.may_decide)


def _measure(item: Item, who: str, target: str) -> None:
    item.measures[target] = ("not_started", who)


def _status(status: str) -> Then:
    def set_status(item: Item, _: str, target: str) -> None:
        item.measures[target] = (status, item.measures[target][1])

    return set_status


def _removed(where: str) -> Then:
    def remove(item: Item, _: str, target: str) -> None:
        del getattr(item, where)[target]

    return remove


def _criterion(item: Item, who: str, target: str) -> None:
    item.criteria[target] = who


def _evidence(item: Item, _: str, target: str) -> None:
    criterion, _, key = target.partition("/")
    item.evidence[key] = (criterion, False)


def _gate(gate: str, result: str) -> Then:
    def judge(item: Item, who: str, _: str) -> None:
        item.gates[gate] = result
        item.judged.append((gate, result, who))
        if gate == "satisfied" and result != "waived":
            item.surveyed.add(who)
        if gate == "solved" and result != "waived":
            item.evidence = {key: (criterion, True) for key, (criterion, _) in item.evidence.items()}

    return judge


def _opinion(name: str) -> Then:
    return lambda item, *_: item.opinions.add(name)


def _transfer_opinion(item: Item, *_: object) -> None:
    item.transfer_opinion = True


def _lodge(item: Item, who: str, target: str) -> None:
    item.objections[target] = (who, False)


def _dismiss(item: Item, _: str, target: str) -> None:
    item.objections[target] = (item.objections[target][0], True)


_child("measure", PLAN, "unit", _measure)
_child("measure_removed", PLAN, "unit", _removed("measures"))
_child("measure_done", WORK, "unit", _status("done"))
_child("measure_undone", WORK, "unit", _status("in_progress"))
_child("criterion", PLAN, "unit", _criterion)
_child(
    "criterion_removed",
    PLAN,
    "unit",
    _removed("criteria"),
    r.bare,
)
_child("evidence", f"{PLAN} {WORK}", "unit integration", _evidence, r.shown_in_time)
_child(
    "evidence_removed",
    f"{PLAN} {WORK}",
    "unit integration",
    _removed("evidence"),
    r.uncited,
)
_child("solved", "verifying", "verifier", _gate("solved", "passed"), r.independent("solved"))
_child("unsolved", "verifying", "verifier", _gate("solved", "failed"), r.independent("solved"))
_child("adequate", "verifying", "office", _gate("adequate", "passed"), r.independent("adequate"))
_child("inadequate", "verifying", "office", _gate("adequate", "failed"), r.independent("adequate"))
_child("satisfied", "verifying", "runner", _gate("satisfied", "passed"), r.independent("satisfied"))
_child("dissatisfied", "verifying", "runner", _gate("satisfied", "failed"), r.independent("satisfied"))
_child("waived", "verifying", "leader", _gate("satisfied", "waived"), r.independent("waiver"))
_child("agree_sustain", "rectifying", "first", _opinion("sustain"))
_child("agree_assignment", "assigned", "first", _opinion("assignment"))
_child("agree_transfer", f"submitted {BEFORE_CLOSE_OUT}", "office", _transfer_opinion)
_child("object", "public_notice", "office", _lodge)
_child("dismiss", "public_notice", "office", _dismiss, r.may_dismiss)
