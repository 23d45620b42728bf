"""An invented bureau: six units and a station, one person for every role, and the colleagues that separation asks for."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import httpx2

from app.access.actor import SYSTEM
from app.access.permissions import ADMINISTRATORS, Role
from app.core import clock
from app.core.db import Database
from app.demo.client import Caller, Json, sign_in
from app.features.ledgers.seeds import seed_dictionaries
from app.features.organisation.administrators import create_administrator

Connect = Callable[[], httpx2.AsyncClient]


class UnitPlan(NamedTuple):
    key: str
    name: str
    parent: str | None


class PersonPlan(NamedTuple):
    """`post` is the unit where the person works, `over` the unit whose subtree the role covers."""

    username: str
    name: str
    role: Role
    post: str
    over: str
    title: str


ROOT: Final = "bureau"
UNITS: Final = (
    UnitPlan(ROOT, "云溪市水务管理局", None),
    UnitPlan("office", "综合办公室", ROOT),
    UnitPlan("supervision", "督查室", ROOT),
    UnitPlan("engineering", "工程建设科", ROOT),
    UnitPlan("finance", "计划财务科", ROOT),
    UnitPlan("safety", "安全与水环境科", ROOT),
    UnitPlan("service", "用户服务中心", ROOT),
    UnitPlan("station", "城东服务站", "service"),
)
LEADING: Final = ("engineering", "finance", "safety", "service", "station")
PEOPLE: Final = (
    PersonPlan("system_admin", "季一鸣", Role.SYSTEM_ADMIN, "office", ROOT, "系统管理员"),
    PersonPlan("security_admin", "纪安宁", Role.SECURITY_ADMIN, "office", ROOT, "安全管理员"),
    PersonPlan("audit_admin", "沈知远", Role.AUDIT_ADMIN, "office", ROOT, "审计管理员"),
    PersonPlan("first_responsible", "陆致远", Role.FIRST_RESPONSIBLE, ROOT, ROOT, "局长"),
    PersonPlan("leader", "方若谷", Role.LEADER, ROOT, ROOT, "副局长"),
    PersonPlan("leader_2", "程予安", Role.LEADER, ROOT, ROOT, "副局长"),
    PersonPlan("supervision_office", "顾明之", Role.SUPERVISION_OFFICE, "supervision", ROOT, "督查室主任"),
    PersonPlan("supervision_office_2", "何清越", Role.SUPERVISION_OFFICE, "supervision", ROOT, "督查室副主任"),
    PersonPlan("verifier", "苏衡", Role.VERIFIER, "supervision", ROOT, "核查专员"),
    PersonPlan("survey_runner", "叶知微", Role.SURVEY_RUNNER, "office", ROOT, "测评专员"),
    PersonPlan("discipline_office", "严正清", Role.DISCIPLINE_OFFICE, ROOT, ROOT, "纪检组组长"),
    PersonPlan("source_office", "孟怀远", Role.SOURCE_OFFICE, "supervision", "supervision", "来源联络专员"),
    PersonPlan("petition_office", "白晓棠", Role.PETITION_OFFICE, "office", ROOT, "信访专员"),
    PersonPlan("viewer", "田野", Role.VIEWER, "office", ROOT, "科员"),
    PersonPlan("auditor", "秦观澜", Role.AUDITOR, "office", ROOT, "内审专员"),
    PersonPlan("integration", "接口专员", Role.INTEGRATION, "office", ROOT, "数据接口专员"),
    PersonPlan("unit_head", "梁工", Role.UNIT_HEAD, "engineering", "engineering", "科长"),
    PersonPlan("liaison", "许联", Role.LIAISON, "engineering", "engineering", "联络员"),
    PersonPlan("assignee", "丁实", Role.ASSIGNEE, "engineering", "engineering", "工程师"),
    PersonPlan("unit_head_finance", "钱若溪", Role.UNIT_HEAD, "finance", "finance", "科长"),
    PersonPlan("unit_head_safety", "康守安", Role.UNIT_HEAD, "safety", "safety", "科长"),
    PersonPlan("unit_head_service", "温如意", Role.UNIT_HEAD, "service", "service", "主任"),
    PersonPlan("unit_head_station", "邵东", Role.UNIT_HEAD, "station", "station", "站长"),
)  # fmt: skip
STARTED_ON: Final = "2024-01-01"


@dataclass
class Organisation:
    """What was made: ids by key, and a caller for everybody, signed in when first asked for."""

    connect: Connect
    units: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    ledgers: dict[str, str] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)
    door: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def as_(self, username: str) -> Caller:
        async with self.door:
            if username not in self.callers:
                self.callers[username] = await sign_in(self.connect(), username, self.passwords[username])
        return self.callers[username]

    def head_of(self, unit: str) -> str:
        """The user name of a unit's head; their person works there."""
        return next(plan.username for plan in PEOPLE if plan.role is Role.UNIT_HEAD and plan.over == unit)

    async def close(self) -> None:
        for caller in self.callers.values():
            await caller.http.aclose()


def password() -> str:
    """Long enough for the rules and without look-alikes when read out; a demonstration is no secret, but not guessable."""
    return f"demo-{secrets.token_hex(5)}"


async def build(db: Database, connect: Connect) -> Organisation:
    """The three administrators come from the shell's own command; everything else they and their colleagues do by HTTP."""
    made = Organisation(connect)
    await db.write(lambda tx: seed_dictionaries(tx, SYSTEM, clock.now()))
    for plan in PEOPLE:
        made.passwords[plan.username] = password()
        if plan.role in ADMINISTRATORS:
            person = await create_administrator(
                db, username=plan.username, name=plan.name, password=made.passwords[plan.username],
                roles=[plan.role], trial=False,
            )  # fmt: skip
            made.people[plan.username] = str(person)
    system, security = await made.as_("system_admin"), await made.as_("security_admin")
    for unit in UNITS:
        await _unit(made, system, unit)
    for plan in PEOPLE:
        await _person(made, system, security, plan)
    await _ledgers(made)
    return made


async def _unit(made: Organisation, system: Caller, plan: UnitPlan) -> None:
    """The bureau is the unit the administrators came with, under a name of its own; the others are below it."""
    body = {"code": plan.key, "name": plan.name, "sort_order": len(made.units)}
    if plan.parent is None:
        root = next(unit for unit in (await system.get("/units"))["items"] if unit["parent_id"] is None)
        made.units[plan.key] = root["id"]
        await system.patch(f"/units/{root['id']}", body)
    else:
        made.units[plan.key] = (await system.post("/units", {**body, "parent_id": made.units[plan.parent]}))["id"]


async def _person(made: Organisation, system: Caller, security: Caller, plan: PersonPlan) -> None:
    if plan.username not in made.people:
        person = await system.post("/people", {"name": plan.name})
        made.people[plan.username] = person["id"]
        log_in = {
            "username": plan.username,
            "password": made.passwords[plan.username],
            "must_change_password": False,
        }
        await security.put(f"/people/{person['id']}/account", log_in, if_match=None)
        grant = {"role": plan.role, "unit_id": made.units[plan.over], "starts_on": STARTED_ON}
        await security.post(f"/people/{person['id']}/roles", grant)
    post = {"unit_id": made.units[plan.post], "title": plan.title, "starts_on": STARTED_ON}
    await system.post("/posts", {"person_id": made.people[plan.username], **post})


async def _ledgers(made: Organisation) -> None:
    office = await made.as_("supervision_office")
    unit_id = made.units[ROOT]
    year = clock.today().year
    plans: tuple[tuple[str, str, Json], ...] = (
        ("general", f"{year}年巡察审计整改台账", {"number_prefix": "ZG"}),
        ("public", f"{year}年安全环保与民生问题台账", {"number_prefix": "MS", "notice_required": True}),
    )
    for key, name, rules in plans:
        body: dict[str, Any] = {"code": f"{key}-{year}", "name": name, "unit_id": unit_id, "rules": rules}
        made.ledgers[key] = (await office.post("/ledgers", body))["id"]
