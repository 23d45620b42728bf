"""Frozen figures on the wire."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from app.core.enums import LabelledEnum
from app.core.fields import Day, Instant, prose
from app.core.models import Api, Out
from app.core.paging import PageOf, PageQuery
from app.features.statistics.schemas import Label, Period
from app.metrics.definitions import Grain

Reason = Annotated[str, Field(min_length=2, max_length=2000), AfterValidator(prose(2000, min_length=2, lines=True))]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SnapshotKind(LabelledEnum):
    """How long the period of a snapshot is."""

    MONTH = "month", "月报", "A month"
    QUARTER = "quarter", "季报", "A quarter"


class SnapshotIn(Api):
    """Which period of which unit is to be frozen; the unit stands for itself and everything below it."""

    unit_id: UUID
    kind: SnapshotKind
    period_from: Annotated[Day, Field(description="期间首日：月初或季初 · first day of a month or a quarter")]


class AmendmentIn(Api):
    """Why the figures of a period are told once more, from what is known by now."""

    reason: Reason


class SnapshotQuery(PageQuery):
    """Snapshots of one unit, of one kind, or all one may read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit_id: Annotated[UUID | None, Field(description="单位 · The unit")] = None
    kind: Annotated[SnapshotKind | None, Field(description="月报或季报 · Months or quarters")] = None


class FrozenFigure(Out):
    """A figure as it was frozen; `known_at` is the moment whose knowledge it rests on."""

    metric: str
    version: int
    label: Label
    grain: Grain
    known_at: Instant
    numerator: int | None
    denominator: int | None
    percent: str | None
    suppressed: bool


class FrozenGroup(Out):
    """Figures of one unit, source or category, under the name it had."""

    key: str | None
    name: Label
    figures: list[FrozenFigure]


class FrozenUnit(Out):
    """The unit the figures are of, under the name it had."""

    id: UUID
    name: Label


class FrozenContent(Out):
    """What was frozen. The SHA-256 of its canonical JSON (RFC 8785) is `content_hash`."""

    format: Literal[1]
    unit: FrozenUnit
    kind: SnapshotKind
    period: Period
    as_of: Instant
    totals: list[FrozenFigure]
    by_unit: list[FrozenGroup]
    by_source: list[FrozenGroup]
    by_category: list[FrozenGroup]


class Anchor(Out):
    """The newest checkpoint of the sealed log when the figures were frozen."""

    size: int
    root: Sha256


class SnapshotSummary(Out):
    """A revision: 1 is what was frozen first, later ones amend it and say why."""

    id: UUID
    unit_id: UUID
    kind: SnapshotKind
    period_from: date
    period_to: date
    revision: int
    amends_id: UUID | None
    reason: str | None
    as_of: Annotated[Instant, Field(description="期末时点，北京时间 24:00 · the end of the period in China")]
    known_at: Annotated[Instant, Field(description="期间类指标所依据的时点 · what was known for figures of the period")]
    content_hash: Sha256
    definitions_hash: Sha256
    checkpoint: Anchor | None
    made_by: UUID | None
    made_at: Instant


class SnapshotOut(SnapshotSummary):
    """A revision with its figures and the definitions they were counted by."""

    content: FrozenContent
    definitions: list[dict[str, Any]]


class SnapshotPage(PageOf[SnapshotSummary]):
    """Snapshots, oldest first."""
