"""The dictionaries a new installation starts with: invented, ordinary, and the administrator's to change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.access.actor import Actor
from app.core.db import Tx
from app.core.ids import uuid7
from app.tables import ledger as tables
from app.trail.envelope import Entry
from app.trail.record import record

Json = dict[str, Any]

CATEGORIES: Final[tuple[tuple[str, str, str, tuple[tuple[str, str, str], ...]], ...]] = (
    (
        "party_building",
        "党的建设",
        "Party building",
        (
            ("political_construction", "政治建设与理论学习", "Political construction and study"),
            ("primary_organisation", "基层组织与队伍建设", "Primary organisations and staff"),
            ("ideology", "意识形态工作", "Ideological work"),
        ),
    ),
    (
        "conduct_discipline",
        "作风与纪律",
        "Conduct and discipline",
        (
            ("formalism", "形式主义、官僚主义", "Formalism and bureaucratism"),
            ("official_spending", "公务接待与经费使用", "Official hospitality and spending"),
        ),
    ),
    (
        "management",
        "内部管理",
        "Internal management",
        (
            ("finance_assets", "财务与资产", "Finance and assets"),
            ("procurement_contract", "采购与合同", "Procurement and contracts"),
            ("decision_system", "决策与制度执行", "Decisions and observance of rules"),
        ),
    ),
    (
        "safety_environment",
        "安全与环保",
        "Safety and environment",
        (
            ("safety_hazard", "安全隐患", "Safety hazards"),
            ("environment_protection", "生态环境保护", "Environmental protection"),
        ),
    ),
    (
        "public_service",
        "服务群众",
        "Service to the public",
        (
            ("service_quality", "办事效率与服务质量", "Speed and quality of service"),
            ("livelihood", "民生诉求", "Everyday needs of people"),
        ),
    ),
)


def _text(title: str, title_en: str, length: int = 200) -> Json:
    return {"type": "string", "title": title, "x-title-en": title_en, "maxLength": length, "minLength": 1}


def _date(title: str, title_en: str) -> Json:
    return {"type": "string", "format": "date", "title": title, "x-title-en": title_en}


def _count(title: str, title_en: str) -> Json:
    return {"type": "integer", "minimum": 0, "title": title, "x-title-en": title_en}


def _yes_no(title: str, title_en: str) -> Json:
    return {"type": "boolean", "title": title, "x-title-en": title_en}


def _choice(title: str, title_en: str, **values: str) -> Json:
    return {
        "type": "string",
        "title": title,
        "x-title-en": title_en,
        "enum": list(values),
        "x-enum-titles": list(values.values()),
    }


def _form(**fields: Json) -> Json:
    return {"type": "object", "additionalProperties": False, "properties": fields}


_EVERY: Final = ("title", "description", "found_on", "responsible_unit_id")
_OUTSIDE: Final = (*_EVERY, "source_document")


def _source(
    names: tuple[str, str], form: Json, required: tuple[str, ...] = _EVERY, *, sealed: tuple[str, ...] = ()
) -> Json:
    return {
        "name_zh": names[0],
        "name_en": names[1],
        "json_schema": form,
        "required": list(required),
        "sealed": list(sealed),
        "external": "source_document" in required,
    }


SOURCE_TYPES: Final[Mapping[str, Json]] = {
    "inspection": _source(
        ("巡察", "Inspection"),
        _form(
            round=_text("巡察轮次", "Inspection round", 60),
            team=_text("巡察组", "Inspection team", 100),
            handed_over_on=_date("反馈移交日期", "Handed over on"),
            chapter=_text("反馈意见章节", "Chapter of the feedback"),
            immediate=_yes_no("属立行立改事项", "To be rectified at once"),
        ),
        _OUTSIDE,
    ),
    "audit": _source(
        ("审计", "Audit"),
        _form(
            project=_text("审计项目", "Audit project"),
            audited_year=_count("审计年度", "Audited year"),
            amount_fen=_count("涉及金额（分）", "Amount concerned, in fen"),
            basis=_text("定性依据", "Basis of the finding", 1000),
            advice=_text("审计建议", "Advice of the auditors", 1000),
        ),
        (*_OUTSIDE, "source_quote"),
    ),
    "safety_check": _source(
        ("安全检查", "Safety check"),
        _form(
            place=_text("隐患部位", "Place of the hazard"),
            hazard_level=_choice("隐患等级", "Level of the hazard", general="一般隐患", grave="重大隐患"),
            checked_by=_text("检查人", "Checked by"),
            interim_protection=_text("整改前的防范措施", "Protection until rectified", 1000),
            recheck_on=_date("计划复查日期", "Recheck planned on"),
        ),
    ),
    "environment": _source(
        ("环保督察", "Environmental inspection"),
        _form(
            task_no=_text("督察任务编号", "Task number", 60),
            medium=_choice("环境要素", "Medium", air="大气", water="水", soil="土壤", waste="固体废物", ecology="生态"),
            accepted_by=_text("验收单位", "Accepted by"),
            repeated_complaint=_yes_no("属重复投诉", "A repeated complaint"),
        ),
        _OUTSIDE,
    ),
    "petition": _source(
        ("信访", "Petition"),
        _form(
            petition_no=_text("信访件编号", "Petition number", 60),
            petitioner=_text("信访人", "Petitioner", 100),
            channel=_choice("信访渠道", "Channel", letter="来信", visit="来访", online="网上", call="来电"),
            persons=_count("涉及人数", "Persons concerned"),
            case_leader=_text("包案领导", "Leader answering for the case", 60),
        ),
        _EVERY,
        sealed=("petitioner",),
    ),
    "democratic_life_meeting": _source(
        ("民主生活会", "Democratic life meeting"),
        _form(
            year=_count("会议年度", "Year of the meeting"),
            about=_choice("对照对象", "About", body="领导班子", person="个人"),
            aspect=_text("对照检查方面", "Aspect examined"),
            critic=_text("批评意见提出人", "Critic", 60),
        ),
        _EVERY,
        sealed=("critic",),
    ),
    "self_inspection": _source(
        ("自查", "Self-inspection"),
        _form(
            topic=_text("自查专题", "Topic"),
            method=_choice("自查方式", "Method", records="查阅资料", site="现场查看", talk="座谈访谈"),
        ),
    ),
    "node_inspection": _source(
        ("节点检查", "Check before a holiday or at a milestone"),
        _form(
            node=_text("检查节点", "Occasion", 60),
            place=_text("检查地点", "Place"),
            checked_by=_text("检查人员", "Checked by"),
        ),
    ),
    "hotline": _source(
        ("12345热线", "12345 hotline"),
        _form(
            order_no=_text("工单编号", "Work order number", 60),
            received_on=_date("接单日期", "Received on"),
            petitioner=_text("诉求人", "Caller", 100),
            call_backs=_count("催办次数", "Reminders so far"),
        ),
        _EVERY,
        sealed=("petitioner",),
    ),
    "media": _source(
        ("媒体", "Media"),
        _form(
            outlet=_text("媒体名称", "Outlet", 100),
            published_on=_date("报道日期", "Published on"),
            link=_text("报道链接", "Link", 500),
        ),
    ),
}

_KNOWN_CATEGORIES: Final = "SELECT code, id FROM category"
_KNOWN_SOURCE_TYPES: Final = "SELECT DISTINCT code FROM source_type"


def dictionary_rows(now: datetime) -> tuple[list[Json], list[Json]]:
    """Rows of the tables category and source_type, parents before children; new ids on every call."""
    return _category_rows(now), [
        {"id": uuid7(), "code": code, "schema_version": 1, **source, "active": True, "created_at": now}
        for code, source in SOURCE_TYPES.items()
    ]


async def seed_dictionaries(tx: Tx, actor: Actor, now: datetime) -> int:
    """Adds what is missing by code and touches nothing that is there; gives how many entries were added."""
    categories, source_types = dictionary_rows(now)
    known = {row["code"]: row["id"] for row in await tx.fetch(_KNOWN_CATEGORIES)}
    renamed = {row["id"]: known[row["code"]] for row in categories if row["code"] in known}
    new_categories = [
        {**row, "parent_id": renamed.get(row["parent_id"], row["parent_id"])}
        for row in categories
        if row["code"] not in known
    ]
    there = {row["code"] for row in await tx.fetch(_KNOWN_SOURCE_TYPES)}
    new_source_types = [row for row in source_types if row["code"] not in there]
    await tx.insert(tables.Category, new_categories)
    await tx.insert(tables.SourceType, new_source_types)
    entries = [_entry("category", row, now) for row in new_categories]
    entries += [_entry("source_type", row, now) for row in new_source_types]
    await record(tx, actor, entries)
    return len(entries)


def _category_rows(now: datetime) -> list[Json]:
    rows: list[Json] = []
    for first, (code, zh, en, children) in enumerate(CATEGORIES, start=1):
        parent = _category(now, None, (code, zh, en), first * 100)
        rows.append(parent)
        for second, names in enumerate(children, start=1):
            rows.append(_category(now, parent["id"], names, first * 100 + second))
    return rows


def _category(now: datetime, parent_id: UUID | None, names: tuple[str, str, str], sort_order: int) -> Json:
    return {
        "id": uuid7(),
        "parent_id": parent_id,
        "code": names[0],
        "name_zh": names[1],
        "name_en": names[2],
        "active": True,
        "sort_order": sort_order,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def _entry(kind: str, row: Json, now: datetime) -> Entry:
    unsaid = {"id", "version", "created_at", "updated_at"}
    fields = {name: value for name, value in row.items() if name not in unsaid}
    return Entry(kind, row["id"], f"{kind}.created", now, fields, ver=1)
