import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from app.trail.canonical import SAFE_INTEGER, Unrecordable, canonical, commitment, instant, jsonable, leaf_hash

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(max_codepoint=127))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE_INTEGER, SAFE_INTEGER) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
)


@given(PLAIN)
def test_the_text_of_a_value_is_the_one_rfc_8785_prescribes(value: Any) -> None:
    assert canonical(value).encode() == rfc8785.dumps(value)


@given(PLAIN)
def test_a_value_read_back_from_its_text_has_the_same_text(value: Any) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        Decimal(1),
        SAFE_INTEGER + 1,
        -SAFE_INTEGER - 1,
        "\ud800",
        {"\ud800": 1},
        {"名": 1},
        {1: 1},
        {"a": [0.5]},
        (1,),
        b"",
        object(),
    ],
)
def test_a_value_outside_the_alphabet_is_refused_wherever_it_sits(value: object) -> None:
    for nested in (value, [value], {"a": {"b": [value]}}):
        with pytest.raises(Unrecordable):
            canonical(nested)


class Colour(StrEnum):
    RED = "red"


class Measure(BaseModel):
    due: date
    owner: UUID | None
    tags: set[str]


def test_what_commands_hold_becomes_plain_json() -> None:
    owner = UUID("0192d3a0-0000-7000-8000-00000000000A")
    given_value = {
        "at": datetime(2026, 3, 1, 8, 0, tzinfo=timezone(timedelta(hours=8))),
        "day": date(2026, 3, 1),
        "colour": Colour.RED,
        "pair": (1, None),
        "set": {"b", "a"},
        "measure": Measure(due=date(2026, 5, 1), owner=owner, tags={"z", "y"}),
    }
    assert jsonable(given_value) == {
        "at": "2026-03-01T00:00:00.000000Z",
        "day": "2026-03-01",
        "colour": "red",
        "pair": [1, None],
        "set": ["a", "b"],
        "measure": {"due": "2026-05-01", "owner": str(owner), "tags": ["y", "z"]},
    }


@pytest.mark.parametrize("value", [Decimal("1.5"), 1.5, timedelta(1), b"x"])
def test_what_has_no_exact_json_is_refused(value: object) -> None:
    with pytest.raises(Unrecordable):
        jsonable({"a": [value]})


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(Unrecordable):
        instant(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1900, 1, 2), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_an_instant_is_27_characters_and_comes_back_exactly(moment: datetime) -> None:
    text = instant(moment)
    assert len(text) == 27
    assert datetime.fromisoformat(text) == moment.astimezone(UTC)


def test_the_leaf_hash_of_a_known_body_never_changes() -> None:
    assert leaf_hash('{"v":1}').hex() == "0fe7f04cd9688fb996eea9ae1248cbe83b4d04805413f35ab25ad9deb5a3cb32"


def test_the_commitment_of_a_known_field_never_changes() -> None:
    assert commitment("remarks", {"b": "整改", "a": [1, None]}, bytes(range(32))) == (
        "9c1f3e280e0500b297dc8f444e713c33c9b91c99f51ac0177b1b006dbcb3ea27"
    )


@given(TEXT, TEXT, st.binary(min_size=32, max_size=32))
def test_another_value_or_another_field_has_another_commitment(one: str, other: str, salt: bytes) -> None:
    assert (commitment("a", one, salt) == commitment("a", other, salt)) == (one == other)
    assert commitment("a", one, salt) != commitment("b", one, salt)
