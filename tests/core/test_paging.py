from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Problem
from app.core.http import Call
from app.core.paging import Cursor, cursor_for, page_links
from tests.core.small_service import small_service
from tests.support.service import client_of

KEY = b"k" * 32
CALL = Call(
    method="GET",
    route="/v1/items",
    path="/v1/items",
    query_string="state=rectifying&limit=50&sort=-due_on",
    if_match=None,
    if_none_match=None,
    idempotency_key=None,
    fingerprint=b"",
    request_id="request-1",
    language="zh-CN",
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.dates()
    | st.uuids()
    | st.datetimes(timezones=st.just(UTC))
)


@given(st.lists(SCALARS))
def test_a_position_comes_back_with_its_types(position: list[object]) -> None:
    cursor = Cursor(KEY, "/v1/items?")
    opened = cursor.decode(cursor.encode(position))  # type: ignore[arg-type]
    assert list(opened) == position
    assert [type(value) for value in opened] == [type(value) for value in position]


def test_a_cursor_works_with_another_page_size_and_parameter_order() -> None:
    position = (date(2026, 3, 31), datetime(2026, 3, 1, tzinfo=UTC), UUID(int=7))
    sealed = cursor_for(CALL, KEY).encode(position)
    again = replace(CALL, query_string=f"sort=-due_on&limit=10&state=rectifying&include=total&cursor={sealed}")
    assert cursor_for(again, KEY).decode(sealed) == position


@pytest.mark.parametrize(
    "other",
    [
        replace(CALL, path="/v1/people"),
        replace(CALL, query_string="state=closed&limit=50&sort=-due_on"),
        replace(CALL, query_string="state=rectifying&limit=50&sort=due_on"),
        replace(CALL, query_string=CALL.query_string + "&overdue=true"),
    ],
)
def test_a_cursor_of_another_list_filter_or_sort_is_refused(other: Call) -> None:
    sealed = cursor_for(CALL, KEY).encode(("a", 1))
    with pytest.raises(Problem, match="invalid_cursor"):
        cursor_for(other, KEY).decode(sealed)


def test_a_forged_or_altered_cursor_is_refused() -> None:
    cursor = cursor_for(CALL, KEY)
    sealed = cursor.encode(("2026-03-31", 5))
    forged = [cursor_for(CALL, b"x" * 32).encode(("2026-03-31", 5)), "", "a", "整改", "%", sealed[:-2], sealed + "AAAA"]
    forged += [
        sealed[:place] + ("A" if letter != "A" else "B") + sealed[place + 1 :] for place, letter in enumerate(sealed)
    ]
    for altered in forged:
        if altered != sealed:
            with pytest.raises(Problem, match="invalid_cursor"):
                cursor.decode(altered)


def test_links_lead_to_the_first_and_the_next_page_and_keep_the_filters() -> None:
    call = replace(CALL, query_string="q=%E5%85%AC%E8%BD%A6&cursor=old")
    first = '</v1/items?q=%E5%85%AC%E8%BD%A6>; rel="first"'
    assert page_links(call, None) == {"Link": first}
    assert page_links(call, "new") == {"Link": f'{first}, </v1/items?q=%E5%85%AC%E8%BD%A6&cursor=new>; rel="next"'}


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(small_service(tmp_path)) as client:
        yield client


async def test_a_page_has_twenty_rows_unless_said_otherwise_and_never_more_than_two_hundred(
    http: httpx2.AsyncClient,
) -> None:
    for query, expected in (("", "20"), ("?limit=7", "7"), ("?limit=100000", "200")):
        body = (await http.get(f"/v1/things{query}")).json()
        assert body["items"][0]["id"] == expected
        assert {"next_cursor": None, "total": None, "total_relation": None}.items() <= body.items()


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=1e3", "limit=" + "9" * 30, "include=all"])
async def test_a_page_nobody_can_give_is_422(http: httpx2.AsyncClient, query: str) -> None:
    answer = await http.get(f"/v1/paged?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.json()["errors"][0]["parameter"] == f"query.{query.partition('=')[0]}"
