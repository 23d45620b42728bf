"""A figure and the list it leads to are the same thing, whatever is asked, and both are what the naive answer says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.clock import beijing_date
from app.features.statistics.fresh import Fresh
from app.metrics.definitions import METRICS, Basis, Grain
from app.metrics.grouping import By
from tests.features.identify.ledger_book import ids
from tests.features.statistics.lived import DUE_BASE, OPEN, ORACLE, RANKS, Days, Item, Lived, settled_now

CALLERS = ("whole tree", "30 units", "one unit")
FILTERS: dict[str, tuple[dict[str, str], Any]] = {
    "none": ({}, lambda _: True),
    "states": ({"state": "closed,rectifying"}, lambda i: i.state in {"closed", "rectifying"}),
    "phase": ({"phase": "close_out"}, lambda i: i.state in {"verifying", "closing", "public_notice", "closed"}),
    "category": ({"category": "formalism"}, lambda i: i.category == "formalism"),
    "severity": ({"severity": "major,grave"}, lambda i: i.severity in {"major", "grave"}),
    "mode": ({"mode": "time_limited"}, lambda i: i.mode == "time_limited"),
    "cycle": ({"cycle_from": "2"}, lambda i: i.cycle >= 2),
    "major": ({"major": "false"}, lambda i: i.major_kind is None),
    "overdue": ({"overdue": "false"}, lambda i: i.state not in OPEN or i.due_on is None or i.due_on >= i.today),
    "without": ({"without": "mode"}, lambda i: i.mode is None),
}
KEY: dict[By, Callable[[Item], list[Any]]] = {
    By.UNIT: lambda i: [i.lead_unit_id],
    By.SOURCE_TYPE: lambda i: [i.source_type],
    By.CATEGORY: lambda i: [i.category],
    By.LEDGER: lambda i: [i.ledger_id],
    By.ACCOUNTABLE_LEADER: lambda i: i.accountable_leader_ids or [None],
    By.MONTH: lambda i: [beijing_date(i.registered_at).isoformat()[:7]],
    By.MODE: lambda i: [i.mode],
    By.SEVERITY: lambda i: [i.severity],
    By.STATE: lambda i: [i.state],
}


def _expected(items: list[Item], metric: str, days: Days) -> tuple[tuple[int, set[UUID]], tuple[int, set[UUID]] | None]:
    found: list[tuple[int, set[UUID]]] = []
    if metric in RANKS:
        return _ranked(items, metric, days)
    for value in ORACLE[metric]:
        if value is None:
            return found[0], None
        counts = {item.item_id: int(value(item, days)) for item in items}
        found.append((sum(counts.values()), {key for key, count in counts.items() if count}))
    return found[0], found[1]


def _ranked(items: list[Item], metric: str, days: Days) -> tuple[tuple[int, set[UUID]], tuple[int, set[UUID]]]:
    """By nearest rank."""
    share, value = RANKS[metric]
    taken = {item.item_id: found for item in items if (found := value(item, days)) is not None}
    ranked = sorted(taken.values())
    place = -(-len(ranked) * share // 100)
    return (ranked[place - 1] if ranked else 0, set(taken)), (len(taken), set(taken))


async def _listed(lived: Lived, caller: str, address: str | None) -> set[UUID] | None:
    if address is None:
        return None
    parts = urlsplit(address)
    assert parts.path == "/v1/items"
    async with lived.client(caller) as client:
        asked: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
        return {UUID(one) for one in await ids(client, **asked)}


async def _ask(lived: Lived, caller: str, path: str, **params: str) -> dict[str, Any]:
    lived.app.state.figures = Fresh()
    async with lived.client(caller) as client:
        answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _withheld(lived: Lived, caller: str, above: set[UUID], below: set[UUID] | None) -> bool:
    """Fewer than three with one among them the caller may not read today; so also what is left of the denominator."""
    masked = {row["id"] for row in lived.book.rows if not lived.book.unmasked(caller, row)}
    told = [(len(each), len(each & masked)) for each in (above, below) if each is not None]
    if below is not None:
        told.append((len(below) - len(above), len(below & masked) - len(above & masked)))
    return any(items < 3 and hidden > 0 for items, hidden in told)


async def _check(lived: Lived, caller: str, figure: dict[str, Any], items: list[Item], days: Days) -> None:
    above, below = _expected(items, figure["metric"], days)
    assert figure["suppressed"] is _withheld(lived, caller, above[1], None if below is None else below[1])
    if figure["suppressed"]:
        assert figure["numerator"] is figure["denominator"] is figure["percent"] is figure["value"] is None
        assert figure["drill"] == {"numerator": None, "denominator": None}
        return
    assert figure["numerator"] == above[0], figure["metric"]
    assert figure["denominator"] == (None if below is None else below[0]), figure["metric"]
    assert await _listed(lived, caller, figure["drill"]["numerator"]) == above[1]
    assert await _listed(lived, caller, figure["drill"]["denominator"]) == (None if below is None else below[1])


def _period(at: datetime, months_ago: int, length: int) -> Days:
    last = beijing_date(at) - timedelta(days=30 * months_ago)
    return last - timedelta(days=length), last


@pytest.mark.parametrize("metric", [metric.code for metric in METRICS])
async def test_today_each_metric_counts_what_its_list_holds(lived: Lived, metric: str) -> None:
    days = _period(settled_now(), 1, 200)
    asked = {"metric": metric, "period_from": days[0].isoformat(), "period_to": days[1].isoformat()}
    found = await _ask(lived, "whole tree", "/v1/statistics", **asked)
    items = lived.items("whole tree", datetime.now(UTC))
    await _check(lived, "whole tree", found["totals"][0], items, days)
    if metric != "sustaining":
        assert found["totals"][0]["numerator"] > 0, "the past made for this test never gets there"


@dataclass(frozen=True)
class Question:
    """What is asked of the service and of the oracle alike."""

    metric: str
    caller: str
    filtered: str
    days_ago: float | None
    months: int
    length: int

    @property
    def at(self) -> datetime:
        return settled_now() - timedelta(days=self.days_ago or 0)

    def asked(self, at: datetime, days: Days) -> dict[str, str]:
        period = {"period_from": days[0].isoformat(), "period_to": days[1].isoformat()}
        moment = {} if self.days_ago is None else {"as_of": at.isoformat().replace("+00:00", "Z")}
        return {"metric": self.metric, **period, **moment, **FILTERS[self.filtered][0]}

    def items(self, lived: Lived, at: datetime) -> list[Item]:
        moment = datetime.now(UTC) if self.days_ago is None else at
        return [item for item in lived.items(self.caller, moment) if FILTERS[self.filtered][1](item)]


QUESTIONS = st.builds(
    Question,
    metric=st.sampled_from([metric.code for metric in METRICS]),
    caller=st.sampled_from(CALLERS),
    filtered=st.sampled_from(sorted(FILTERS)),
    days_ago=st.none() | st.floats(0, 700),
    months=st.integers(0, 12),
    length=st.integers(0, 400),
)
GROUPED = QUESTIONS.filter(lambda question: question.metric != "closure_rate_shared")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(question=QUESTIONS)
async def test_any_figure_of_any_moment_counts_what_its_list_holds(lived: Lived, question: Question) -> None:
    at = question.at
    days = _period(at, question.months, question.length)
    found = await _ask(lived, question.caller, "/v1/statistics", **question.asked(at, days))
    await _check(lived, question.caller, found["totals"][0], question.items(lived, at), days)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    question=GROUPED,
    by=st.lists(st.sampled_from(sorted(KEY)), min_size=1, max_size=2, unique=True),
    pick=st.integers(0, 10**6),
)
async def test_any_group_counts_what_its_list_holds(lived: Lived, question: Question, by: list[By], pick: int) -> None:
    at = question.at
    days = _period(at, question.months, question.length)
    asked = {**question.asked(at, days), "group_by": ",".join(by)}
    found = await _ask(lived, question.caller, "/v1/statistics", **asked)
    items = question.items(lived, at)
    await _check(lived, question.caller, found["totals"][0], items, days)
    groups: dict[tuple[str | None, ...], list[Item]] = {}
    for item in items:
        for keys in _keys(item, by):
            groups.setdefault(keys, []).append(item)
    assert {tuple(group["keys"]) for group in found["groups"]} == {
        keys for keys, members in groups.items() if _counts(members, question.metric, days)
    }
    if found["groups"]:
        group = found["groups"][pick % len(found["groups"])]
        await _check(lived, question.caller, group["figures"][0], groups[tuple(group["keys"])], days)


@pytest.mark.parametrize("days_ago", [None, 100])
async def test_a_figure_is_withheld_where_it_is_of_few_with_a_masked_one_among_them(
    lived: Lived, days_ago: int | None
) -> None:
    caller = "30 units"
    at = settled_now() - timedelta(days=days_ago or 0)
    moment = {} if days_ago is None else {"as_of": at.isoformat().replace("+00:00", "Z")}
    days = _period(at, 0, 200)
    period = {"period_from": days[0].isoformat(), "period_to": days[1].isoformat()}
    codes = [metric.code for metric in METRICS if metric.grain is not Grain.UNIT_SHARE]
    groups = []
    for asked in (codes[first::4] for first in range(4)):
        query = {"metric": ",".join(asked), "group_by": "unit", **moment, **period}
        groups += (await _ask(lived, caller, "/v1/statistics", **query))["groups"]
    items = lived.items(caller, datetime.now(UTC) if days_ago is None else at)
    seen: set[bool] = set()
    for group in groups:
        led = [item for item in items if str(item.lead_unit_id) == str(group["keys"][0])]
        for figure in group["figures"]:
            above, below = _expected(led, figure["metric"], days)
            withheld = _withheld(lived, caller, above[1], None if below is None else below[1])
            assert figure["suppressed"] is withheld, (group["keys"], figure["metric"])
            seen.add(withheld)
    assert seen == {True, False}


@pytest.mark.parametrize("by", ["unit", "unit_subtree", "source_type,accountable_leader", "month,state"])
@pytest.mark.parametrize("past", [False, True])
async def test_shares_come_to_the_same_total_however_they_are_grouped(lived: Lived, by: str, *, past: bool) -> None:
    moment = (settled_now() - timedelta(days=200)).isoformat().replace("+00:00", "Z")
    asked = {"metric": "closure_rate_shared,closed"} | ({"as_of": moment} if past else {})
    alone = await _ask(lived, "whole tree", "/v1/statistics", **asked)
    grouped = await _ask(lived, "whole tree", "/v1/statistics", group_by=by, **asked)
    halves = [
        [(figure["numerator"], figure["denominator"]) for figure in found["totals"]] for found in (alone, grouped)
    ]
    assert halves[0] == halves[1]
    assert halves[0][0][0] > halves[0][1][0] > 0


def _counts(items: list[Item], metric: str, days: Days) -> bool:
    above, below = _expected(items, metric, days)
    return above[0] > 0 or (below is not None and below[0] > 0)


def _keys(item: Item, by: list[By]) -> list[tuple[str | None, ...]]:
    found: list[tuple[str | None, ...]] = [()]
    for each in by:
        found = [(*keys, None if key is None else str(key)) for keys in found for key in KEY[each](item)]
    return found


async def test_units_with_all_below_them_add_up_to_their_parents(lived: Lived) -> None:
    found = await _ask(lived, "whole tree", "/v1/statistics", metric="due_base", group_by="unit_subtree")
    items = [item for item in lived.items("whole tree", datetime.now(UTC)) if item.state in DUE_BASE]
    for group in found["groups"]:
        key = None if group["keys"][0] is None else UUID(group["keys"][0])
        leads = [item.lead_unit_id for item in items]
        below = [lead is None if key is None else key in lived.book.above.get(lead, ()) for lead in leads]
        figure = group["figures"][0]
        if not figure["suppressed"]:
            assert figure["numerator"] == sum(below)
    root = next(g for g in found["groups"] if g["keys"] == [str(lived.book.world.organisation.root)])
    assert await _listed(lived, "whole tree", root["figures"][0]["drill"]["numerator"]) == {
        item.item_id for item in items if item.lead_unit_id is not None
    }


async def test_a_share_is_counted_for_each_unit_that_works_on_an_item(lived: Lived) -> None:
    asked = {"metric": "closure_rate_shared", "group_by": "unit"}
    found = await _ask(lived, "whole tree", "/v1/statistics", **asked)
    items = [item for item in lived.items("whole tree", datetime.now(UTC)) if item.state in DUE_BASE]
    shown = [group for group in found["groups"] if not group["figures"][0]["suppressed"]]
    for group in shown[:20]:
        unit, figure = UUID(group["keys"][0]), group["figures"][0]
        at_work = {i.item_id for i in items if any(u == unit and part != "source" for u, part in i.units)}
        assert figure["denominator"] == len(at_work)
        assert await _listed(lived, "whole tree", figure["drill"]["denominator"]) == at_work
    assert len(shown) > 5


async def test_shares_that_no_list_holds_lead_nowhere(lived: Lived) -> None:
    """Those of other units at work on one unit's items, and of no unit, whose row other metrics have."""
    asked = {"metric": "closure_rate_shared,due_base", "group_by": "unit"}
    every = (await _ask(lived, "whole tree", "/v1/statistics", **asked))["groups"]
    led_by_none = next(group["figures"] for group in every if group["keys"] == [None])
    assert [figure["denominator"] or figure["numerator"] for figure in led_by_none] == [0, led_by_none[1]["numerator"]]
    assert led_by_none[0]["drill"] == {"numerator": None, "denominator": None}
    unit = max(every[:-1], key=lambda group: group["figures"][0]["denominator"] or 0)["keys"][0]
    found = await _ask(lived, "whole tree", "/v1/statistics", working_unit_id=unit, **asked)
    ends = {group["keys"][0]: group["figures"][0]["drill"]["denominator"] for group in found["groups"]}
    assert len(ends) > 1
    assert {key for key, address in ends.items() if address is not None} == {unit}
    own = next(group["figures"][0] for group in found["groups"] if group["keys"] == [unit])
    listed = await _listed(lived, "whole tree", own["drill"]["denominator"])
    assert listed is not None
    assert len(listed) == own["denominator"]


def test_every_metric_has_an_answer_of_its_own() -> None:
    assert set(ORACLE) | set(RANKS) == {metric.code for metric in METRICS}
    assert {metric.basis for metric in METRICS} == set(Basis)
