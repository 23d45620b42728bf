"""Schemathesis in all its phases against the service, with ids that exist and credentials that hold."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from tests.fuzz.ground import Caller, Ground

REFUSED = ["400", "401", "403", "404", "405", "406", "409", "412", "413", "415", "422", "428", "429"]
UNKNOWN_CALLER = 401
_ID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|[a-z][a-z0-9_]*\Z")
Case = Any
Schema = Any


@dataclass
class Tally:
    """What was asked, what came back, and what should not have."""

    statuses: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return self.statuses.total()

    def take(self, phase: str, recorder: ScenarioRecorder) -> None:
        for interaction in recorder.interactions.values():
            status = "none" if interaction.response is None else str(interaction.response.status_code)
            self.statuses[status] += 1
            self.phases[phase] += 1
        for checks in recorder.checks.values():
            for check in checks:
                if check.failure_info is not None:
                    told = check.failure_info.failure
                    self.wrong.append(f"{check.name}: {recorder.label}: {told.title}: {told.message[:500]}")


def configured(seed: int, examples: int, skipped: Sequence[str]) -> SchemathesisConfig:
    """Refusals of ours that Schemathesis does not know of are added to those it accepts."""
    left_out = [{"include-operation-id": list(skipped), "enabled": False}] if skipped else []
    accepted = {"expected-statuses": ["200", *REFUSED]}
    dry_run = {"checks": {"missing_required_header": accepted, "negative_data_rejection": accepted}}
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "continue-on-failure": True,
            "generation": {"max-examples": examples, "database": "none", "no-shrink": True},
            "checks": {
                "negative_data_rejection": {"expected-statuses": REFUSED},
                "missing_required_header": {"expected-statuses": REFUSED},
                # a body that fits its schema may still be refused by a rule: that is for the tests of the rules
                "positive_data_acceptance": {"enabled": False},
            },
            # asking what a change would do needs no key, and the header is required for changing alone
            "operations": [*left_out, {"include-operation-id": ["changePolicy", "transitionItem"], **dry_run}],
        }
    )


def hooked(schema: Schema, ground: Ground, caller: Caller, rng: random.Random) -> Schema:
    """Called in the loop of the ground; the hooks run in the thread of the attack, and ask that loop.

    Many operations end sessions, and some answer the same where there was none to end: after a refusal the account is
    asked how it stands, instead of guessing.
    """
    loop = asyncio.get_running_loop()

    @schemathesis.hook
    def before_call(_context: Any, case: Case, _kwargs: Any) -> None:
        """What is well formed is pointed at what exists, or nothing but 404 would ever come back."""
        given = case.path_parameters or {}
        formed = {name: value for name, value in given.items() if isinstance(value, str) and _ID.match(value)}
        if rng.random() < 0.85:
            case.path_parameters = {**given, **ground.aim(rng, formed)}
        headers = case.headers
        if headers and "Idempotency-Key" in headers and rng.random() < 0.9 and _well_formed(headers["Idempotency-Key"]):
            headers["Idempotency-Key"] = uuid4().hex
        if headers and "If-Match" in headers and rng.random() < 0.5 and _well_formed(headers["If-Match"]):
            headers["If-Match"] = "*"

    @schemathesis.hook
    def after_call(_context: Any, _case: Case, response: Any) -> None:
        if response.status_code == UNKNOWN_CALLER and caller.account is not None:
            asyncio.run_coroutine_threadsafe(ground.revive(caller), loop).result(30)

    @schema.auth(refresh_interval=None)
    class Credential:
        def get(self, _case: Case, _context: Any) -> str | None:
            return caller.header()

        def set(self, case: Case, data: str | None, _context: Any) -> None:
            if data is not None:
                case.headers["Authorization"] = data

    return schema


def _well_formed(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and 8 <= len(value) <= 100


def attack(schema: Schema) -> Tally:
    """Runs every phase."""
    tally, phase = Tally(), ""
    for event in from_schema(schema).execute():
        if isinstance(event, events.PhaseStarted):
            phase = event.phase.name.value
        elif isinstance(event, events.ScenarioFinished):
            tally.take(phase, event.recorder)
        elif isinstance(event, events.NonFatalError) and "NoLinksFound" not in str(event.info):
            tally.wrong.append(f"{event.label}: {event.info}")
        elif isinstance(event, events.FatalError):
            tally.wrong.append(f"the harness failed: {event.exception!r}")
    schemathesis.hooks.unregister_all()  # hooks around calls are of the whole process: the next run brings its own
    return tally


def in_process(app: Any, config: SchemathesisConfig) -> Schema:
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=config)


def over_a_socket(address: str, config: SchemathesisConfig) -> Schema:
    return schemathesis.openapi.from_url(f"{address}/openapi.json", config=config)
