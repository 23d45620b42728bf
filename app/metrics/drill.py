"""From a figure to the list of what it counts: an address anyone can open, with the same filters and the same instant."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote_plus

from app.metrics.definitions import BY_CODE, Basis, Counting, Metric, Part
from app.metrics.grouping import By, Grouping
from app.metrics.sets import Terms

ITEMS: Final = "/v1/items"
Period = tuple[date, date]
_quoted: Final = lru_cache(maxsize=4096)(quote_plus)
"""The addresses of one board hold the same few words over and over."""


class NamedSet(NamedTuple):
    """One half of a metric, as a set of items."""

    metric: Metric
    counting: Counting


def named_set(text: str) -> NamedSet | None:
    """The set `{metric}.{part}` names; None for anything else."""
    code, _, half = text.partition(".")
    metric = BY_CODE.get(code)
    counting = None if metric is None or half not in {*Part} else metric.counting(Part(half))
    return None if metric is None or counting is None else NamedSet(metric, counting)


def set_name(metric: Metric, part: Part) -> str:
    """What `named_set` takes apart again."""
    return f"{metric.code}.{part}"


def set_condition(name: str, day: str) -> str:
    """The set as a condition on `i`, with {0} for the period's two days; `day` is an expression for the day it is of.

    Raises ValueError for what names no set.
    """
    found = named_set(name)
    if found is None:
        raise ValueError(name)
    return f"({found.counting.condition(Terms(day, '{0}::date[]'))} AND {{0}}::date[] IS NOT NULL)"


def month_days(month: str) -> Period:
    """First and last day of YYYY-MM."""
    year, number = int(month[:4]), int(month[5:])
    return date(year, number, 1), date(year, number, calendar.monthrange(year, number)[1])


def address(
    metric: Metric, part: Part, period: Period | None, filters: Mapping[str, str], as_of: datetime | None
) -> str | None:
    """None where the figure has no such part."""
    if metric.counting(part) is None:
        return None
    query = {**filters, "set": set_name(metric, part)}
    if metric.basis is Basis.PERIOD and period is not None:
        query |= {"period_from": period[0].isoformat(), "period_to": period[1].isoformat()}
    if as_of is not None:
        query["as_of"] = as_of.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f"{ITEMS}?{'&'.join(f'{_quoted(name)}={_quoted(value)}' for name, value in query.items())}"


def narrowed(
    filters: Mapping[str, str], grouping: Grouping, key: str | None, *, shares: bool = False
) -> dict[str, str] | None:
    """The filters of one group; None where no list holds that group alone."""
    if shares and grouping.share_filter:
        # Nobody has the share of no unit, and one filter cannot ask for two units that work on the same item.
        asked = filters.get(grouping.share_filter)
        alone = key is not None and (asked is None or key in asked.lower().split(","))
        return {**filters, grouping.share_filter: str(key)} if alone else None
    if key is None:
        empty = [*filter(None, filters.get("without", "").split(",")), str(grouping.without)]
        return {**filters, "without": ",".join(dict.fromkeys(empty))}
    if grouping.by is By.MONTH:
        first, last = (day.isoformat() for day in month_days(key))
        return {
            **filters,
            "registered_on_from": max(filters.get("registered_on_from", first), first),
            "registered_on_to": min(filters.get("registered_on_to", last), last),
        }
    return {**filters, grouping.filter: key}
