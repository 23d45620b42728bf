"""What is sent and answered about the gates of an item and about its readiness for closing."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.access.permissions import Role
from app.core.enums import LabelledEnum
from app.core.errors import Text
from app.core.fields import Day, Instant, Line, LongText
from app.core.messages import refusal
from app.core.models import Api, Out
from app.core.paging import PageOf, PageQuery
from app.features.closeout.rules import AnswerValue, SurveyKind
from app.lifecycle.policy import SodFallback
from app.lifecycle.schemas import NextMover
from app.lifecycle.states import Action, Gate, GateStatus, State

EvidenceIds = Annotated[list[UUID], Field(max_length=50)]
Fen = Annotated[int, Field(ge=0, le=10**15, description="单位：分 · In fen")]
Ballots = Annotated[int, Field(ge=0, le=1_000_000)]


class Verification(LabelledEnum):
    """How a verifier looked."""

    DESK = "desk", "查阅资料", "By the papers"
    ON_SITE = "on_site", "现场核查", "On site"
    RECHECK = "recheck", "复查", "A second look"


class GatePart(LabelledEnum):
    """The whole gate, or the discipline office's sub-check of accountability."""

    WHOLE = "whole", "整体", "The whole gate"
    ACCOUNTABILITY = "accountability", "追责核查", "The accountability sub-check"


class GateVerdict(LabelledEnum):
    """What was recorded about a gate; `reopened` asks for it to be judged anew."""

    PASSED = "passed", "通过", "Passed"
    FAILED = "failed", "不通过", "Failed"
    WAIVED = "waived", "豁免", "Waived"
    NOT_EVALUABLE = "not_evaluable", "无法评定", "Not evaluable"
    REOPENED = "reopened", "重新评定", "To be judged anew"


class CriterionFinding(Api):
    """One completion criterion as judged, with what shows it."""

    criterion_id: UUID
    met: bool
    evidence_ids: EvidenceIds
    note: LongText | None = None


class VisitIn(Api):
    """Who looked on site, where and when; at least two people, by name or by id."""

    on: Day | None = None
    place: Line | None = None
    persons: Annotated[list[Line], Field(max_length=20)] = []
    person_ids: Annotated[list[UUID], Field(max_length=20)] = []


class MoneyIn(Api):
    """Money that had to come back; a difference is explained."""

    due_fen: Fen
    recovered_fen: Fen
    explanation: LongText | None = None


class _GateIn(Api):
    occurred_at: Instant | None = None
    comment: LongText | None = None


class ProblemSolvedIn(_GateIn):
    """A verifier's findings on every completion criterion of the current cycle; the verdict follows from them."""

    gate: Literal[Gate.PROBLEM_SOLVED]
    verification: Verification
    criteria: Annotated[list[CriterionFinding], Field(max_length=100)]
    visit: VisitIn | None = None
    money: MoneyIn | None = None

    @model_validator(mode="after")
    def _each_criterion_once(self) -> Self:
        if len({criterion.criterion_id for criterion in self.criteria}) != len(self.criteria):
            raise refusal("repeated", Text("同一完成标准判定了两次", "A criterion is judged twice"))
        return self


class AnswerIn(Api):
    """An answer to one question; "na" needs its reason."""

    answer: AnswerValue
    reason: LongText | None = None


class ChecklistIn(Api):
    """The five questions of the second gate."""

    measures_done: AnswerIn | None = None
    root_cause_removed: AnswerIn | None = None
    same_kind_looked_for: AnswerIn | None = None
    institutional_outcome: AnswerIn | None = None
    accountability: AnswerIn | None = None


class AdequateIn(_GateIn):
    """The supervision office's checklist, or the discipline office's answer on accountability alone."""

    gate: Literal[Gate.RECTIFICATION_ADEQUATE]
    part: GatePart = GatePart.WHOLE
    checklist: ChecklistIn

    @model_validator(mode="after")
    def _sub_check_answers_one_question(self) -> Self:
        if self.part is GatePart.ACCOUNTABILITY and self.checklist.model_fields_set - {"accountability"}:
            text = Text("追责核查只回答追责一项", "The sub-check answers the question of accountability alone")
            raise refusal("accountability_alone", text)
        return self


class SurveyIn(Api):
    """A survey held on paper; below five people invited it is a return visit (回访)."""

    held_on: Day
    runner_id: UUID | None = None
    invited: Ballots
    satisfied: Ballots
    basically_satisfied: Ballots
    dissatisfied: Ballots
    unknown: Ballots
    invalid: Ballots
    unanswered_named: Ballots
    scan_id: UUID


class WaiverIn(Api):
    """Why nobody is asked; printed on the form of closing and counted."""

    reason: LongText


class SatisfiedIn(_GateIn):
    """Either a survey, or a leader's waiver of it."""

    gate: Literal[Gate.PEOPLE_SATISFIED]
    survey: SurveyIn | None = None
    waiver: WaiverIn | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.survey is None) == (self.waiver is None):
            text = Text("survey 与 waiver 须且只须填写一项", "Exactly one of survey and waiver is needed")
            raise refusal("survey_or_waiver", text)
        return self


GateIn = Annotated[ProblemSolvedIn | AdequateIn | SatisfiedIn, Field(discriminator="gate")]


class CriterionFindingOut(Out):
    criterion_id: UUID
    met: bool
    evidence_ids: list[UUID]
    note: str | None


class VisitOut(Out):
    on: Day | None
    place: str | None
    persons: list[str]
    person_ids: list[UUID]


class MoneyOut(Out):
    """Amounts in fen."""

    due_fen: int
    recovered_fen: int
    explanation: str | None


class SolvedOut(Out):
    """What the verifier found."""

    verification: Verification
    criteria: list[CriterionFindingOut]
    visit: VisitOut | None
    money: MoneyOut | None


class AnswerOut(Out):
    answer: AnswerValue
    reason: str | None


class ChecklistOut(Out):
    measures_done: AnswerOut | None
    root_cause_removed: AnswerOut | None
    same_kind_looked_for: AnswerOut | None
    institutional_outcome: AnswerOut | None
    accountability: AnswerOut | None


class SurveyOut(Out):
    """A recorded survey; what is confidential is null for other readers than its runner and those who oversee."""

    id: UUID
    kind: SurveyKind
    held_on: Day
    runner_id: UUID
    invited: int | None
    satisfied: int | None
    basically_satisfied: int | None
    dissatisfied: int | None
    unknown: int | None
    invalid: int | None
    unanswered_named: int | None
    scan_id: UUID | None


class UnmetOut(Out):
    """One reason why something does not hold; `about` names the criterion (by its place) or the question."""

    rule: str
    detail: str
    about: str | None


class GateResultOut(Out):
    """One recorded verdict; `masked_fields` names what is withheld from this caller."""

    id: UUID
    item_id: UUID
    cycle: int
    submission_no: int
    gate: Gate
    part: GatePart
    result: GateVerdict
    solved: SolvedOut | None
    checklist: ChecklistOut | None
    survey: SurveyOut | None
    waiver_reason: str | None
    unmet: list[UnmetOut]
    comment: str | None
    judge_id: UUID | None
    judge_unit_id: UUID | None
    on_behalf_of: UUID | None
    occurred_at: Instant
    recorded_at: Instant
    masked_fields: list[str]


class GateStateOut(Out):
    """Where a gate stands for the current submission, with the verdict that made it so."""

    gate: Gate
    status: GateStatus
    latest: GateResultOut | None
    accountability: Annotated[
        GateResultOut | None, Field(description="最近一次追责核查 · The latest accountability sub-check")
    ]


class GatePage(PageOf[GateResultOut]):
    """The three gates as they stand, and a page of all verdicts on one submission."""

    submission_no: int
    gates: list[GateStateOut]


class GateQuery(PageQuery):
    """Which verdicts to list."""

    submission_no: Annotated[
        int | None, Field(ge=1, le=1_000_000, description="缺省为当前申请 · The current submission unless one is named")
    ] = None


class MissingOut(Out):
    """One thing that is missing, and the roles that can supply it."""

    rule: str
    detail: str
    who: list[str]


class GateReadinessOut(Out):
    gate: Gate
    status: GateStatus
    missing: list[MissingOut]


class ChainStepOut(Out):
    """One signature on the way to closing."""

    step: int
    role: Role
    label: str
    signed: bool
    signer_id: UUID | None


class ClosingReadinessOut(Out):
    """Why an item is not closed yet; `ready` says that nothing is missing for `next_action` but somebody to take it."""

    item_id: UUID
    state: State
    version: int
    next_action: Action | None
    ready: bool
    gates: list[GateReadinessOut]
    guards: list[MissingOut]
    chain: list[ChainStepOut]
    sod_fallback: Annotated[
        SodFallback, Field(description="无独立人员时由谁接手 · Where to look when nobody is independent")
    ]
    next_movers: list[NextMover]
