"""Who asks, for what and of when, as the values of a statement: what decides an answer, and so what it is kept under."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from app.access.actor import Actor
from app.core import clock
from app.core.asof import AGE, require_settled
from app.core.db import Database, Reader
from app.core.errors import CATALOGUE, Fault, Problem, Text
from app.features.statistics.fresh import Fresh
from app.features.statistics.schemas import CountedOver
from app.lifecycle.filter_query import ItemFilters, chosen
from app.lifecycle.filters import ONLY_NOW
from app.metrics.drill import Period
from app.metrics.statement import Domain, bind

NOW = "SELECT clock_timestamp()"
BESIDES: Final = """SELECT concat_ws(' ', (SELECT max(updated_at) FROM unit), (SELECT max(updated_at) FROM ledger),
  (SELECT max(loaded_at) FROM calendar_year), (SELECT count(*) FROM calendar_day))"""
"""Changes with what scope, masks and figures look at besides items."""
SETTLED_LASTS: Final = 86_400.0
"""Seconds for which what a settled moment came to is not counted again: nothing makes it another."""


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """`values` are all parameters but the moment; `filters` the filters as they were given, for the addresses of lists."""

    domain: Domain
    values: Mapping[str, Any]
    filters: Mapping[str, str]
    scope: CountedOver
    past: datetime | None

    def key(self, *more: Hashable) -> Hashable:
        """Equal for callers who see the same and ask the same."""
        of_whom = f"{self.domain.source} WHERE {self.domain.where}"
        sql, args = bind(of_whom, {**self.values, "day": None, "at": self.past})
        return (sql, tuple(_hashable(arg) for arg in args), tuple(self.filters.items()), *more)

    def at(self, as_of: datetime, period: Period) -> dict[str, Any]:
        """Every parameter, of one moment and period."""
        return {**self.values, "day": clock.beijing_date(as_of), "at": as_of, "period": list(period)}

    def ended(self, end: datetime, as_of: datetime) -> Viewpoint:
        """As it was at an end, or as it is where that has not come, or too short ago to be asked for."""
        if end >= as_of or (self.past is None and end > as_of - AGE):
            return self
        return replace(self, domain=replace(self.domain, past=True), past=end)


def _hashable(value: Any) -> Hashable:
    return tuple(value) if isinstance(value, list) else value


def viewpoint(actor: Actor, query: ItemFilters, past: datetime | None, *, over_time: bool = False) -> Viewpoint:
    """Raises as_of_not_combinable for filters that make sense for the present alone."""
    if past is not None or over_time:
        _refuse_only_now(query, past)
    named = chosen(query)
    return Viewpoint(
        domain=Domain(tuple(name for name, _ in named), actor.whole_tree, past is not None),
        values={
            "reading": actor.reading_units,
            "offices": actor.office_units,
            "desks": actor.finder_units,
            "persons": sorted(actor.persons()),
            "roles": [grant.role.value for grant in actor.grants],
            "units": [grant.unit_id for grant in actor.grants],
            "unsealed": actor.unsealed,
            **{f"f{place}": value for place, (_, value) in enumerate(named)},
        },
        filters=given(query),
        scope=CountedOver(
            whole_tree=actor.whole_tree, unit_ids=[] if actor.whole_tree else sorted(actor.reading_units)
        ),
        past=past,
    )


def given(query: ItemFilters) -> dict[str, str]:
    """The filters as they stand in an address."""
    told = query.model_dump(mode="json", exclude_none=True, include=set(ItemFilters.model_fields))
    return {name: _text(value) for name, value in told.items() if value is not False or name in _TWO_SIDED}


_TWO_SIDED = frozenset({"major", "overdue"})


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_COURSE: Final = Text(
    "趋势逐月按当时的情形计算，errors 列出的参数只对现在有意义，请去掉。",
    "A trend tells each month as it was. The parameters in errors have a meaning for the present alone: leave them out.",
)


def _refuse_only_now(query: ItemFilters, past: datetime | None) -> None:
    named = [name for name in ONLY_NOW if getattr(query, name) is not None]
    if named:
        kind = CATALOGUE["as_of_not_combinable"]
        faults = [Fault("as_of_not_combinable", kind.title, parameter=f"query.{name}") for name in named]
        raise Problem("as_of_not_combinable", None if past else _COURSE, faults=faults)


async def moment(reader: Reader, past: datetime | None) -> datetime:
    """The instant figures are of: the one asked for, or the database's now. Raises as_of_too_recent."""
    now: datetime = await reader.fetchval(NOW)
    if past is not None:
        require_settled(past, now)
        return past
    return clock.shifted(now)


async def remembered(
    db: Database, fresh: Fresh, view: Viewpoint, make: Callable[[], Awaitable[Any]], *key: Hashable
) -> Any:
    """What is counted without a look at masks; of a settled moment only another tree of units could make it another."""
    if view.past is None or not view.domain.settled:
        return await fresh.get(view.key(*key), make)
    return await fresh.get(view.key(*key, await db.fetchval(BESIDES)), make, SETTLED_LASTS)


def month_of(as_of: datetime) -> Period:
    """The Beijing month of an instant."""
    first = clock.beijing_date(as_of).replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
