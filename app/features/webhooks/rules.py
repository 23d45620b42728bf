"""When an answer counts, when to try again, and which events an endpoint wants: pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from app.core.enums import LabelledEnum
from app.core.outgoing import Answer
from app.lifecycle.event_types import EVENT_TYPES

LONGEST_PAUSE: Final = 3600.0
_FIRST_PAUSE: Final = 5.0
_DOUBLINGS: Final = 10
"""More of them are past the longest pause anyway, and the number of failures knows no end."""
REFUSED_PAUSES: Final = (5.0, 60.0, 600.0, 3600.0)
"""After each refusal of one event; after one more it is set aside."""
OVERLAP: Final = timedelta(hours=24)
"""So long after a rotation the secret before it signs as well."""
KEPT: Final = timedelta(days=30)
"""So long is told what became of a delivery."""
PING: Final = "webhook.ping"
_ANY: Final = ".*"
_BUSY: Final = frozenset({408, 425, 429})
_GONE: Final = 410


class DeliveryOutcome(LabelledEnum):
    """What became of an attempt."""

    DELIVERED = "delivered", "已送达", "Delivered"
    AWAY = "away", "接收方不可达", "The receiver is away"
    REFUSED = "refused", "被拒收，将重试", "Refused, to be tried again"
    SET_ASIDE = "set_aside", "多次被拒收，已搁置", "Refused too often, set aside"
    GONE = "gone", "接收方已停用", "The receiver wants no more"


def outcome(answer: Answer) -> DeliveryOutcome:
    """Of one call. A receiver that is away loses nothing; one that refuses an event must not hold up all others."""
    status = answer.status
    if status == _GONE:
        return DeliveryOutcome.GONE
    kind = 0 if status is None or status in _BUSY else status // 100
    return {2: DeliveryOutcome.DELIVERED, 4: DeliveryOutcome.REFUSED}.get(kind, DeliveryOutcome.AWAY)


def pause(failures: int, retry_after: float | None, chance: float) -> float:
    """Seconds until an away receiver is asked again: doubled each time, up to an hour, unless it asks for a longer one.

    Shortened by up to a half, as `chance` in 0..1 has it, so that many do not come back at once.
    """
    full = min(LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures - 1, _DOUBLINGS))
    return min(LONGEST_PAUSE, max(full * (1 - chance / 2), retry_after or 0.0))


def after_refusal(attempts: int) -> float | None:
    """Seconds until an event refused so many times is tried again; None when it is to be set aside."""
    return REFUSED_PAUSES[attempts - 1] if attempts <= len(REFUSED_PAUSES) else None


def wanted(chosen: Sequence[str], event_type: str) -> bool:
    """`chosen` are types and prefixes such as `item.*`; none at all means every type."""
    return not chosen or any(
        one == event_type or (one.endswith(_ANY) and event_type.startswith(one[: 1 - len(_ANY)])) for one in chosen
    )


def known(choice: str) -> bool:
    """Whether there is any event that the choice could mean."""
    return any(wanted((choice,), event_type) for event_type in EVENT_TYPES)
