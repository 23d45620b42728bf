from datetime import date

import pytest

from app.core.errors import Problem
from app.core.etag import item_etag, not_modified, require_version

TODAY = date(2026, 3, 31)


def test_a_tag_changes_with_version_day_caller_and_language() -> None:
    tags = {
        item_etag(12, TODAY, "stamp", "zh-CN"),
        item_etag(13, TODAY, "stamp", "zh-CN"),
        item_etag(12, date(2026, 4, 1), "stamp", "zh-CN"),
        item_etag(12, TODAY, "other", "zh-CN"),
        item_etag(12, TODAY, "stamp", "en"),
    }
    assert len(tags) == 5
    assert all(tag.startswith('"v') and tag.endswith('"') for tag in tags)


@pytest.mark.parametrize(
    "given", ['"v12"', "v12", '"v12.ab34cd"', 'W/"v12.ab34cd"', "*", '"v11", "v12"', ' "v12" ', '"v012"']
)
def test_a_write_with_the_present_version_passes_whoever_read_it(given: str) -> None:
    require_version(given, 12)


@pytest.mark.parametrize("given", [None, "", "  "])
def test_a_write_without_a_version_is_428(given: str | None) -> None:
    with pytest.raises(Problem) as refused:
        require_version(given, 12)
    assert (refused.value.status, refused.value.code) == (428, "precondition_required")


@pytest.mark.parametrize(
    "given", ['"v11"', '"v123"', '"12"', "nonsense", '"v12.AB!"', '"v-12"', "v" + "1" * 40, '"v１２"', '"v12" x']
)
def test_a_write_with_another_version_is_412_and_learns_the_present_one(given: str) -> None:
    with pytest.raises(Problem) as refused:
        require_version(given, 12)
    assert refused.value.status == 412
    assert refused.value.members == {"current_version": 12}


def test_reading_compares_the_whole_tag_weakly() -> None:
    tag = item_etag(12, TODAY, "stamp", "zh-CN")
    for given in (tag, f"W/{tag}", f'"v1", {tag}', "*"):
        assert not_modified(given, tag)
    for other in (None, '"v12"', item_etag(12, TODAY, "stamp", "en"), ""):
        assert not not_modified(other, tag)
