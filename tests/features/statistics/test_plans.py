"""What figures look up item by item stands in indexes: at a million items a row beside each would be a read of its page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI

from app.core import clock
from app.features.statistics.queries import Asked, counting
from app.features.statistics.schemas import CountedOver
from app.features.statistics.sums import Part
from app.features.statistics.viewpoint import Viewpoint
from app.metrics.definitions import BY_CODE
from app.metrics.grouping import GROUPINGS, By
from app.metrics.statement import Domain, bind, cells_sql
from tests.support.database import Clone

AT = datetime(2026, 3, 1, tzinfo=UTC)
THEN = Domain((), whole_tree=True, past=True)
HALF = replace(THEN, half=True)
ASKED = {"at": AT, "since": AT, "half": 1, "day": AT.date(), "period": [date(2026, 1, 1), date(2026, 3, 31)]}
# Of so few rows the planner would read the whole table; it is asked what it looks up where there are many.
LOOKED_UP = "SET enable_seqscan = off; SET enable_bitmapscan = off"


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def plan_of(database: Clone, metric: str, *by: By, domain: Domain = THEN) -> list[dict[str, Any]]:
    groupings = tuple(GROUPINGS[key] for key in by)
    sql, args = bind(cells_sql(domain, (BY_CODE[metric],), groupings), ASKED)
    connection = await asyncpg.connect(database.superuser_url)
    try:
        await connection.execute(LOOKED_UP)
        found = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *args)
    finally:
        await connection.close()
    return list(nodes(json.loads(found)[0]["Plan"]))


def ways(found: list[dict[str, Any]], table: str) -> set[str]:
    return {node["Node Type"] for node in found if node.get("Relation Name") == table}


@pytest.mark.parametrize(
    ("metric", "tables"),
    [
        ("return_rate", ["item", "submission", "gate_result"]),
        ("first_pass_rate", ["item", "submission", "gate_result"]),
        ("satisfaction_rate", ["item", "survey"]),
        ("satisfaction_pass_rate", ["item", "gate_result"]),
    ],
)
async def test_reports_verdicts_and_ballots_are_counted_from_indexes_alone(
    database: Clone, metric: str, tables: list[str]
) -> None:
    found = await plan_of(database, metric, By.ACCOUNTABLE_LEADER)
    assert {table: ways(found, table) for table in tables} == {table: {"Index Only Scan"} for table in tables}


@pytest.mark.parametrize(
    ("metric", "looks"),
    [("closure_rate_period", {"item_cycle": 1, "item_version": 3}), ("closure_rate_year", {"item_cycle": 1})],
)
async def test_what_is_asked_of_an_item_twice_is_looked_up_once(
    database: Clone, metric: str, looks: dict[str, int]
) -> None:
    """`item_version`: the version of the moment, the state when the period began, the beginning of a later cycle."""
    found = await plan_of(database, metric)
    counted = {table: [node for node in found if node.get("Relation Name") == table] for table in looks}
    assert {table: len(nodes_) for table, nodes_ in counted.items()} == looks


@pytest.mark.parametrize("metric", ["due_base", "closed", "closure_rate"])
async def test_what_states_alone_decide_is_counted_without_a_look_at_any_version(database: Clone, metric: str) -> None:
    found = await plan_of(database, metric, domain=HALF)
    assert ways(found, "item_version") == {"Index Only Scan"}


@pytest.mark.parametrize("by", [(), (By.UNIT,), (By.SOURCE_TYPE, By.CATEGORY)])
async def test_each_half_and_the_units_at_work_on_it_are_read_in_the_order_of_ids(
    database: Clone, by: tuple[By, ...]
) -> None:
    found = await plan_of(database, "closure_rate_shared", *by, domain=HALF)
    read = {node["Index Name"]: node for node in found if node.get("Relation Name") in {"item", "item_unit_span"}}
    assert set(read) == {"ix_item_counted", "ix_item_unit_span_working"}
    for node in read.values():
        assert node["Node Type"] == "Index Only Scan"
        assert "uuid_hash" in node["Index Cond"]
    merged = next(node for node in found if "Join" in node["Node Type"] or node["Node Type"] == "Nested Loop")
    assert merged["Node Type"] == "Merge Join"
    assert not [node for node in nodes(merged) if "Sort" in node["Node Type"]]


async def test_of_what_was_written_since_the_units_are_found_item_by_item(database: Clone) -> None:
    """A watched figure of shares read the units of all items with each answer, a second of it at a million."""
    found = await plan_of(database, "closure_rate_shared", By.UNIT, domain=replace(THEN, since=True, masked_then=True))
    spans = [node for node in found if node.get("Relation Name") == "item_unit_span"]
    assert ["item_id = " in node["Index Cond"] for node in spans] == [True]


@pytest.mark.parametrize(
    ("metrics", "by", "sorting"),
    [
        (("return_rate",), (), "on"),
        (("return_rate",), (By.UNIT,), "off"),
        (("return_rate", "closure_rate_shared"), (By.UNIT,), "on"),
    ],
)
async def test_groups_are_hashed_where_no_shares_are_merged(
    fresh_app: FastAPI, metrics: tuple[str, ...], by: tuple[By, ...], sorting: str
) -> None:
    """Of what follows in the transaction the last pass decides, and none of it outlasts the transaction."""
    domain = Domain((), whole_tree=True, past=False)
    view = Viewpoint(domain, {}, {}, CountedOver(whole_tree=True, unit_ids=[]), None)
    count = counting(view, Asked(tuple(BY_CODE[metric] for metric in metrics), by, None))
    async with fresh_app.state.db.snapshot() as reader:
        await count(reader, Part(domain, clock.now(), clock.today()))
        assert await reader.fetchval("SHOW enable_sort") == sorting
    assert await fresh_app.state.db.fetchval("SHOW enable_sort") == "on"
