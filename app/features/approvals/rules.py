"""The arithmetic of collective decisions (三重一大), on exact integers and without any storage."""

from dataclasses import dataclass
from fractions import Fraction

from app.core.enums import LabelledEnum
from app.core.errors import Fault, Text


class DecisionResult(LabelledEnum):
    """What a body decided; only `passed` opens anything."""

    PASSED = "passed", "通过", "Passed"
    REJECTED = "rejected", "未通过", "Rejected"
    DEFERRED = "deferred", "缓议", "Deferred"
    NOT_QUORATE = "not_quorate", "未达法定人数", "Not quorate"


class Base(LabelledEnum):
    """Whose number a majority is measured by."""

    ENTITLED = "entitled", "应到人数", "Those entitled"
    PRESENT = "present", "实到人数", "Those present"


@dataclass(frozen=True, slots=True)
class Majority:
    """A share of a body: 以上 includes the exact figure, 超过 (`strict`) does not."""

    share: Fraction
    strict: bool

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or (self.strict and self.share == 1):
            raise ValueError("a majority is a share above 0 and up to 1 that can be reached")

    def reached(self, part: int, whole: int) -> bool:
        """False for an empty body, whatever the share."""
        have, need = part * self.share.denominator, whole * self.share.numerator
        return whole > 0 and (have > need if self.strict else have >= need)


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """Versioned data of a body; the defaults are the commonly cited ones."""

    quorum: Majority = Majority(Fraction(1, 2), strict=False)
    personnel_quorum: Majority = Majority(Fraction(2, 3), strict=False)
    passing: Majority = Majority(Fraction(1, 2), strict=True)
    base: Base = Base.ENTITLED


@dataclass(frozen=True, slots=True)
class Tally:
    """One vote on one matter; opinions of absentees are not in it."""

    entitled: int
    present: int
    yes: int
    no: int = 0
    deferred: int = 0
    abstained: int = 0


def decision_faults(tally: Tally) -> list[Fault]:
    """What cannot be true of a recorded vote, whatever the rule says."""
    votes = (tally.yes, tally.no, tally.deferred, tally.abstained)
    faults = []
    if min(tally.entitled, tally.present, *votes) < 0:
        faults.append(_decision("negative_count", "人数和票数不能为负", "a count cannot be negative"))
    if tally.entitled < 1:
        faults.append(
            _decision("nobody_entitled", "应到会人数至少为 1", "at least one person must be entitled to vote")
        )
    if tally.present > tally.entitled:
        zh, en = "实到人数多于应到人数", "more persons were present than entitled"
        faults.append(_decision("more_present_than_entitled", zh, en))
    if sum(votes) > tally.present:
        zh, en = "票数多于实到人数", "more votes were cast than persons present"
        faults.append(_decision("more_votes_than_present", zh, en))
    return faults


def decision_result(rule: DecisionRule, tally: Tally, *, personnel: bool) -> DecisionResult:
    """Deferred when the votes to defer (缓议) reach the majority a yes would have needed.

    The tally must be free of `decision_faults`; an impossible one is a programming error (ValueError).
    """
    if faults := decision_faults(tally):
        raise ValueError(f"impossible tally: {faults[0].rule}")
    quorum = rule.personnel_quorum if personnel else rule.quorum
    if not quorum.reached(tally.present, tally.entitled):
        return DecisionResult.NOT_QUORATE
    whole = tally.entitled if rule.base is Base.ENTITLED else tally.present
    if rule.passing.reached(tally.yes, whole):
        return DecisionResult.PASSED
    return DecisionResult.DEFERRED if rule.passing.reached(tally.deferred, whole) else DecisionResult.REJECTED


def _decision(code: str, zh: str, en: str) -> Fault:
    return Fault(code, Text(zh, en), rule=f"decision.{code}")
