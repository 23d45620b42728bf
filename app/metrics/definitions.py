"""Every metric is one row here: what it is called, what it counts, and of what. A change of meaning raises its version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from typing import Any, Final

from app.core.enums import LabelledEnum
from app.core.errors import Text
from app.metrics import sets, taken
from app.metrics.sets import Condition, Terms, both


class Grain(LabelledEnum):
    """What is counted."""

    PROBLEM = "problem", "问题", "Problems"
    MEASURE = "measure", "措施", "Measures"
    UNIT_SHARE = "unit_share", "单位份额", "An item once for each unit that works on it"
    CLOSING = "closing", "销号次数", "Closings"
    SUBMISSION = "submission", "销号申请", "Completion reports"
    BALLOT = "ballot", "测评票", "Ballots"
    DAY = "day", "天数", "Days"


class Basis(LabelledEnum):
    """What of time a metric needs."""

    INSTANT = "instant", "时点", "A moment"
    PERIOD = "period", "期间", "A period"


class ValueUnit(LabelledEnum):
    """What the value of a figure is told in."""

    COUNT = "count", "数", "A number"
    PERCENT = "percent", "百分比", "Per cent"
    DAYS = "days", "天", "Days"
    WORKDAYS = "workdays", "工作日", "Working days"


class Part(LabelledEnum):
    """The two halves of a figure."""

    NUMERATOR = "numerator", "分子", "The numerator"
    DENOMINATOR = "denominator", "分母", "The denominator"


@dataclass(frozen=True, slots=True)
class Counting:
    """A set of items; where its grain is not the item, `value` is how much each of them counts.

    `column` is the same value, or where there is none the same set, as a column of the metric's join. Values are added up;
    with a `rank` the figure is instead the smallest of them that so many tenths of the items do not exceed, and items count
    whatever their value.
    """

    of: Condition
    value: Condition | None = None
    column: str | None = None
    rank: int | None = None

    @property
    def enough(self) -> str:
        """What the value of an item is that is among the counted."""
        return "> 0" if self.rank is None else ">= 0"

    def condition(self, terms: Terms) -> str:
        """What counts nothing is not among the counted."""
        text = self.of(terms)
        return text if self.value is None else f"({text}) AND {self.value(terms)} {self.enough}"


@dataclass(frozen=True, slots=True)
class Metric:
    """`formula` says it in words; without a denominator the figure is a count; `join` looks values up once an item.

    In per cent or in days, the value is what the numerator comes to for each of the denominator, or its own where it is ranked.
    """

    code: str
    label: Text
    formula: Text
    numerator: Counting
    denominator: Counting | None = None
    grain: Grain = Grain.PROBLEM
    basis: Basis = Basis.INSTANT
    version: int = 1
    join: Condition | None = None
    value_unit: ValueUnit = ValueUnit.PERCENT

    @property
    def ranked(self) -> bool:
        """Whether the figures of parts do not come to the figure of the whole."""
        return self.numerator.rank is not None

    def counting(self, part: Part) -> Counting | None:
        return self.numerator if part is Part.NUMERATOR else self.denominator


_I, _P = Basis.INSTANT, Basis.PERIOD


def _count(code: str, zh: str, en: str, formula: tuple[str, str], of: Condition, basis: Basis = _I) -> Metric:
    return Metric(code, Text(zh, en), Text(*formula), Counting(of), basis=basis, value_unit=ValueUnit.COUNT)


def _share(  # noqa: PLR0913, PLR0917 - one row of a table, read by its columns
    code: str, zh: str, en: str, formula: tuple[str, str], part: Condition, whole: Condition, basis: Basis = _I,
    grain: Grain = Grain.PROBLEM, *, once: bool = False,
) -> Metric:  # fmt: skip
    """The numerator is always a part of the denominator; the part is tested first, because fewer pass it.

    `once` is for a whole that is looked up item by item: both are then found by one join.
    """
    join = sets.once(code, part, whole) if once else None
    parts, wholes = (f"{code}.part", f"{code}.whole") if once else (None, None)
    return Metric(code, Text(zh, en), Text(*formula), Counting(both(part, whole), column=parts),
                  Counting(whole, column=wholes), grain, basis, join=join)  # fmt: skip


def _days(code: str, zh: str, en: str, formula: tuple[str, str], rank: int | None = None) -> Metric:
    """Days from the acknowledgement of an item to its report."""
    return Metric(code, Text(zh, en), Text(*formula), Counting(taken.done_within, taken.days, rank=rank),
                  Counting(taken.done_within), Grain.DAY, Basis.PERIOD, value_unit=ValueUnit.DAYS)  # fmt: skip


def _workdays(code: str, zh: str, en: str, formula: tuple[str, str], rank: int | None = None) -> Metric:
    known = Counting(taken.done_within, taken.workdays_known, taken.WORKDAYS_KNOWN)
    return Metric(code, Text(zh, en), Text(*formula), Counting(taken.done_within, taken.workdays, taken.WORKDAYS, rank), known,
                  Grain.DAY, Basis.PERIOD, join=taken.taken, value_unit=ValueUnit.WORKDAYS)  # fmt: skip


def _outcome(kind: str, zh: str, en: str) -> Metric:
    formula = (f"应整改中有此类成效的：{zh}", f"items to rectify with such an outcome: {en.lower()}")
    return _count(f"outcome_{kind}", zh, en, formula, sets.having(kind))


OUTCOMES: Final = {
    "institution": _outcome("institution", "制度建设", "Institutions"),
    "recovered_funds": _outcome("recovered_funds", "追缴挽回资金", "Recovered funds"),
    "saved_funds": _outcome("saved_funds", "节约资金", "Saved funds"),
    "accountability": _outcome("accountability", "问责处理", "Accountability"),
    "appointment": _outcome("appointment", "人事调整", "Appointments"),
    "physical": _outcome("physical", "实物成果", "Physical results"),
}
"""The items behind the outcomes of each kind."""
_s = sets
METRICS: Final[tuple[Metric, ...]] = (
    _count("due_base", "应整改总数", "Items to rectify",
           ("已立账，未出账", "registered and not off the ledger"), _s.due_base),
    _count("on_ledger", "在账数", "Open items",
           ("已立账、未销号、未出账，含长期坚持", "registered, neither closed nor off the ledger, sustaining included"),
           _s.on_ledger),
    _count("in_progress", "整改中", "In progress",
           ("在账，不含长期坚持", "open, without those in sustaining"), _s.in_progress),
    _count("sustaining", "长期坚持", "Sustaining", ("处于长期坚持", "in long-term rectification"), _s.sustaining),
    _count("closed", "已销号", "Closed out", ("处于已销号", "closed out"), _s.closed),
    _count("off_ledger", "出账数", "Off the ledger",
           ("立账后并案、拆分、移送或撤销", "merged, split, transferred or voided after registration"), _s.off_ledger),
    _share("closure_rate", "销号率", "Closure rate",
           ("已销号 ÷ 应整改总数", "closed out ÷ items to rectify"), _s.closed, _s.due_base),
    _share("closure_rate_shared", "销号率（按单位份额）", "Closure rate by unit shares",
           ("已销号 ÷ 应整改总数，一事项对牵头、责任、协办单位各计一次",
            "closed out ÷ items to rectify, each item counted once for every unit that leads, answers for or helps with it"),
           _s.closed, _s.due_base, grain=Grain.UNIT_SHARE),
    _share("rectified_rate_reported", "上报整改率", "Reported as rectified",
           ("已申请销号或已销号 ÷ 应整改总数", "completion reported or closed ÷ items to rectify"), _s.reported, _s.due_base),
    _share("rectified_rate_verified", "整改完成率（认定）", "Verified as rectified",
           ("三道关通过或已销号 ÷ 应整改总数", "all gates passed or closed ÷ items to rectify"), _s.verified, _s.due_base),
    _share("rectified_incl_sustained", "整改完成率（含长期坚持口径）", "Verified, sustaining included",
           ("三道关通过、已销号或最近一次阶段评估正常的长期坚持 ÷ 应整改总数",
            "all gates passed, closed, or sustaining with its last stage review on track ÷ items to rectify"),
           _s.verified_or_sustained, _s.due_base),
    _share("overdue_rate", "逾期率", "Overdue rate",
           ("整改中且已过现时限 ÷ 整改中", "in progress past the current deadline ÷ in progress"),
           _s.past_due, _s.in_progress),
    _count("overdue_open", "逾期未完成", "Overdue and open",
           ("整改中且已过现时限", "in progress past the current deadline"), _s.overdue),
    _share("overdue_total", "累计逾期", "Ever overdue",
           ("三道关未通过而逾期，或通过但晚于现时限完成 ÷ 应整改总数",
            "past the deadline with gates to pass, or completed after it ÷ items to rectify"),
           _s.ever_overdue, _s.due_base),
    _share("immediate_rate", "立行立改完成率", "Immediate rectification",
           ("立行立改中三道关通过或已销号 ÷ 立行立改", "all gates passed or closed ÷ items of mode immediate"),
           _s.verified, both(_s.due_base, _s.immediate)),
    Metric("measure_progress", Text("措施完成率", "Measures done"),
           Text("已完成措施 ÷ 措施总数（不含调整取消的）", "measures done ÷ measures, without those adjusted away"),
           Counting(_s.due_base, _s.measures_done), Counting(_s.due_base, _s.measures_total), Grain.MEASURE),
    _share("first_pass_rate", "一次验收通过率", "Passed at the first report",
           ("首次销号申请通过 ÷ 首次销号申请已有结论", "first completion report accepted ÷ first completion report judged"),
           _s.first_accepted, both(_s.due_base, _s.first_judged), once=True),
    Metric("return_rate", Text("退回率", "Returned reports"),
           Text("被退回的销号申请 ÷ 销号申请（撤回的不算退回）",
                "completion reports returned ÷ completion reports; a withdrawn one is not returned"),
           Counting(_s.due_base, _s.returns, "returned.reports"), Counting(_s.due_base, _s.submissions),
           Grain.SUBMISSION, join=_s.returned),
    Metric("satisfaction_rate", Text("满意率", "Satisfaction"),
           Text("满意与基本满意票 ÷ 有效票（满意、基本满意、不满意），按各事项当前销号申请的测评",
                "satisfied and basically satisfied ÷ valid ballots, of the surveys on each item's current completion report"),
           Counting(_s.due_base, _s.ballots_satisfied, "ballots.satisfied"),
           Counting(_s.due_base, _s.ballots_valid, "ballots.valid"), Grain.BALLOT, join=_s.ballots),
    Metric("satisfaction_pass_rate", Text("群众满意关通过率", "Accepted by the people"),
           Text("群众满意关通过 ÷ 群众满意关已评定（豁免、无法评定的不算），按各事项当前销号申请",
                "gate of satisfaction passed ÷ passed or failed, of each item's current completion report; waived is neither"),
           Counting(_s.due_base, _s.people_satisfied, "people.satisfied"),
           Counting(_s.due_base, _s.people_asked, "people.asked"), join=_s.people),
    _share("gate_waiver_rate", "满意度豁免率", "Satisfaction waived",
           ("销号时群众满意关豁免 ÷ 已销号", "closed with the gate of satisfaction waived ÷ closed out"),
           _s.satisfaction_waived, _s.closed),
    _count("registered_within", "新立账", "Registered", ("期间内立账", "registered in the period"),
           both(_s.registered_within, lambda _: "i.registered_at IS NOT NULL"), _P),
    _count("closed_within", "期间销号", "Closed in the period",
           ("应整改中期间内销过号", "items to rectify that were closed in the period"),
           both(_s.due_base, _s.closed_within), _P),
    _count("reopened_within", "期间重新立账", "Reopened in the period",
           ("应整改中期间内重新立账", "items to rectify that were reopened in the period"),
           both(_s.due_base, _s.reopened_within), _P),
    _count("due_within", "期间到期", "Falling due", ("整改中且现时限在期间内", "in progress and due in the period"),
           _s.due_and_open, _P),
    _share("closure_rate_period", "期间销号率", "Closure rate of a period",
           ("期间内销号 ÷（期初在账 + 期间新立账 + 期间重新立账）",
            "closed in the period ÷ open when it began, registered or reopened in it"),
           _s.closed_within, _s.carried, _P, once=True),
    Metric("closure_rate_year", Text("期间销号率（年初口径）", "Closure rate of a period, on the year's stock"),
           Text("期间销号次数 ÷（年初在账 + 年初至期末新立账）",
                "closings in the period ÷ open at the start of its year and registered since"),
           Counting(_s.due_base, _s.closings_within, "closings.times"), Counting(_s.carried_since_new_year),
           Grain.CLOSING, _P, join=_s.closings),
    _share("on_time_rate_orig", "按期完成率（原时限）", "On time, by the original deadline",
           ("原时限在期间内且按原时限完成 ÷ 原时限在期间内", "completed by it ÷ original deadline in the period"),
           _s.in_time_originally, _s.due_originally, _P),
    _share("on_time_rate_cur", "按期完成率（现时限）", "On time, by the current deadline",
           ("现时限在期间内且按现时限完成 ÷ 现时限在期间内", "completed by it ÷ current deadline in the period"),
           _s.in_time_currently, _s.due_currently, _P),
    _share("rebound_rate", "反弹率（首次销号）", "Rebound after a first closing",
           ("期间首次销号、十二个月内重新立账 ÷ 期间首次销号",
            "first closed in the period and reopened within twelve months ÷ first closed in the period"),
           _s.first_rebounds, both(_s.due_base, _s.first_cohort), _P, once=True),
    _share("rebound_rate_again", "反弹率（再次销号）", "Rebound after a later closing",
           ("期间再次销号、十二个月内又重新立账 ÷ 期间再次销号",
            "closed again in the period and reopened within twelve months ÷ closed again in the period"),
           _s.later_rebounds, both(_s.due_base, _s.later_cohort), _P, once=True),
    _days("avg_days", "平均办理天数", "Days taken, mean",
          ("期间完成的事项自签收（重新立账的自重新立账）至申请销号的自然日之和 ÷ 件数，不扣除暂停",
           "calendar days from acknowledgement, or reopening, to completion report ÷ items completed; suspensions count")),
    _days("p50_days", "办理天数中位数", "Days taken, median",
          ("期间完成的事项中半数不超过的自然日（就近秩次）", "calendar days that half did not exceed"), 5),
    _days("p90_days", "办理天数九成位", "Days taken by nine in ten",
          ("期间完成的事项中九成不超过的自然日（就近秩次）", "calendar days that nine in ten did not exceed"), 9),
    _workdays("avg_workdays", "平均办理工作日", "Working days taken, mean",
              ("同平均办理天数，按工作日，签收当日不计；所经年份未载入工作日历的事项不计",
               "the same in working days, the first not counted, without items in years whose calendar is not loaded")),
    _workdays("p50_workdays", "办理工作日中位数", "Working days taken, median",
              ("期间完成的事项中半数不超过的工作日（就近秩次）", "working days that half did not exceed"), 5),
    _workdays("p90_workdays", "办理工作日九成位", "Working days taken by nine in ten",
              ("期间完成的事项中九成不超过的工作日（就近秩次）", "working days that nine in ten did not exceed"), 9),
    *OUTCOMES.values(),
)  # fmt: skip
BY_CODE: Final = {metric.code: metric for metric in METRICS}

_ANY: Final = Terms("$day", "$period")


def described(metrics: Iterable[Metric]) -> list[dict[str, Any]]:
    """The definitions as plain data, sets included: what a frozen figure names by its hash."""
    return [
        {
            "code": metric.code,
            "version": metric.version,
            "grain": metric.grain.value,
            "basis": metric.basis.value,
            "value_unit": metric.value_unit.value,
            "rank": metric.numerator.rank,
            "formula": {"zh": metric.formula.zh, "en": metric.formula.en},
            "sets": {
                part.value: [counting.condition(_ANY), None if counting.value is None else counting.value(_ANY)]
                for part in Part
                if (counting := metric.counting(part)) is not None
            },
        }
        for metric in metrics
    ]


def definitions_hash(metrics: Iterable[Metric]) -> str:
    """SHA-256 over the definitions: the same hash, the same meaning."""
    text = dumps(described(metrics), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
