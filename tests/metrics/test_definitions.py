"""Definitions are data: each can be read, named in an address, and told apart from what it was before."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from app.metrics.definitions import BY_CODE, METRICS, Basis, Counting, Part, definitions_hash, described
from app.metrics.drill import address, month_days, named_set, narrowed, set_condition
from app.metrics.grouping import GROUPINGS, By
from app.metrics.statement import bind

Q = (date(2026, 1, 1), date(2026, 3, 31))


def test_every_metric_is_named_once_and_said_in_both_languages() -> None:
    assert len(BY_CODE) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.code)
        assert metric.label.zh
        assert metric.label.en
        assert metric.formula.zh
        assert metric.formula.en


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.code)
def test_a_metric_of_a_period_asks_for_it_and_no_other_does(metric: object) -> None:
    found = BY_CODE[metric.code]  # type: ignore[attr-defined]
    texts = [str(part) for told in described([found]) for part in told["sets"].values()]
    assert all(("$period" in text) is (found.basis is Basis.PERIOD) for text in texts)


def test_another_meaning_is_another_hash() -> None:
    other = (replace(METRICS[0], version=2), *METRICS[1:])
    changed = (replace(METRICS[0], numerator=Counting(lambda _: "false")), *METRICS[1:])
    assert len({definitions_hash(METRICS), definitions_hash(other), definitions_hash(changed)}) == 3
    assert definitions_hash(METRICS) == definitions_hash(tuple(METRICS))


@pytest.mark.parametrize(
    "text", ["", "closure_rate", "closure_rate.", "closure_rate.whole", "due_base.denominator", "x.numerator"]
)
def test_what_names_no_set_is_none(text: str) -> None:
    assert named_set(text) is None
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        set_condition(text, "$1::date")


def test_a_count_leads_nowhere_by_its_denominator() -> None:
    assert address(BY_CODE["closed"], Part.DENOMINATOR, None, {}, None) is None


def test_an_address_carries_filters_period_and_moment() -> None:
    moment = datetime(2026, 4, 1, 2, tzinfo=UTC)
    found = address(BY_CODE["on_time_rate_cur"], Part.DENOMINATOR, Q, {"category": "formalism"}, moment)
    assert found == (
        "/v1/items?category=formalism&set=on_time_rate_cur.denominator&period_from=2026-01-01&period_to=2026-03-31"
        "&as_of=2026-04-01T02%3A00%3A00Z"
    )
    assert address(BY_CODE["closed"], Part.NUMERATOR, Q, {}, None) == "/v1/items?set=closed.numerator"


def test_a_group_is_the_whole_with_one_filter_more() -> None:
    month = narrowed({"registered_on_from": "2026-02-10"}, GROUPINGS[By.MONTH], "2026-02")
    assert month == {"registered_on_from": "2026-02-10", "registered_on_to": "2026-02-28"}
    assert narrowed({"without": "mode"}, GROUPINGS[By.UNIT], None) == {"without": "mode,lead_unit_id"}
    assert narrowed({"mode": "phased"}, GROUPINGS[By.UNIT], "u") == {"mode": "phased", "lead_unit_id": "u"}
    assert narrowed({}, GROUPINGS[By.UNIT], "u", shares=True) == {"working_unit_id": "u"}
    assert narrowed({"working_unit_id": "U,w"}, GROUPINGS[By.UNIT], "u", shares=True) == {"working_unit_id": "u"}


def test_a_share_no_list_holds_leads_nowhere() -> None:
    assert narrowed({}, GROUPINGS[By.UNIT], None, shares=True) is None
    assert narrowed({"working_unit_id": "w"}, GROUPINGS[By.UNIT], "u", shares=True) is None


def test_months_end_when_they_end() -> None:
    assert month_days("2028-02") == (date(2028, 2, 1), date(2028, 2, 29))


def test_parameters_are_numbered_in_the_order_they_are_met() -> None:
    assert bind("@b@ AND @a@ OR @b@", {"a": 1, "b": 2, "c": 3}) == ("$1 AND $2 OR $1", (2, 1))
