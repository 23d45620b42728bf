"""The routers in reading order, which is also the order of the documentation; hot paths are matched early."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from app.features.approvals.router import router as approvals
from app.features.authority.router import router as authority
from app.features.board.router import router as board
from app.features.closeout.router import router as closeout
from app.features.evidence.router import router as evidence
from app.features.history.router import router as history
from app.features.identify.router import router as items
from app.features.ledgers.router import router as ledgers
from app.features.meta.router import router as meta
from app.features.organisation.router import router as organisation
from app.features.plans.router import router as plans
from app.features.progress.router import router as progress
from app.features.redactions.router import router as redactions
from app.features.session.router import router as session
from app.features.site.router import router as site
from app.features.statistics.router import router as statistics
from app.features.trail.router import router as trail
from app.features.webhooks.router import router as webhooks

ROUTERS: Final[tuple[APIRouter, ...]] = (
    items,
    plans,
    progress,
    evidence,
    closeout,
    approvals,
    history,
    statistics,
    trail,
    redactions,
    session,
    organisation,
    authority,
    ledgers,
    webhooks,
    meta,
    site,
    board,
)

TAGS: Final[tuple[dict[str, str], ...]] = (
    {"name": "items", "description": "事项的查摆、整改与销号 · Items from discovery to closing"},
    {
        "name": "rectification",
        "description": "整改措施、标准、方案、进展与成效 · Measures, criteria, plans, progress, outcomes",
    },
    {"name": "closeout", "description": "三道关、意见、异议与决策 · Gates, opinions, objections and decisions"},
    {"name": "evidence", "description": "佐证材料 · Evidence"},
    {"name": "history", "description": "事项历史与变更流 · The history of items and the feed of events"},
    {"name": "statistics", "description": "指标、统计与看板 · Metrics, statistics and the dashboard"},
    {"name": "trail", "description": "封存、检查点与证明 · The sealed log, its checkpoints and proofs"},
    {"name": "session", "description": "登录、本人信息与密钥 · Signing in, the caller, and API keys"},
    {"name": "organisation", "description": "单位、人员、任职与权限 · Units, people, posts and powers"},
    {"name": "ledgers", "description": "台账及其规则 · Ledgers and their policies"},
    {"name": "dictionaries", "description": "问题类别与问题来源 · Categories and source types"},
    {"name": "webhooks", "description": "推送端点与推送记录 · Webhook endpoints and what became of deliveries"},
    {"name": "meta", "description": "枚举、生命周期与日历 · Enumerations, the life cycle and calendars"},
    {"name": "operations", "description": "运行状态与错误说明 · Health, metrics and the explanation of problems"},
)
