"""Too many tries of one kind make their caller wait, and nobody else."""

from contextlib import ExitStack

import pytest

from app.access.throttle import UPLOADS, Throttle
from app.core.errors import Problem


def test_a_caller_who_uploads_without_end_is_told_when_to_come_back() -> None:
    throttle = Throttle()
    for _ in range(UPLOADS.amount):
        throttle.upload("person:one")
    with pytest.raises(Problem) as refused:
        throttle.upload("person:one")
    assert refused.value.status == 429
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 60
    throttle.upload("person:two")


def test_wrong_passwords_of_one_name_do_not_lock_out_another() -> None:
    throttle = Throttle()
    for _ in range(5):
        fail(throttle, "zhang")
    with pytest.raises(Problem) as refused, throttle.attempt("zhang", "10.0.0.1"):
        pass
    assert refused.value.status == 429
    with throttle.attempt("li", "10.0.0.1"):
        pass


def fail(throttle: Throttle, username: str) -> None:
    with pytest.raises(Problem) as refused, throttle.attempt(username, "10.0.0.1"):
        raise Problem("invalid_credentials")
    assert refused.value.status == 401


def test_right_passwords_are_not_counted_however_many_there_are() -> None:
    throttle = Throttle()
    for number in range(200):
        with throttle.attempt(f"user-{number}", "10.0.0.1"):
            pass
    assert not throttle._undecided


def test_tries_that_are_still_being_looked_at_count_as_wrong() -> None:
    throttle = Throttle()
    with ExitStack() as open_tries:
        for _ in range(5):
            open_tries.enter_context(throttle.attempt("zhang", "10.0.0.1"))
        with pytest.raises(Problem) as refused, throttle.attempt("zhang", "10.0.0.1"):
            pass
        assert refused.value.status == 429
    with throttle.attempt("zhang", "10.0.0.1"):
        pass
