"""An honest ledger passes the audit with every kind of life in it."""

from fastapi import FastAPI

from app.trail.proof.findings import Verdict
from tests.trail.lives import audited, lives, newest


async def test_a_ledger_in_which_everything_has_happened_is_the_sum_of_its_history(fresh_app: FastAPI) -> None:
    await lives(fresh_app)
    report = await audited(fresh_app, await newest(fresh_app))
    assert report.findings == []
    assert report.verdict is Verdict.VERIFIED, report.reason
    assert (await audited(fresh_app)).verdict is Verdict.SELF_CONSISTENT_ONLY
