from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.metrics.rounding import FEW, Cell, may_hide, mean, nearest_rank, percent, suppressed


@pytest.mark.parametrize(
    ("numerator", "denominator", "shown"),
    [
        (0, 0, None), (None, 5, None), (5, None, None), (0, 7, "0.0"), (1, 3, "33.3"), (2, 3, "66.7"), (1, 8, "12.5"),
        (1, 2000, "0.1"), (1, 2001, "0.0"), (17, 20, "85.0"), (1699, 2000, "85.0"), (16989, 20000, "84.9"),
        (7, 7, "100.0"), (4, 3, "133.3"), (10**18, 3 * 10**18, "33.3"),
    ],
)  # fmt: skip
def test_one_place_halves_up_and_nothing_over_nothing(
    numerator: int | None, denominator: int | None, shown: str | None
) -> None:
    assert percent(numerator, denominator) == shown


@pytest.mark.parametrize(
    ("total", "count", "shown"),
    [(0, 0, None), (None, 2, None), (0, 3, "0.0"), (25, 4, "6.3"), (17, 3, "5.7"), (1, 8, "0.1"), (40, 4, "10.0")],
)
def test_a_mean_has_one_place_too(total: int | None, count: int, shown: str | None) -> None:
    assert mean(total, count) == shown


def test_nothing_has_no_rank() -> None:
    assert nearest_rank({}, 5) is None
    assert nearest_rank({3: 0}, 9) is None


@given(values=st.lists(st.integers(0, 40), min_size=1, max_size=60), tenths=st.integers(1, 10))
def test_a_rank_is_the_smallest_value_that_so_many_do_not_exceed(values: list[int], tenths: int) -> None:
    found = nearest_rank(Counter(values), tenths)
    assert found == sorted(values)[-(-tenths * len(values) // 10) - 1]


@given(numerator=st.integers(0, 10**12), denominator=st.integers(1, 10**12))
def test_what_is_shown_is_never_further_away_than_half_a_place(numerator: int, denominator: int) -> None:
    shown = Fraction(str(percent(numerator, denominator)))
    apart = shown - Fraction(100 * numerator, denominator)
    assert Fraction(-1, 20) < apart <= Fraction(1, 20)


def _cell(items: int, masked: int) -> Cell:
    return Cell(items, items, masked)


@pytest.mark.parametrize(
    ("numerator", "denominator", "withheld"),
    [
        (_cell(1, 1), None, True),
        (_cell(2, 1), None, True),
        (_cell(2, 0), None, False),
        (_cell(3, 1), None, False),
        (_cell(0, 0), None, False),
        (_cell(0, 0), _cell(2, 1), True),
        (_cell(5, 2), _cell(9, 2), False),
        # One of nine is not in the numerator, and it is the masked one: that follows by subtraction.
        (_cell(8, 0), _cell(9, 1), True),
        (_cell(8, 1), _cell(9, 1), False),
        (_cell(6, 0), _cell(9, 1), False),
        (Cell(40, 1, 1), Cell(90, 9, 1), True),
    ],
)
def test_few_with_a_masked_one_among_them_are_withheld(
    numerator: Cell, denominator: Cell | None, withheld: bool
) -> None:
    assert suppressed(numerator, denominator) is withheld


_ITEMS = range(FEW + 4)


@pytest.mark.parametrize("denominator", [None, *_ITEMS])
@pytest.mark.parametrize("numerator", _ITEMS)
def test_masked_ones_matter_exactly_where_some_number_of_them_would_withhold(
    numerator: int, denominator: int | None
) -> None:
    """A numerator need not be part of its denominator: closings on the year's stock may be more."""
    below = [None] if denominator is None else [_cell(denominator, masked) for masked in range(denominator + 1)]
    ways = [(_cell(numerator, masked), cell) for masked in range(numerator + 1) for cell in below]
    assert may_hide(numerator, denominator) is any(suppressed(*way) for way in ways)
