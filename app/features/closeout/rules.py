"""The arithmetic of the three gates, on exact integers and without any storage."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from app.core.enums import LabelledEnum
from app.core.errors import Fault, Text

RETURN_VISIT_BELOW = 5
"""With fewer people asked, a count would give away who said what: they are visited by name instead."""

_WITNESSES = 2


class Outcome(StrEnum):
    """What rules make of a gate: the difference between a no and a question still open matters to the reader."""

    PASSED = "passed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    NOT_EVALUABLE = "not_evaluable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a gate's rules with everything that stands in the way, not only the first of it."""

    outcome: Outcome
    unmet: tuple[Fault, ...] = ()


# --- 职工群众不满意不放过 · people_satisfied ---------------------------------------------------------------------


class SurveyKind(LabelledEnum):
    """Counted ballots, or visits by name."""

    BALLOT_PAPER = "ballot_paper", "书面测评", "Paper ballot"
    RETURN_VISIT = "return_visit", "回访", "Return visit"


@dataclass(frozen=True, slots=True)
class Counts:
    """Ballots by answer; `unknown` is 不了解: a valid ballot without an opinion."""

    invited: int
    satisfied: int = 0
    basically_satisfied: int = 0
    dissatisfied: int = 0
    unknown: int = 0
    invalid: int = 0

    @property
    def judging(self) -> int:
        """Ballots with an opinion, the denominator of satisfaction."""
        return self.satisfied + self.basically_satisfied + self.dissatisfied

    @property
    def valid(self) -> int:
        """Ballots that count towards participation."""
        return self.judging + self.unknown


@dataclass(frozen=True, slots=True)
class SurveyRule:
    """Policy: ballots needed (at least `min_n` and `min_ratio` of the invited) and the share to be reached."""

    min_n: int
    min_ratio: Fraction
    threshold: Fraction

    def __post_init__(self) -> None:
        if self.min_n < 1 or not 0 <= self.min_ratio <= 1 or not 0 < self.threshold <= 1:
            raise ValueError("a survey rule needs min_n >= 1 and shares between 0 and 1")

    def ballots_needed(self, invited: int) -> int:
        """Valid ballots without which nothing can be said; never more than people asked."""
        return min(invited, max(self.min_n, math.ceil(self.min_ratio * invited)))


def survey_kind(invited: int) -> SurveyKind:
    """How people are asked depends on how many they are."""
    return SurveyKind.RETURN_VISIT if invited < RETURN_VISIT_BELOW else SurveyKind.BALLOT_PAPER


def survey_faults(counts: Counts) -> list[Fault]:
    """What cannot be true of the counts themselves, whatever the policy says."""
    cells = (counts.satisfied, counts.basically_satisfied, counts.dissatisfied, counts.unknown, counts.invalid)
    faults = []
    if min(counts.invited, *cells) < 0:
        faults.append(_people("negative_count", "票数不能为负", "a count cannot be negative"))
    if counts.valid > counts.invited:
        zh, en = "有效票多于应参加人数", "there are more valid ballots than people invited"
        faults.append(_people("more_ballots_than_invited", zh, en))
    elif counts.valid + counts.invalid > counts.invited:
        zh, en = "有效票与无效票合计多于应参加人数", "valid and invalid ballots together are more than people invited"
        faults.append(_people("more_ballots_than_invited", zh, en))
    return faults


def survey_verdict(counts: Counts, rule: SurveyRule, unanswered_named: int) -> Verdict:
    """Too few ballots decide nothing (`not_evaluable`); otherwise the exact share and every named voice count."""
    blocking = survey_faults(counts) or _too_little(counts, rule)
    failing = [] if blocking else _below_threshold(counts, rule)
    if unanswered_named > 0:
        zh = f"有 {unanswered_named} 条实名不满意意见尚未答复"
        en = f"{unanswered_named} named dissatisfied voice(s) have no answer yet"
        failing.append(_people("unanswered_dissatisfaction", zh, en))
    if blocking:
        return Verdict(Outcome.NOT_EVALUABLE, (*blocking, *failing))
    return Verdict(Outcome.FAILED if failing else Outcome.PASSED, tuple(failing))


def _too_little(counts: Counts, rule: SurveyRule) -> list[Fault]:
    if counts.invited < 1:
        return [_people("nobody_invited", "没有邀请任何人参加测评", "nobody was invited")]
    needed = rule.ballots_needed(counts.invited)
    if counts.valid < needed:
        zh = f"有效票 {counts.valid} 张，至少需要 {needed} 张"
        return [_people("too_few_ballots", zh, f"{counts.valid} valid ballots, at least {needed} are needed")]
    if counts.judging == 0:
        return [_people("nobody_judged", "没有人表示满意或不满意", "nobody said satisfied or dissatisfied")]
    return []


def _below_threshold(counts: Counts, rule: SurveyRule) -> list[Fault]:
    pleased = counts.satisfied + counts.basically_satisfied
    if pleased * rule.threshold.denominator >= counts.judging * rule.threshold.numerator:
        return []
    share = f"{pleased}/{counts.judging}"
    zh = f"满意和基本满意 {share}，未达到 {rule.threshold}"
    return [_people("below_threshold", zh, f"{share} are satisfied or basically satisfied, below {rule.threshold}")]


def _people(rule: str, zh: str, en: str) -> Fault:
    return _fault("gate.people_satisfied", rule, Text(zh, en))


# --- 问题不解决不放过 · problem_solved ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CriterionFinding:
    """One completion criterion as judged; `met` is None until somebody judges it."""

    label: str
    met: bool | None
    evidence: int


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looked at it where and when; a person named twice is one person."""

    visited_on: date | None = None
    place: str = ""
    persons: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Money:
    """Amounts in fen; any difference, also a surplus, has to be explained."""

    due: int
    recovered: int
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class SolvedFindings:
    """What the verifier found; `visit` when verified on site, `money` when the problem is about an amount."""

    criteria: Sequence[CriterionFinding]
    visit: Visit | None = None
    money: Money | None = None


def problem_solved_verdict(findings: SolvedFindings) -> Verdict:
    """`failed` when something was found wanting, `incomplete` when the record only lacks something."""
    failing: list[Fault] = []
    lacking: list[Fault] = []
    if not findings.criteria:
        lacking.append(_solved("no_criterion", "没有完成标准", "there is no completion criterion"))
    for criterion in findings.criteria:
        about = criterion.label
        if criterion.met is False:
            failing.append(_solved("not_met", f"完成标准未达到：{about}", f"criterion not met: {about}", about))
        elif criterion.met is None:
            lacking.append(_solved("not_judged", f"完成标准未判定：{about}", f"criterion not judged: {about}", about))
        if criterion.evidence < 1:
            zh, en = f"完成标准没有佐证：{about}", f"criterion without evidence: {about}"
            lacking.append(_solved("no_evidence", zh, en, about))
    lacking += _visit_gaps(findings.visit)
    money = findings.money
    if money is not None and money.recovered != money.due and not money.explanation.strip():
        zh, en = "追回金额与应追回金额不符且未说明", "the amount recovered differs from the amount due, unexplained"
        failing.append(_solved("money_unexplained", zh, en))
    return _judged(failing, lacking)


def _visit_gaps(visit: Visit | None) -> list[Fault]:
    if visit is None:
        return []
    gaps = []
    if visit.visited_on is None:
        gaps.append(_solved("visit_date", "现场核查缺日期", "the on-site check has no date"))
    if not visit.place.strip():
        gaps.append(_solved("visit_place", "现场核查缺地点", "the on-site check has no place"))
    if len({person.strip() for person in visit.persons} - {""}) < _WITNESSES:
        zh, en = f"现场核查至少 {_WITNESSES} 人", f"an on-site check takes at least {_WITNESSES} persons"
        gaps.append(_solved("visit_persons", zh, en))
    return gaps


def _solved(rule: str, zh: str, en: str, about: str | None = None) -> Fault:
    return _fault("gate.problem_solved", rule, Text(zh, en), about)


# --- 整改不到位不放过 · rectification_adequate -------------------------------------------------------------------


class CheckItem(LabelledEnum):
    """The questions every rectification is held against."""

    MEASURES_DONE = "measures_done", "整改措施全部落实", "All measures are done"
    ROOT_CAUSE_REMOVED = "root_cause_removed", "问题根源已消除", "The root cause is removed"
    SAME_KIND_LOOKED_FOR = "same_kind_looked_for", "已举一反三排查同类问题", "Problems of the same kind were looked for"
    INSTITUTIONAL_OUTCOME = "institutional_outcome", "已形成制度成果", "There is an institutional outcome"
    ACCOUNTABILITY = "accountability", "责任已追究到位", "Those responsible were held to account"


class AnswerValue(LabelledEnum):
    """An answer to a checklist question."""

    YES = "yes", "是", "Yes"
    NO = "no", "否", "No"
    NOT_APPLICABLE = "na", "不适用", "Not applicable"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the checklist with its reason."""

    value: AnswerValue
    reason: str = ""


def adequate_verdict(checklist: Mapping[CheckItem, Answer]) -> Verdict:
    """Every question needs an answer; a single "no" fails, and "not applicable" has to be reasoned."""
    failing: list[Fault] = []
    lacking: list[Fault] = []
    for item in CheckItem:
        answer = checklist.get(item)
        if answer is None:
            lacking.append(_adequate("unanswered", "未作答", "not answered", item))
        elif answer.value is AnswerValue.NO:
            failing.append(_adequate("answered_no", f"不符合：{item.zh}", f"not the case: {item.en}", item))
        elif answer.value is AnswerValue.NOT_APPLICABLE and not answer.reason.strip():
            lacking.append(_adequate("na_without_reason", "不适用须说明理由", "n/a needs a reason", item))
    return _judged(failing, lacking)


def accountability_verdict(answer: Answer | None) -> Verdict:
    """The sub-check is held to the same rules as that question of the whole checklist."""
    checklist = dict.fromkeys(CheckItem, Answer(AnswerValue.YES))
    del checklist[CheckItem.ACCOUNTABILITY]
    return adequate_verdict(checklist if answer is None else {**checklist, CheckItem.ACCOUNTABILITY: answer})


def _adequate(rule: str, zh: str, en: str, item: CheckItem) -> Fault:
    return _fault("gate.rectification_adequate", rule, Text(zh, en), item.value)


def _judged(failing: list[Fault], lacking: list[Fault]) -> Verdict:
    if failing:
        return Verdict(Outcome.FAILED, (*failing, *lacking))
    return Verdict(Outcome.INCOMPLETE if lacking else Outcome.PASSED, tuple(lacking))


def _fault(scope: str, code: str, detail: Text, about: str | None = None) -> Fault:
    # `about` names the criterion or checklist item, so that a reader of twenty faults knows where to go.
    return Fault(code, detail, rule=f"{scope}.{code}", members={} if about is None else {"about": about})
