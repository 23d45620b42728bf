"""An item's row is the sum of what its events say."""

from app.lifecycle.told import changed, told

BEFORE = {"title": "甲", "deadline": {"date": "2026-12-27", "days": None}, "cycle": 1, "version": 3}


def test_only_what_becomes_different_is_told() -> None:
    assert changed(BEFORE, {"title": "甲", "cycle": 1, "version": 4}) == {}
    assert changed(BEFORE, {"title": "乙", "cycle": 2}) == {"title": "乙", "set": {"cycle": 2}}


def test_a_field_named_after_a_column_of_words_says_what_the_column_holds() -> None:
    asked = {"deadline": {"date": "2026-12-27"}, "reason": "如前"}
    said = told(BEFORE, {"deadline": {"date": "2026-12-27", "days": None}}, asked)
    assert said == {"deadline": {"date": "2026-12-27", "days": None}, "reason": "如前"}
    assert told(BEFORE, {}, asked)["deadline"] == BEFORE["deadline"]
    assert told(BEFORE, {"deadline": None}, asked)["deadline"] is None
