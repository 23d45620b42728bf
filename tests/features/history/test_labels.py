import re

import pytest

from app.features.history.rules import hide
from app.lifecycle.event_types import ACTION_OF, EVENT_TYPES
from app.trail.envelope import ITEM
from tests.architecture.rules import sources, texts

KINDS = (
    f"{ITEM}|unit|person|post|role_grant|delegation|account|api_key|ledger|category|source_type|redaction|snapshot|key"
)
KINDS += "|webhook_endpoint|export|rules|log"
NO_EVENTS = {"item.id", "item.state", "unit.ancestors", "ledger.archived_on"}


def recorded_types() -> set[str]:
    """Every text of the product that can be the type of an event: `kind.something_done`."""
    found = {
        text
        for source in sources("app")
        if source.path != "app/lifecycle/event_types.py"
        for _, text in texts(source.tree)
    }
    ending = "ed|off|in|given|reset|frozen|made|heartbeat"
    return {text for text in found if re.fullmatch(rf"({KINDS})\.[a-z_]*({ending})", text)} - NO_EVENTS


def test_every_event_the_product_records_has_a_name_in_both_languages_and_no_other() -> None:
    assert recorded_types() | set(ACTION_OF) == set(EVENT_TYPES)
    assert all(name.zh and name.en for name in EVENT_TYPES.values())


def test_an_event_of_a_newer_build_has_no_name() -> None:
    assert "item.teleported" not in EVENT_TYPES
    assert "nothing.created" not in EVENT_TYPES


@pytest.mark.parametrize(
    ("restricted", "hidden"), [(False, ["contact"]), (True, ["contact", "reason"])], ids=["open", "restricted"]
)
def test_hiding_keeps_the_names_of_fields_and_never_their_values(restricted: bool, hidden: list[str]) -> None:
    told, names = hide({"reason": "密", "number": "L-1", "contact": "电话", "note": None}, restricted=restricted)
    assert names == hidden
    assert list(told) == ["reason", "number", "contact", "note"]
    assert told["number"] == "L-1"
    assert all(told[name] is None for name in hidden)
