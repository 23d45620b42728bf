"""What a ledger may decide for itself, as versioned data; what it may never decide away is refused here.

A submission pins the version it is judged by, so every stored version must stay readable: fields are only ever added,
with a default that means what was meant before.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from app.access.permissions import Role
from app.core.enums import LABELLED, LabelledEnum
from app.core.errors import Text
from app.core.fields import Line, LongText
from app.core.messages import refusal
from app.core.models import Api
from app.lifecycle.numbering import DEFAULT_TEMPLATE, TemplateRefused, validate_template
from app.lifecycle.states import Gate

LONGEST_SOURCE_CODE = 32
"""Codes of source types stay within this, so that a template can be judged without looking at the database."""

SigningRole = Annotated[
    Literal[Role.LEADER, Role.DISCIPLINE_OFFICE, Role.SUPERVISION_OFFICE, Role.FIRST_RESPONSIBLE], LABELLED
]
_LAST_SIGNERS = frozenset({Role.FIRST_RESPONSIBLE, Role.LEADER})
_HALF = Fraction(1, 2)


class SodFallback(LabelledEnum):
    """Where to look for a judge when the unit has nobody without a conflict."""

    NONE = "none", "不另行指定", "No fallback"
    SUPERIOR_UNIT = "superior_unit", "由上级单位指派", "A person of the superior unit"
    PEER_UNIT = "peer_unit", "由同级单位交叉核查", "A person of a peer unit"


class DecisionBase(LabelledEnum):
    """Of whom a majority is counted."""

    ENTITLED = "entitled", "应到会人数", "Those entitled to vote"
    PRESENT = "present", "实到会人数", "Those present"


class Share(Api):
    """A share from 0 to 1 as two integers: 84.96 % must not round up to 85 %."""

    num: Annotated[int, Field(ge=0, le=10_000)]
    den: Annotated[int, Field(ge=1, le=10_000)]

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if self.num > self.den:
            raise refusal("share_above_one", Text("比例不能大于 1", "A share cannot exceed 1"))
        return self

    @property
    def exact(self) -> Fraction:
        return Fraction(self.num, self.den)


class PeopleSatisfied(Api):
    """When enough people answered, and enough of them are satisfied."""

    min_n: Annotated[int, Field(ge=1, le=10_000)] = 5
    min_ratio: Share = Share(num=1, den=2)
    threshold: Share = Share(num=85, den=100)
    waivable: bool = True

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.threshold.exact == 0:
            raise refusal("threshold_zero", Text("满意率标准须大于 0", "The threshold must be above 0"))
        return self


class ChainStep(Api):
    """One signature on the way to closing; the label is how the office's own form calls it."""

    role: SigningRole
    label_zh: Line
    label_en: Line


class Majority(Api):
    """How many yes votes carry a matter; strict means more than the share, not merely the share."""

    share: Share = Share(num=1, den=2)
    strict: bool = True
    base: DecisionBase = DecisionBase.ENTITLED

    @model_validator(mode="after")
    def _is_a_majority(self) -> Self:
        if self.share.exact < _HALF or (self.share.exact == _HALF and not self.strict):
            raise refusal("not_a_majority", Text("赞成票须超过半数", "Fewer than a majority cannot carry a matter"))
        if self.strict and self.share.exact == 1:
            raise refusal("unreachable", Text("多于全体的票数无法达到", "More than everybody can never be reached"))
        return self


class DecisionRule(Api):
    """How a body decides a major matter; attendance is counted inclusively, of those entitled."""

    quorum: Share = Share(num=1, den=2)
    personnel_quorum: Share = Share(num=2, den=3)
    majority: Majority = Majority()
    basis: LongText = "本单位“三重一大”决策制度：到会人数达到规定比例方可议事，赞成票超过应到会人数的半数为通过。"

    @model_validator(mode="after")
    def _half_must_attend(self) -> Self:
        if min(self.quorum.exact, self.personnel_quorum.exact) < _HALF:
            raise refusal("quorum_too_low", Text("到会人数不得低于半数", "At least half must attend"))
        return self


def _default_chain() -> tuple[ChainStep, ...]:
    return (
        ChainStep(role=Role.LEADER, label_zh="分管领导", label_en="Leader in charge"),
        ChainStep(role=Role.DISCIPLINE_OFFICE, label_zh="纪检监督部门", label_en="Discipline office"),
        ChainStep(role=Role.FIRST_RESPONSIBLE, label_zh="第一责任人", label_en="First responsible person"),
    )


class PolicyRules(Api):
    """One version of a ledger's policy."""

    gates_required: tuple[Gate, ...] = tuple(Gate)
    people_satisfied: PeopleSatisfied = PeopleSatisfied()
    plan_review: bool = True
    approval_chain: Annotated[tuple[ChainStep, ...], Field(min_length=1, max_length=8)] = _default_chain()
    notice_required: bool = False
    notice_days: Annotated[int, Field(ge=1, le=30, description="Working days")] = 5
    number_template: Annotated[str, Field(max_length=100)] = DEFAULT_TEMPLATE
    number_prefix: Annotated[str, Field(min_length=1, max_length=32)] = "ZG"
    immediate_days: Annotated[int, Field(ge=1, le=365, description="Calendar days")] = 30
    sod_fallback: SodFallback = SodFallback.NONE
    accountability_by_discipline_office: bool = False
    decision_rule: DecisionRule = DecisionRule()

    @field_validator("gates_required")
    @classmethod
    def _all_three_gates(cls, gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
        if set(gates) != set(Gate) or len(gates) != len(Gate):
            raise refusal(
                "gates_not_optional",
                Text(
                    "三个“不放过”缺一不可：gates_required 须且只须各列一次",
                    "All three gates apply to every item: gates_required must name each of them once",
                ),
            )
        return tuple(Gate)

    @field_validator("approval_chain")
    @classmethod
    def _ends_with_who_answers(cls, chain: tuple[ChainStep, ...]) -> tuple[ChainStep, ...]:
        if chain[-1].role not in _LAST_SIGNERS:
            raise refusal(
                "chain_last_step",
                Text(
                    "审批链最后一步须为第一责任人或分管领导",
                    "The last step must be the first responsible person or a leader",
                ),
            )
        return chain

    @model_validator(mode="after")
    def _numbers_are_unique(self) -> Self:
        try:
            validate_template(self.number_template, self.number_prefix, "s" * LONGEST_SOURCE_CODE)
        except TemplateRefused as refused:
            raise refusal(refused.code, refused.text) from refused
        return self


POLICY_DEFAULT = PolicyRules()
