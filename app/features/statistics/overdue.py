"""The rows of the items overdue the longest, as the list of items would show them to this caller."""

# ruff: noqa: S608 - SQL here is put together from constants; values are always parameters
from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

from app.access.scope import restricted_predicate
from app.core.db import Reader
from app.features.statistics.viewpoint import Viewpoint, month_of
from app.lifecycle.light_sql import GREY, GREY_BY_STATE, light_sql, overdue_days_sql
from app.lifecycle.movers_sql import movers_sql
from app.lifecycle.past import TITLE, known, unmasked
from app.lifecycle.schemas import ItemSummary
from app.lifecycle.summaries import PAGE_COLUMNS, SHOWN, summary
from app.metrics.statement import SEALED, TERMS, bind

_IDS = "@ids@::uuid[]"
_DAY = TERMS.day


@cache
def rows_sql(*, past: bool) -> str:
    """In the order of the ids."""
    late = overdue_days_sql(_DAY)
    if past:
        title, light = f"CASE WHEN {unmasked(SEALED)} THEN nullif({TITLE}, '') END", light_sql(_DAY, GREY_BY_STATE)
        shown = summary(title, light, late, "'[]'::json")
        source = f"{known('@at@::timestamptz')} i {shown} WHERE i.id = ANY({_IDS})"
        return f"SELECT coalesce(json_agg({SHOWN} ORDER BY array_position({_IDS}, i.id)), '[]') FROM {source}"
    title = f"CASE WHEN {restricted_predicate('i', SEALED)} THEN nullif(i.title, '') END"
    shown = summary(title, light_sql(_DAY, GREY), late, f"coalesce({movers_sql(_DAY)}, '[]')")
    page = f"SELECT {PAGE_COLUMNS} array_position({_IDS}, i.id) AS place FROM item i WHERE i.id = ANY({_IDS})"
    return (
        f"WITH page AS MATERIALIZED ({page})"
        f" SELECT coalesce(json_agg({SHOWN} ORDER BY i.place), '[]') FROM page i {shown}"
    )


async def overdue_items(reader: Reader, view: Viewpoint, as_of: datetime, ids: Sequence[UUID]) -> list[ItemSummary]:
    values = {**view.at(as_of, month_of(as_of)), "ids": list(ids)}
    sql, args = bind(rows_sql(past=view.past is not None), values)
    found = await reader.fetchval(sql, *args)
    return [ItemSummary.model_validate(row) for row in (json.loads(found) if isinstance(found, str) else found)]
