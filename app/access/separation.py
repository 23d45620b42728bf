"""Separation of duties: which person may not do which act, because of what that person did or is in the same item.

The same table judges real acts and explains in advance who could act. It is never switched off; where nobody
is independent, the policy's fallback names another unit and not an exception here.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from app.core.errors import Text

People = frozenset[UUID]
NOBODY: Final[People] = frozenset()


@dataclass(frozen=True, slots=True)
class Conflicts:
    """Who asks, who did what about the current submission, and who belongs to the units it concerns.

    `persons` is the caller and everyone the caller stands in for: a delegate inherits the principal's conflicts. The
    author of an accountability sub-check is in none of the other sets: that check counts for itself alone. A waiver of
    the survey makes its author a runner. `parties` and `responsible_side` are the people with a post in the lead,
    responsible and cooperating units, or in the responsible unit, or below them, on any day since the cycle was
    registered.
    """

    persons: People
    submitters: People = NOBODY
    problem_judges: People = NOBODY
    adequate_judges: People = NOBODY
    runners: People = NOBODY
    last_signers: People = NOBODY
    named: People = NOBODY
    parties: People = NOBODY
    responsible_side: People = NOBODY
    plan_authors: People = NOBODY


class Rule(NamedTuple):
    """One thing that excludes: the set of people it is about, its stable code, and why."""

    people: str
    code: str
    detail: Text


Unmet = tuple[str, Text]
"""The code of a broken rule, and the sentence."""


SUBMITTER: Final = Rule(
    "submitters",
    "separation.submitter",
    Text("申报完成的人不得办理本环节", "Whoever reported completion may not do this"),
)
PROBLEM_JUDGE: Final = Rule(
    "problem_judges",
    "separation.problem_judge",
    Text("核查问题是否解决的人不得办理本环节", "Whoever judged that the problem is solved may not do this"),
)
ADEQUATE_JUDGE: Final = Rule(
    "adequate_judges",
    "separation.adequate_judge",
    Text("核查整改是否到位的人不得办理本环节", "Whoever judged that the rectification is adequate may not do this"),
)
RUNNER: Final = Rule(
    "runners",
    "separation.survey_runner",
    Text("组织满意度测评的人不得办理本环节", "Whoever ran or waived the survey may not do this"),
)
LAST_SIGNER: Final = Rule(
    "last_signers",
    "separation.last_signer",
    Text("签署最后一级销号意见的人不得办理本环节", "Whoever signs the last step of closing may not do this"),
)
NAMED: Final = Rule(
    "named",
    "separation.named_person",
    Text("事项中列名的责任人员不得办理本环节", "A person named in the item may not do this"),
)
PARTY: Final = Rule(
    "parties",
    "separation.party_unit",
    Text(
        "立账以来在牵头、责任或配合单位任职的人不得办理本环节",
        "Nobody with a post in the lead, responsible or cooperating units since registration may do this",
    ),
)
RESPONSIBLE_SIDE: Final = Rule(
    "responsible_side",
    "separation.responsible_unit",
    Text(
        "立账以来在责任单位任职的人不得办理本环节",
        "Nobody with a post in the responsible unit since registration may do this",
    ),
)
PLAN_AUTHOR: Final = Rule(
    "plan_authors",
    "separation.plan_author",
    Text("编制方案的人不得审定方案", "An author of the plan may not approve it"),
)
OBJECTOR: Final = Text("登记异议的人不得裁定该异议", "Whoever lodged the objection may not rule on it")

_JUDGE_PROBLEM_SOLVED: Final = (SUBMITTER, RUNNER, LAST_SIGNER, NAMED, PARTY)
_JUDGE_ADEQUATE: Final = (SUBMITTER, RUNNER, LAST_SIGNER, NAMED)
_JUDGE_ACCOUNTABILITY: Final = (SUBMITTER, NAMED)
_WAIVE_SURVEY: Final = (SUBMITTER, PROBLEM_JUDGE, ADEQUATE_JUDGE, LAST_SIGNER, NAMED)
_RUN_SURVEY: Final = (*_WAIVE_SURVEY, RESPONSIBLE_SIDE)
_SIGN_STEP: Final = (SUBMITTER, PROBLEM_JUDGE)
_SIGN_LAST_STEP: Final = (SUBMITTER, PROBLEM_JUDGE, ADEQUATE_JUDGE, RUNNER, NAMED)
_RULE_OBJECTION: Final = (PROBLEM_JUDGE, ADEQUATE_JUDGE, RUNNER)


def judge_problem_solved(conflicts: Conflicts) -> list[Unmet]:
    """The first gate is judged from outside: no post in any unit concerned since the cycle was registered."""
    return _unmet(_JUDGE_PROBLEM_SOLVED, conflicts, conflicts.persons)


def judge_adequate(conflicts: Conflicts) -> list[Unmet]:
    """The same person may judge both the first and the second gate; nothing else of the submission may be theirs."""
    return _unmet(_JUDGE_ADEQUATE, conflicts, conflicts.persons)


def judge_accountability(conflicts: Conflicts) -> list[Unmet]:
    """The sub-check of the discipline office."""
    return _unmet(_JUDGE_ACCOUNTABILITY, conflicts, conflicts.persons)


def run_survey(conflicts: Conflicts, runner: UUID | None = None) -> list[Unmet]:
    """`runner` is named where a colleague records the survey that person held."""
    return _unmet(_RUN_SURVEY, conflicts, conflicts.persons if runner is None else {runner})


def waive_survey(conflicts: Conflicts) -> list[Unmet]:
    """A waiver stands in the place of the survey, so its author stands in the runner's."""
    return _unmet(_WAIVE_SURVEY, conflicts, conflicts.persons)


def sign_chain_step(conflicts: Conflicts, *, last: bool) -> list[Unmet]:
    """Earlier steps are opinions; the last one closes, hence excludes everybody who had a part."""
    return _unmet(_SIGN_LAST_STEP if last else _SIGN_STEP, conflicts, conflicts.persons)


def approve_plan(conflicts: Conflicts) -> list[Unmet]:
    """Nobody approves what they wrote."""
    return _unmet((PLAN_AUTHOR,), conflicts, conflicts.persons)


def rule_objection(conflicts: Conflicts, *, lodged_by: UUID | None) -> list[Unmet]:
    """An objection doubts the judges' work, and whoever brings it forward is no neutral either."""
    found = _unmet(_RULE_OBJECTION, conflicts, conflicts.persons)
    if lodged_by in conflicts.persons:
        found.append(("separation.objection_lodger", OBJECTOR))
    return found


def decide_offline(conflicts: Conflicts, decider: UUID) -> list[Unmet]:
    """A paper signature closes as the last step does; the one who records it is judged by the caller's own rules."""
    return _unmet(_SIGN_LAST_STEP, conflicts, {decider})


def _unmet(rules: Iterable[Rule], conflicts: Conflicts, persons: AbstractSet[UUID]) -> list[Unmet]:
    return [(rule.code, rule.detail) for rule in rules if persons & getattr(conflicts, rule.people)]
