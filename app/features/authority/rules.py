"""What may be said of grants and delegations without looking anything up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from app.access.permissions import LENDABLE, Role

LONGEST_DELEGATION: Final = timedelta(days=366)


def not_lendable(roles: Iterable[Role]) -> list[int]:
    """The places of roles that nobody may lend."""
    return [place for place, role in enumerate(roles) if role not in LENDABLE]


def too_long(starts_on: date, ends_on: date) -> bool:
    """A standing delegation would be a grant that nobody decided on."""
    return ends_on - starts_on > LONGEST_DELEGATION
