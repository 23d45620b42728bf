"""From exact integers to what is shown: halves go up, nothing over nothing is nothing, and few stay untold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

FEW: Final = 3
"""Fewer items than this, with restricted ones among them, would tell which."""


def percent(numerator: int | None, denominator: int | None) -> str | None:
    """One decimal place, halves up, from integers alone; None where there is nothing to divide by."""
    return mean(None if numerator is None else 100 * numerator, denominator)


def mean(total: int | None, count: int | None) -> str | None:
    """As `percent`, of a sum and how many it is of."""
    if total is None or not count:
        return None
    tenths = (20 * total + count) // (2 * count)
    return f"{tenths // 10}.{tenths % 10}"


def nearest_rank(spread: Mapping[int, int], tenths: int) -> int | None:
    """The smallest value that so many tenths of the items do not exceed; `spread` says how many items have each."""
    items, below = sum(spread.values()), 0
    for value in sorted(spread):
        below += spread[value]
        if spread[value] and 10 * below >= tenths * items:
            return value
    return None


class Cell(NamedTuple):
    """One half of a figure: what it comes to, the items counted, and those of them the caller may not read."""

    total: int
    items: int
    masked: int


def _few(items: int, masked: int) -> bool:
    return masked > 0 and items < FEW


def suppressed(numerator: Cell, denominator: Cell | None) -> bool:
    """Also where the rest of the denominator is that small: it follows by subtraction."""
    if _few(numerator.items, numerator.masked):
        return True
    if denominator is None:
        return False
    rest, masked_rest = denominator.items - numerator.items, denominator.masked - numerator.masked
    return _few(denominator.items, denominator.masked) or _few(rest, masked_rest)


def may_hide(numerator: int, denominator: int | None) -> bool:
    """Whether masked ones could make `suppressed` withhold a figure of so many items: else they need not be counted."""
    few = 0 < numerator < FEW
    return few or (denominator is not None and 0 < denominator < numerator + FEW)
