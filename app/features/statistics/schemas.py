"""Figures on the wire: each with its definition's version, its instant, and the lists it was counted from."""

from __future__ import annotations

import datetime as dt
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.core.enums import LabelledEnum
from app.core.fields import Instant
from app.core.models import Out
from app.lifecycle.schemas import ItemSummary


class Grain(LabelledEnum):
    """What is counted."""

    PROBLEM = "problem", "问题", "Problems"
    MEASURE = "measure", "措施", "Measures"
    UNIT_SHARE = "unit_share", "单位份额", "An item once for each of its units"
    SUBMISSION = "submission", "销号申请", "Completion reports"
    BALLOT = "ballot", "测评票", "Ballots"


class Label(Out):
    """A name in both languages."""

    zh: str
    en: str


class Period(Out):
    """Two Beijing days, both included."""

    model_config = {"populate_by_name": True}

    from_: Annotated[dt.date, Field(alias="from")]
    to: dt.date


class Drill(Out):
    """Addresses of the lists that hold exactly what was counted; null where nothing may be told apart."""

    numerator: str | None
    denominator: str | None


class Figure(Out):
    """One figure; a count has no denominator, and a rate without anything to divide by has no percent."""

    metric: str
    version: int
    label: Label
    grain: Grain
    as_of: Instant
    period: Period | None
    numerator: int | None
    denominator: int | None
    percent: Annotated[str | None, Field(description="一位小数，四舍五入 · one place, halves away from zero")]
    suppressed: Annotated[
        bool,
        Field(description="含敏感事项且不足 3 件，不予显示 · withheld: fewer than 3 with restricted items among them"),
    ]
    drill: Drill


class Scope(Out):
    """What was counted over: everything, or what concerns these units and those below them."""

    whole_tree: bool
    unit_ids: list[UUID]


class Counted(Out):
    """A count and the list of what it counts."""

    count: int | None
    drill: str | None


class Lights(Out):
    """Open items by the colour of their light."""

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
    """What rectification has yielded so far, by kind; amounts in fen."""

    kind: str
    name: Label
    count: int | None
    amount_fen: int | None


class Dashboard(Out):
    """Everything the board shows, from one moment."""

    as_of: Annotated[Instant, Field(description="数据截至 · the moment all figures are of")]
    generated_at: Annotated[Instant, Field(description="计算时间，最多 5 秒以前 · at most 5 seconds ago")]
    scope: Scope
    filters: dict[str, str]
    figures: list[Figure]
    lights: Lights
    by_unit: list[Group]
    by_source: list[Group]
    by_category: list[Group]
    months: list[Month]
    due_this_week: Figure
    overdue_items: list[ItemSummary]
    outcomes: list[OutcomeTotal]
