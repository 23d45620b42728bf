"""Too many tries of one kind make their caller wait, and nobody else."""

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
        throttle.failed("zhang", "10.0.0.1")
    with pytest.raises(Problem):
        throttle.check("zhang", "10.0.0.1")
    throttle.check("li", "10.0.0.1")
