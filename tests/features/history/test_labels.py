import re

import pytest

from app.features.history.rules import ACTION_OF, hide, label_of
from app.trail.envelope import ITEM
from tests.architecture.rules import sources, texts

KINDS = f"{ITEM}|unit|person|post|role_grant|delegation|account|api_key|ledger|category|source_type"
NO_EVENTS = {"item.id", "item.state", "unit.ancestors", "ledger.archived_on"}


def recorded_types() -> set[str]:
    """Every text of the product that can be the type of an event: `kind.something_done`."""
    found = {text for source in sources("app") for _, text in texts(source.tree)}
    return {text for text in found if re.fullmatch(rf"({KINDS})\.[a-z_]+(ed|off|in|given)", text)} - NO_EVENTS


def test_every_event_the_product_records_has_a_name_in_both_languages() -> None:
    types = recorded_types()
    assert {"item.drafted", "ledger.created", "api_key.revoked"} <= types
    assert sorted(name for name in types | set(ACTION_OF) if label_of(name) is None) == []


def test_an_event_of_a_newer_build_has_no_name() -> None:
    assert label_of("item.teleported") is None
    assert label_of("nothing.created") is None


@pytest.mark.parametrize(
    ("restricted", "hidden"), [(False, ["contact"]), (True, ["contact", "reason"])], ids=["open", "restricted"]
)
def test_hiding_keeps_the_names_of_fields_and_never_their_values(restricted: bool, hidden: list[str]) -> None:
    told, names = hide({"reason": "密", "number": "L-1", "contact": "电话", "note": None}, restricted=restricted)
    assert names == hidden
    assert list(told) == ["reason", "number", "contact", "note"]
    assert told["number"] == "L-1"
    assert all(told[name] is None for name in hidden)
