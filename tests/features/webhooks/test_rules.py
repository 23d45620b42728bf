"""When an answer counts, when it is tried again, what an endpoint wants, and what a signature is of."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.core.outgoing import Answer
from app.features.webhooks import signing
from app.features.webhooks.rules import REFUSED_PAUSES, DeliveryOutcome, after_refusal, known, outcome, pause, wanted
from app.lifecycle.event_types import EVENT_TYPES

AWAY = [None, 100, 199, 300, 301, 302, 304, 307, 308, 399, 408, 425, 429, 500, 502, 503, 504, 599, 600, 999]


def test_only_a_2xx_is_taken_and_410_ends_it() -> None:
    assert {outcome(Answer(status)) for status in range(200, 300)} == {DeliveryOutcome.DELIVERED}
    assert outcome(Answer(410)) is DeliveryOutcome.GONE
    refused = {status for status in range(400, 500) if outcome(Answer(status)) is DeliveryOutcome.REFUSED}
    assert refused == {*range(400, 500)} - {408, 410, 425, 429}


@pytest.mark.parametrize("status", AWAY)
def test_no_answer_a_redirect_and_a_fault_mean_that_nobody_is_there(status: int | None) -> None:
    assert outcome(Answer(status, None if status else "timeout")) is DeliveryOutcome.AWAY


def test_an_away_receiver_is_asked_ever_more_rarely_and_at_least_hourly() -> None:
    longest = [pause(failures, None, 0.0) for failures in range(1, 15)]
    assert longest[:10] == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560]
    assert set(longest[10:]) == {3600}
    assert pause(10**9, None, 0.0) == 3600
    assert [pause(failures, None, 1.0) for failures in (1, 5, 20)] == [2.5, 40, 1800]


def test_what_the_receiver_asks_for_is_kept_up_to_an_hour() -> None:
    assert pause(1, 120.0, 0.5) == 120
    assert pause(1, 1e9, 0.5) == 3600
    assert pause(8, 1.0, 0.0) == 640


def test_a_refused_event_is_tried_again_by_the_table_and_then_set_aside() -> None:
    assert [after_refusal(attempts) for attempts in range(1, 7)] == [5, 60, 600, 3600, None, None]
    assert len(REFUSED_PAUSES) == 4


@pytest.mark.parametrize(
    ("chosen", "event_type", "expected"),
    [
        ([], "item.closed_offline", True),
        (["item.closed_offline"], "item.closed_offline", True),
        (["item.closed_offline"], "item.closure_approved", False),
        (["item.*"], "item.closure_approved", True),
        (["item.*"], "items.closure_approved", False),
        (["item.*"], "item", False),
        (["unit.*", "item.split"], "item.split", True),
        (["unit.*", "item.split"], "item.split_off", False),
        (["key.*"], "api_key.created", False),
    ],
)
def test_types_are_chosen_by_name_or_by_kind(chosen: list[str], event_type: str, expected: bool) -> None:
    assert wanted(chosen, event_type) is expected


def test_only_what_can_happen_can_be_chosen() -> None:
    assert all(known(event_type) for event_type in EVENT_TYPES)
    assert known("item.*")
    assert not any(known(choice) for choice in ("item.teleported", "planet.*", "webhook.ping", "item.sub*"))


def test_a_signature_is_that_of_the_standard() -> None:
    """The example of the Standard Webhooks specification."""
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    made = signing.headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_every_secret_in_force_signs() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    alone = [signing.headers([secret], "m", at, b"{}")["webhook-signature"] for secret in (b"1" * 32, b"2" * 32)]
    assert signing.headers([b"1" * 32, b"2" * 32], "m", at, b"{}")["webhook-signature"] == " ".join(alone)


def test_a_secret_follows_from_key_endpoint_and_generation_alone() -> None:
    key, one, other = b"k" * 32, UUID(int=1), UUID(int=2)
    made = {
        signing.secret_of(key, one, 1),
        signing.secret_of(key, one, 2),
        signing.secret_of(key, other, 1),
        signing.secret_of(b"l" * 32, one, 1),
    }
    assert len(made) == 4
    assert signing.secret_of(key, one, 1) in made
    shown = signing.shown(signing.secret_of(key, one, 1))
    assert shown.startswith("whsec_")
    assert len(b64decode(shown.removeprefix("whsec_"))) == 32
