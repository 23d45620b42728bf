from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.numbering import (
    DEFAULT_TEMPLATE,
    MAX_LENGTH,
    TemplateRefused,
    render,
    validate_template,
    year_of,
)


@pytest.mark.parametrize(
    ("template", "number"),
    [
        (DEFAULT_TEMPLATE, "WT-2026-0007"),
        ("{prefix}-{source}-{year}-{serial:04}", "WT-xunshi-2026-0007"),
        ("{prefix}问〔{year}〕{serial}号", "WT问〔2026〕7号"),
        ("{year}{serial:08}", "202600000007"),
        ("{serial}/{year}".replace("/", "."), "7.2026"),
    ],
)
def test_a_number_follows_its_ledger_s_template(template: str, number: str) -> None:
    validate_template(template, "WT", "xunshi")
    assert render(template, "WT", "xunshi", 2026, 7) == number


def test_a_serial_wider_than_its_padding_is_never_cut() -> None:
    assert render(DEFAULT_TEMPLATE, "WT", "", 2026, 12_345) == "WT-2026-12345"


def test_serials_start_at_one() -> None:
    assert render(DEFAULT_TEMPLATE, "WT", "", 2026, 1) == "WT-2026-0001"
    with pytest.raises(ValueError, match="start at 1"):
        render(DEFAULT_TEMPLATE, "WT", "", 2026, 0)


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ("{prefix}-{year}", "numbering.no_serial"),
        ("", "numbering.no_serial"),
        ("{prefix}-{serial:04}", "numbering.no_year"),
        ("{prefix}-{year}-{batch}-{serial}", "numbering.unknown_field"),
        ("{}-{year}-{serial}", "numbering.unknown_field"),
        ("{0}-{year}-{serial}", "numbering.unknown_field"),
        ("{prefix.__class__}-{year}-{serial}", "numbering.unknown_field"),
        ("{prefix[0]}-{year}-{serial}", "numbering.unknown_field"),
        ("{prefix!r}-{year}-{serial}", "numbering.unknown_field"),
        ("{year}-{serial:4}", "numbering.bad_width"),
        ("{year}-{serial:012}", "numbering.bad_width"),
        ("{year}-{serial:00}", "numbering.bad_width"),
        ("{year}-{serial:x}", "numbering.bad_width"),
        ("{year}-{serial:{year}}", "numbering.bad_width"),
        ("{year:04}-{serial}", "numbering.bad_width"),
        ("{prefix:>9}{year}-{serial}", "numbering.bad_width"),
        ("{year-{serial}", "numbering.malformed"),
        ("{year}-{serial", "numbering.malformed"),
        ("{year}}-{serial}", "numbering.malformed"),
        ("{{{year}-{serial}", "numbering.bad_character"),
        ("{year}/{serial}", "numbering.bad_character"),
        ("{year} {serial}", "numbering.bad_character"),
        ("{year}\n{serial}", "numbering.bad_character"),
        ("<{year}>{serial}", "numbering.bad_character"),
        ("{year}{source}{serial:04}", "numbering.ambiguous"),
        ("{year}-{serial:04}{source}", "numbering.ambiguous"),
    ],
)
def test_a_template_that_cannot_number_a_ledger_is_refused_by_name(template: str, code: str) -> None:
    with pytest.raises(TemplateRefused) as caught:
        validate_template(template, "WT", "xunshi")
    assert caught.value.code == code
    assert caught.value.text.zh
    assert caught.value.text.en


def test_a_prefix_or_source_code_obeys_the_same_characters() -> None:
    for prefix, source in (("W T", ""), ("WT/", ""), ("WT", "a'b")):
        with pytest.raises(TemplateRefused, match="only letters"):
            validate_template(DEFAULT_TEMPLATE, prefix, source)


def test_the_longest_possible_number_has_sixty_four_characters() -> None:
    assert MAX_LENGTH == 64
    room = MAX_LENGTH - len("-2026-") - 7
    validate_template(DEFAULT_TEMPLATE, "前" * room, "")
    with pytest.raises(TemplateRefused, match="exceed"):
        validate_template(DEFAULT_TEMPLATE, "前" * (room + 1), "")
    validate_template("{source}-{year}-{serial}", "", "s" * room)
    with pytest.raises(TemplateRefused, match="exceed"):
        validate_template("{source}-{year}-{serial}", "", "s" * (room + 1))


def test_the_year_turns_at_midnight_in_beijing() -> None:
    last = datetime(2026, 12, 31, 15, 59, 59, 900_000, tzinfo=UTC)
    assert year_of(last) == 2026
    assert year_of(last + timedelta(milliseconds=100)) == 2027


@given(
    st.sampled_from(
        [DEFAULT_TEMPLATE, "{source}-{year}{serial:02}", "{serial}-{source}-{year}", "{prefix}{year}号{serial}"]
    ),
    st.tuples(st.sampled_from(["A", "A1", "B-2"]), st.integers(2020, 2035), st.integers(1, 999_999)),
    st.tuples(st.sampled_from(["A", "A1", "B-2"]), st.integers(2020, 2035), st.integers(1, 999_999)),
)
def test_two_serials_or_two_years_never_share_a_number(
    template: str, one: tuple[str, int, int], two: tuple[str, int, int]
) -> None:
    validate_template(template, "WT", "B-2")
    if one[1:] != two[1:]:
        assert render(template, "WT", *one) != render(template, "WT", *two)
