"""From a figure to the list of what it counts: an address anyone can open, with the same filters and the same instant."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final
from urllib.parse import urlencode

from app.metrics.definitions import BY_CODE, Basis, Metric, Part
from app.metrics.grouping import By, Grouping

ITEMS: Final = "/v1/items"
Period = tuple[date, date]


def named_set(text: str) -> tuple[Metric, Part] | None:
    """The set `{metric}.{part}` names; None for anything else."""
    code, _, half = text.partition(".")
    metric = BY_CODE.get(code)
    if metric is None or half not in {*Part}:
        return None
    part = Part(half)
    return None if metric.counting(part) is None else (metric, part)


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
    query = {**filters, "set": f"{metric.code}.{part}"}
    if metric.basis is Basis.PERIOD and period is not None:
        query |= {"period_from": period[0].isoformat(), "period_to": period[1].isoformat()}
    if as_of is not None:
        query["as_of"] = as_of.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f"{ITEMS}?{urlencode(query)}"


def narrowed(
    filters: Mapping[str, str], grouping: Grouping, key: str | None, *, shares: bool = False
) -> dict[str, str]:
    """The filters of one group."""
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
    name = grouping.share_filter if shares and grouping.share_filter else grouping.filter
    return {**filters, name: key}
