"""Figures on the wire: each with its definition's version, its instant, and the lists it was counted from."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from app.core.asof import AS_OF, AsOf
from app.core.errors import Text
from app.core.fields import Day, Instant
from app.core.messages import refusal
from app.core.models import Out
from app.lifecycle.filter_query import ItemFilters
from app.lifecycle.schemas import ItemSummary
from app.metrics.definitions import BY_CODE, Basis, Grain, ValueUnit
from app.metrics.grouping import By

MOST_METRICS = 12
MOST_KEYS = 2


def _codes(text: str) -> str:
    named = text.split(",")
    if len(named) > MOST_METRICS:
        raise refusal("too_many_values", Text("取值过多", "Too many values"))
    if not set(named) <= set(BY_CODE):
        raise refusal("unknown_code", Text("含有未定义的代码", "Contains an undefined code"))
    return ",".join(dict.fromkeys(named))


def _keys(text: str) -> str:
    named = text.split(",")
    if not set(named) <= {*By}:
        raise refusal("unknown_code", Text("含有未定义的代码", "Contains an undefined code"))
    if len(named) > MOST_KEYS or len(set(named)) < len(named):
        raise refusal("too_many_values", Text("最多按两个不同的键分组", "Two different keys at most"))
    return text


Codes = Annotated[str, Field(max_length=400, description="指标代码 · Codes of metrics"), AfterValidator(_codes)]
Keys = Annotated[
    str, Field(max_length=60, description="分组键，最多两个 · Keys to group by, two at most"), AfterValidator(_keys)
]


class DashboardQuery(ItemFilters):
    """Every filter of the item list, and a past moment."""

    as_of: Annotated[AsOf | None, Field(description=AS_OF)] = None


class StatisticsQuery(ItemFilters):
    """Which figures, of what period and moment, over which items, grouped how."""

    metric: Codes
    group_by: Keys | None = None
    period_from: Annotated[
        Day | None, Field(description="期间首日，默认为所在月 · First day of the period; by default the month's")
    ] = None
    period_to: Annotated[Day | None, Field(description="期间末日 · Last day of the period")] = None
    as_of: Annotated[AsOf | None, Field(description=AS_OF)] = None


class TrendQuery(ItemFilters):
    """Which figures over the last months: at each month's end, or of each month."""

    metric: Codes
    months: Annotated[int, Field(ge=1, le=24, description="月数 · How many months")] = 12
    as_of: Annotated[AsOf | None, Field(description=AS_OF)] = None


class Label(Out):
    """A name in both languages."""

    zh: str
    en: str


class Period(Out):
    """Two Beijing days, both included."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True, frozen=True, populate_by_name=True)

    from_: Annotated[dt.date, Field(alias="from")]
    to: dt.date


class Drill(Out):
    """Addresses of the lists that hold exactly what was counted; null where nothing may be told apart, or no list does."""

    numerator: str | None
    denominator: str | None


class Figure(Out):
    """One figure; a count has no denominator, and a rate or a mean of nothing has no value.

    `value` is what to show, in `value_unit`. Of days taken, the numerator is their sum or, of a median, the days themselves.
    """

    metric: str
    version: int
    label: Label
    grain: Grain
    as_of: Instant
    period: Period | None
    numerator: int | None
    denominator: int | None
    percent: Annotated[str | None, Field(description="一位小数，四舍五入 · one decimal place, halves up")]
    value: Annotated[str | None, Field(description="显示的数 · what to show: a percentage, a count, a mean or a rank")]
    value_unit: ValueUnit
    suppressed: Annotated[
        bool,
        Field(description="少于 3 件且含敏感事项，不予显示 · withheld: fewer than 3 with restricted items among them"),
    ]
    drill: Drill


class CountedOver(Out):
    """What was counted over: everything, or what concerns these units and those below them."""

    whole_tree: bool
    unit_ids: list[UUID]


class Counted(Out):
    """A count and the list of what it counts."""

    count: int | None
    drill: str | None


class Lights(Out):
    """Open items by the colour of their light; `none` have no running clock."""

    red: Counted
    yellow: Counted
    blue: Counted
    green: Counted
    none: Counted


class Group(Out):
    """Figures of one unit, source or category; `key` is null for items without one."""

    key: str | None
    name: Label
    figures: list[Figure]


class Month(Out):
    """What came in, what was closed and what came back in one month."""

    month: Annotated[str, Field(description="YYYY-MM")]
    registered: Counted
    closed: Counted
    reopened: Counted


class OutcomeTotal(Out):
    """What rectification has yielded so far, by kind: entries, amounts in fen, quantities, and the items behind them.

    Null where those are too few to be told of, as with any figure.
    """

    kind: str
    name: Label
    count: int | None
    amount_fen: int | None
    quantity: int | None
    items: int | None
    drill: Annotated[str | None, Field(description="这些事项的列表 · the list of the items behind them")]


class Envelope(Out):
    """What every figure of an answer has in common."""

    as_of: Annotated[Instant, Field(description="数据截至 · the moment all figures are of")]
    generated_at: Annotated[Instant, Field(description="计算时间，最多 5 秒以前 · at most 5 seconds ago")]
    scope: CountedOver
    filters: Annotated[dict[str, str], Field(description="所用筛选 · the filters in force, as they were given")]


class Dashboard(Envelope):
    """Everything the board shows, from one moment."""

    figures: list[Figure]
    lights: Lights
    by_unit: list[Group]
    by_source: list[Group]
    by_category: list[Group]
    months: list[Month]
    due_this_week: Figure
    overdue_items: list[ItemSummary]
    outcomes: list[OutcomeTotal]


class Cross(Out):
    """Figures of one combination of keys, in the order of `group_by`."""

    keys: list[str | None]
    names: list[Label]
    figures: list[Figure]


class Statistics(Envelope):
    """Figures over all chosen items, and over each group of them."""

    period: Period
    group_by: list[By]
    totals: list[Figure]
    groups: list[Cross]


class TrendPoint(Out):
    """The figures at the end of a month, or of the month for those of a period; the last month may still be running."""

    month: Annotated[str, Field(description="YYYY-MM")]
    figures: list[Figure]


class Trend(Envelope):
    """Oldest month first."""

    series: list[TrendPoint]


class MetricOut(Out):
    """A definition: what is counted, and of what."""

    code: str
    version: int
    label: Label
    formula: Label
    grain: Grain
    basis: Basis
    value_unit: ValueUnit
    sets: Annotated[dict[str, str], Field(description="分子、分母的集合名，用于 set= · names of its sets, for set=")]


class Metrics(Out):
    """Every definition in force; the hash changes whenever any of them does."""

    definitions_hash: str
    items: list[MetricOut]


def label(text: Any) -> Label:
    """Of anything with both languages."""
    return Label(zh=text.zh, en=text.en)
