"""Who may do what, written by hand from docs/permissions.md, docs/guides/api.md and the rules on scope: no line of it is the
service's own. A route that is not in OPERATIONS fails the build, and so does a line without a route.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Answer = Literal["ok", "401", "403", "404"]

RELATIONS = ("own", "child", "parent", "sibling", "other")
"""Where the item, person, ledger, … stands as seen from the unit the caller's role covers."""
KINDS = ("above", "restricted", "stub")
"""Items of the own unit: in a ledger of the whole organisation, 敏感, 涉密占位."""
MINE = "mine"
"""The caller's own account, key, post or delegation."""
CREDENTIALS = ("none", "expired", "revoked")

HOLDERS: dict[str, str] = {
    "item:draft": "unit_head liaison supervision_office discipline_office source_office petition_office integration",
    "item:act": "first_responsible leader unit_head liaison supervision_office verifier discipline_office source_office"
    " petition_office",
    "gate:judge": "leader supervision_office verifier survey_runner discipline_office",
    "approval:sign": "first_responsible leader unit_head supervision_office discipline_office source_office",
    "objection:write": "supervision_office",
    "decision:record": "first_responsible supervision_office",
    "ledger:manage": "supervision_office system_admin",
    "policy:change": "first_responsible supervision_office",
    "dictionary:manage": "system_admin",
    "organisation:manage": "system_admin",
    "access:manage": "security_admin",
    "trail:read": "auditor audit_admin",
    "webhook:manage": "system_admin integration",
    "snapshot:make": "first_responsible supervision_office",
    "redaction:read": "security_admin audit_admin",
    "redaction:request": "security_admin",
    "redaction:decide": "audit_admin",
}
"""Permission: the roles that have it, beyond what everybody has."""
EVERY_PERSON = frozenset(
    {"item:read", "event:read", "organisation:read", "ledger:read", "plan:write", "progress:write", "evidence:write",
     "delegation:write"}
)  # fmt: skip
A_PROGRAM = frozenset(
    {
        "item:read",
        "event:read",
        "organisation:read",
        "ledger:read",
        "item:draft",
        "progress:write",
        "evidence:write",
        "webhook:manage",
    }
)
ADMINISTRATORS = frozenset({"system_admin", "security_admin", "audit_admin"})
WITH_A_FOREIGN_PASSWORD = frozenset(
    {
        "GET /v1/me", "POST /v1/me/password", "DELETE /v1/auth/token", "GET /v1/auth/session",
        "DELETE /v1/auth/session",
    }
)  # fmt: skip

_TABLE = """
public            GET    /livez
public            GET    /readyz
public            GET    /metrics
public            GET    /problems/{code}
public            GET    /openapi.json
public            GET    /docs
public            GET    /redoc
public            GET    /docs/assets/{name}
public            GET    /
public            GET    /board/{file}
public            POST   /v1/auth/token
public            POST   /v1/auth/session
signed_in         GET    /v1/auth/session
signed_in         DELETE /v1/auth/session
signed_in         DELETE /v1/auth/token
signed_in         GET    /v1/me
signed_in         POST   /v1/me/password
signed_in         GET    /v1/api-keys
signed_in         POST   /v1/api-keys
signed_in         GET    /v1/api-keys/{key_id}
signed_in         DELETE /v1/api-keys/{key_id}
signed_in         GET    /v1/delegations
delegation:write  POST   /v1/delegations
signed_in         GET    /v1/delegations/{delegation_id}
delegation:write  DELETE /v1/delegations/{delegation_id}
signed_in         GET    /v1/meta/enums
signed_in         GET    /v1/meta/lifecycle
ledger:read       GET    /v1/meta/source-types
ledger:read       GET    /v1/meta/calendars
organisation:read   GET    /v1/units
organisation:manage POST   /v1/units
organisation:read   GET    /v1/units/{unit_id}
organisation:manage PATCH  /v1/units/{unit_id}
organisation:manage DELETE /v1/units/{unit_id}
organisation:read   GET    /v1/people
organisation:manage POST   /v1/people
organisation:read   GET    /v1/people/{person_id}
organisation:manage PATCH  /v1/people/{person_id}
organisation:read   GET    /v1/posts
organisation:manage POST   /v1/posts
organisation:read   GET    /v1/posts/{post_id}
organisation:manage PATCH  /v1/posts/{post_id}
access:manage     GET    /v1/people/{person_id}/account
access:manage     PUT    /v1/people/{person_id}/account
access:manage     PATCH  /v1/people/{person_id}/account
access:manage     GET    /v1/people/{person_id}/roles
access:manage     POST   /v1/people/{person_id}/roles
access:manage     GET    /v1/people/{person_id}/roles/{grant_id}
access:manage     DELETE /v1/people/{person_id}/roles/{grant_id}
ledger:read       GET    /v1/ledgers
ledger:manage     POST   /v1/ledgers
ledger:read       GET    /v1/ledgers/{ledger_id}
ledger:manage     PATCH  /v1/ledgers/{ledger_id}
ledger:read       GET    /v1/ledgers/{ledger_id}/policies
policy:change     POST   /v1/ledgers/{ledger_id}/policies
ledger:read       GET    /v1/ledgers/{ledger_id}/policies/{policy_version}
ledger:read       GET    /v1/categories
dictionary:manage POST   /v1/categories
ledger:read       GET    /v1/categories/{category_id}
dictionary:manage PATCH  /v1/categories/{category_id}
ledger:read       GET    /v1/source-types
ledger:read       GET    /v1/source-types/{code}
dictionary:manage PUT    /v1/source-types/{code}
event:read        GET    /v1/events
event:read        GET    /v1/events/stream
event:read        GET    /v1/trail/checkpoints
event:read        GET    /v1/trail/checkpoints/latest
event:read        GET    /v1/trail/checkpoint
event:read        GET    /v1/trail/consistency
event:read        GET    /v1/trail/keys
event:read        GET    /v1/trail/entries/{index}/proof
trail:read        GET    /v1/trail/tile/{path:path}
event:read        GET    /v1/trail/items/{item_id}/bundle
redaction:request POST   /v1/trail/redactions
redaction:read    GET    /v1/trail/redactions
redaction:read    GET    /v1/trail/redactions/{redaction_id:uuid}
redaction:read    GET    /v1/trail/redactions/{redaction_id}/preview
redaction:decide  POST   /v1/trail/redactions/{redaction_id}:approve
redaction:decide  POST   /v1/trail/redactions/{redaction_id}:reject
item:read         GET    /v1/metrics
item:read         GET    /v1/statistics
item:read         GET    /v1/statistics/trend
item:read         GET    /v1/dashboard
item:read         GET    /v1/snapshots
snapshot:make     POST   /v1/snapshots
item:read         GET    /v1/snapshots/{snapshot_id}
snapshot:make     POST   /v1/snapshots/{snapshot_id}/amendments
webhook:manage    GET    /v1/webhook-endpoints
webhook:manage    POST   /v1/webhook-endpoints
webhook:manage    GET    /v1/webhook-endpoints/{endpoint_id:uuid}
webhook:manage    PATCH  /v1/webhook-endpoints/{endpoint_id:uuid}
webhook:manage    DELETE /v1/webhook-endpoints/{endpoint_id:uuid}
webhook:manage    POST   /v1/webhook-endpoints/{endpoint_id}:rotateSecret
webhook:manage    POST   /v1/webhook-endpoints/{endpoint_id}:replay
webhook:manage    GET    /v1/webhook-endpoints/{endpoint_id}/deliveries
item:read         GET    /v1/items
item:draft        POST   /v1/items
item:act          POST   /v1/items:batchTransition
item:read         GET    /v1/items/{item_id}
item:draft        PATCH  /v1/items/{item_id}
item:draft        DELETE /v1/items/{item_id}
item:act          POST   /v1/items/{item_id}/transitions
event:read        GET    /v1/items/{item_id}/transitions
event:read        GET    /v1/items/{item_id}/events
item:read         GET    /v1/items/{item_id}/available-transitions
item:read         GET    /v1/items/{item_id}/duplicates
item:read         GET    /v1/items/{item_id}/closing-readiness
item:read         GET    /v1/items/{item_id}/measures
plan:write        POST   /v1/items/{item_id}/measures
item:read         GET    /v1/items/{item_id}/measures/{measure_id}
progress:write    PATCH  /v1/items/{item_id}/measures/{measure_id}
plan:write        DELETE /v1/items/{item_id}/measures/{measure_id}
item:read         GET    /v1/items/{item_id}/criteria
plan:write        POST   /v1/items/{item_id}/criteria
item:read         GET    /v1/items/{item_id}/criteria/{criterion_id}
plan:write        PATCH  /v1/items/{item_id}/criteria/{criterion_id}
plan:write        DELETE /v1/items/{item_id}/criteria/{criterion_id}
item:read         GET    /v1/items/{item_id}/plans
item:read         GET    /v1/items/{item_id}/plans/{plan_version}
item:read         GET    /v1/items/{item_id}/progress
progress:write    POST   /v1/items/{item_id}/progress
item:read         GET    /v1/items/{item_id}/progress/{report_id}
item:read         GET    /v1/items/{item_id}/outcomes
progress:write    POST   /v1/items/{item_id}/outcomes
item:read         GET    /v1/items/{item_id}/outcomes/{outcome_id}
progress:write    DELETE /v1/items/{item_id}/outcomes/{outcome_id}
item:read         GET    /v1/items/{item_id}/submissions
item:read         GET    /v1/items/{item_id}/submissions/{submission_no}
item:read         GET    /v1/items/{item_id}/evidence
evidence:write    POST   /v1/items/{item_id}/evidence
item:read         GET    /v1/items/{item_id}/evidence/{evidence_id}
item:read         GET    /v1/items/{item_id}/evidence/{evidence_id}/content
evidence:write    DELETE /v1/items/{item_id}/evidence/{evidence_id}
item:read         GET    /v1/items/{item_id}/gates
gate:judge        POST   /v1/items/{item_id}/gates
item:read         GET    /v1/items/{item_id}/gates/{result_id}
item:read         GET    /v1/items/{item_id}/approvals
approval:sign     POST   /v1/items/{item_id}/approvals
item:read         GET    /v1/items/{item_id}/approvals/{approval_id}
item:read         GET    /v1/items/{item_id}/objections
objection:write   POST   /v1/items/{item_id}/objections
item:read         GET    /v1/items/{item_id}/objections/{objection_id}
objection:write   PATCH  /v1/items/{item_id}/objections/{objection_id}
item:read         GET    /v1/items/{item_id}/decisions
decision:record   POST   /v1/items/{item_id}/decisions
item:read         GET    /v1/items/{item_id}/decisions/{decision_id}
item:read         GET    /v1/items/{item_id}/stage-reviews
"""
OPERATIONS: dict[str, str] = {
    f"{method} {path}": need for need, method, path in (line.split() for line in _TABLE.strip().splitlines())
}
"""Method and path: `public`, `signed_in` or the permission."""


@dataclass(frozen=True)
class Who:
    """A caller as the oracle knows one: at most one role, over one unit; a program has no person."""

    name: str
    role: str | None = None
    person: bool = True
    scopes: frozenset[str] | None = None
    foreign_password: bool = False

    def may(self, permission: str) -> bool:
        held = permission in (EVERY_PERSON if self.person else A_PROGRAM)
        held = held or (self.person and self.role in HOLDERS.get(permission, "").split())
        return held and (self.scopes is None or permission in self.scopes)

    @property
    def reads_items(self) -> bool:
        return not self.person or (self.role is not None and self.role not in ADMINISTRATORS)


def columns(operation: str) -> tuple[str, ...]:
    """The columns in which an operation has cells, credentials aside."""
    if "{item_id}" in operation:
        return (*RELATIONS, *KINDS)
    named = set(re.findall(r"\{([a-z_]+)", operation)) - {"code", "name", "file", "path", "category_id", "index"}
    if named & {"person_id", "post_id", "key_id", "delegation_id", "grant_id", "endpoint_id"}:
        return (*RELATIONS, MINE)
    return RELATIONS if named or "{index}" in operation else ("own",)


def sees_item(who: Who, column: str) -> bool:
    """The unit the role covers and everything below it."""
    return who.reads_items and column in {"own", "child", *KINDS}


def sees_person(who: Who, column: str) -> bool:
    """Those who work where the role covers, and oneself; everybody for those who manage people and accounts."""
    everybody = who.role in {"system_admin", "security_admin"}
    return everybody or column == MINE or (who.reads_items and column in {"own", "child"})


def expected(who: Who, operation: str, column: str) -> Answer:
    if column in CREDENTIALS:
        return "ok" if OPERATIONS[operation] == "public" else "401"
    if "{item_id}" in operation and not sees_item(who, column):
        return "404"
    return "403" if not _admitted(who, operation) else _found(who, operation, column)


def _admitted(who: Who, operation: str) -> bool:
    need = OPERATIONS[operation]
    if need == "public":
        return True
    if who.foreign_password:
        return operation in WITH_A_FOREIGN_PASSWORD
    return need == "signed_in" or who.may(need)


def _found(who: Who, operation: str, column: str) -> Answer:
    """What reading one thing answers, the route being open; writes are asked with a body that is refused before."""
    method, path = operation.split()
    if operation == "GET /v1/auth/session":
        return "401"  # it tells a browser's cookie its word; the callers here are programs
    if path.startswith("/v1/trail/tile/"):
        return "403"  # the whole log is for those who watch the whole organisation
    if method != "GET":
        return "ok"
    if path.endswith("/bundle"):
        return "ok" if reads_sealed(who, column) else "403"  # the whole item or nothing
    return _read(who, path, column)


def _read(who: Who, path: str, column: str) -> Answer:
    seen = True
    if path in {"/v1/people/{person_id}", "/v1/posts/{post_id}"}:
        seen = sees_person(who, column)
    elif "{delegation_id}" in path or path == "/v1/delegations":
        if not who.person:
            return "403"
        seen = path == "/v1/delegations" or who.role == "security_admin" or column == MINE
    elif "{key_id}" in path:
        seen = who.role == "security_admin" or (column == MINE and who.person)
    elif "{endpoint_id" in path:
        seen = who.role == "system_admin" or column == MINE
    elif "{index}" in path or "{snapshot_id}" in path:
        seen = sees_item(who, column)
    elif path.endswith("/content"):
        seen = reads_sealed(who, column)
    return "ok" if seen else "404"


READERS_OF_SEALED = frozenset(
    {"first_responsible", "discipline_office", "auditor", "unit_head", "liaison", "source_office"}
)


def reads_sealed(who: Who, column: str) -> bool:
    """The text that 敏感 hides; a leader would have to be named in the item, and of a stub there is nothing to read."""
    if column == "stub" or not sees_item(who, column):
        return False
    unsealed = who.scopes is None or "restricted:read" in who.scopes
    return column != "restricted" or (who.role in READERS_OF_SEALED and unsealed)


def reads_contact(who: Who, column: str) -> bool:
    """Who objected: for the two offices that deal with it, where they cover the ledger."""
    offices = {"supervision_office", "discipline_office"}
    return who.role in offices and column != "above" and reads_sealed(who, column)


# --- what one item allows: design/lifecycle.md, by hand -------------------------------------------------------------

ACTORS: dict[str, str] = {
    "submit": "finder",
    "register": "supervision_office",
    "return_for_supplement": "supervision_office",
    "decline": "supervision_office",
    "merge": "supervision_office",
    "split": "supervision_office",
    "assign": "supervision_office",
    "decline_assignment": "lead_unit",
    "recall": "supervision_office",
    "acknowledge": "lead_unit",
    "submit_plan": "lead_unit",
    "approve_plan": "leader",
    "return_plan": "leader",
    "report_completion": "unit_head",
    "withdraw_completion": "lead_unit",
    "fail_verification": "verifier supervision_office",
    "pass_verification": "supervision_office",
    "approve_closure": "chain",
    "reject_closure": "chain",
    "finish_notice": "supervision_office",
    "uphold_objection": "supervision_office",
    "enter_sustaining": "leader",
    "stage_review": "supervision_office",
    "reclassify": "supervision_office first_responsible",
    "hand_over": "unit_head supervision_office",
    "reopen": "supervision_office discipline_office source_office lead_unit",
    "void": "first_responsible",
    "transfer": "discipline_office",
    "record_offline_closure": "supervision_office",
}
"""Action: who takes it."""
_DECIDING = "supervision_office first_responsible"
WRITERS: dict[str, tuple[str, str]] = {
    "draft": ("item:draft", "finder"),
    "description": ("item:draft", "finder supervision_office"),
    "analysis": ("item:draft", "lead_unit"),
    "remarks": ("item:draft", "finder supervision_office"),
    "measure": ("plan:write", "lead_unit"),
    "criterion": ("plan:write", "lead_unit"),
    "measure_status": ("progress:write", "lead_unit"),
    "progress": ("progress:write", "lead_unit integration"),
    "outcome": ("progress:write", "lead_unit"),
    "evidence_item": ("evidence:write", "finder supervision_office lead_unit"),
    "evidence_work": ("evidence:write", "lead_unit integration"),
    "evidence_gate": ("evidence:write", "verifier supervision_office discipline_office survey_runner"),
    "evidence_decision": ("evidence:write", _DECIDING),
    "evidence_notice": ("evidence:write", "supervision_office"),
    "gate_problem_solved": ("gate:judge", "verifier"),
    "gate_adequate": ("gate:judge", "supervision_office"),
    "gate_accountability": ("gate:judge", "discipline_office"),
    "gate_satisfied": ("gate:judge", "survey_runner"),
    "gate_waiver": ("gate:judge", "leader"),
    "approval_plan": ("approval:sign", "leader first_responsible"),
    "approval_closure": ("approval:sign", "chain"),
    "approval_sustain": ("approval:sign", "first_responsible"),
    "approval_transfer": ("approval:sign", "supervision_office"),
    "approval_assignment": ("approval:sign", "first_responsible"),
    "objection": ("objection:write", "supervision_office"),
    "ruling": ("objection:write", "supervision_office"),
    "decision_plan": ("decision:record", _DECIDING),
    "decision_closure": ("decision:record", _DECIDING),
    "decision_sustain": ("decision:record", _DECIDING),
    "decision_void": ("decision:record", _DECIDING),
}
"""Child: the permission of its route, and who writes it."""
_OF_THE_LEDGER = frozenset({"supervision_office", "first_responsible", "discipline_office"})
_SIGNERS = frozenset({"leader", "discipline_office", "supervision_office", "first_responsible"})


def parts(who: Who, column: str) -> frozenset[str]:
    """What a caller is to an item: three roles count over its ledger, the others over the unit that leads."""
    if not sees_item(who, column):
        return frozenset()
    if not who.person:
        return frozenset({"integration"}) | ({"finder"} if column != "child" else set())
    role = who.role or ""
    found: set[str] = set() if role in _OF_THE_LEDGER and column == "above" else {role}
    found |= {"chain"} if role in _SIGNERS and found else set()
    if role in {"unit_head", "liaison"}:
        found |= {"lead_unit"} | ({"finder"} if column != "child" else set())
    return frozenset(found)


def expected_of(who: Who, permission: str, writers: str, column: str) -> Answer:
    """For a write that is whole and well formed, of a caller who sees the item or not."""
    if not sees_item(who, column):
        return "404"
    admitted = who.may(permission) and not who.foreign_password
    return "ok" if admitted and parts(who, column) & set(writers.split()) else "403"
