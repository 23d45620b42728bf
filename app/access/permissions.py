"""Who may do what, as data: roles, permissions, and which role brings which.

A permission opens a route; where a role reaches (its units) and what the state of an item allows are judged elsewhere.
"""

from collections.abc import Mapping
from typing import Final

from app.core.enums import LabelledEnum


class Role(LabelledEnum):
    """What a person can be granted over a unit and all below it."""

    FIRST_RESPONSIBLE = "first_responsible", "第一责任人", "First responsible"
    LEADER = "leader", "责任领导", "Leader in charge"
    UNIT_HEAD = "unit_head", "单位负责人", "Head of unit"
    LIAISON = "liaison", "联络员", "Liaison"
    ASSIGNEE = "assignee", "责任人", "Assignee"
    SUPERVISION_OFFICE = "supervision_office", "督查部门", "Supervision office"
    VERIFIER = "verifier", "核查人", "Verifier"
    SURVEY_RUNNER = "survey_runner", "测评组织人", "Survey runner"
    DISCIPLINE_OFFICE = "discipline_office", "纪检监察部门", "Discipline office"
    SOURCE_OFFICE = "source_office", "问题来源部门", "Source office"
    PETITION_OFFICE = "petition_office", "信访部门", "Petition office"
    VIEWER = "viewer", "查阅人", "Viewer"
    AUDITOR = "auditor", "审计员", "Auditor"
    SYSTEM_ADMIN = "system_admin", "系统管理员", "System administrator"
    SECURITY_ADMIN = "security_admin", "安全管理员", "Security administrator"
    AUDIT_ADMIN = "audit_admin", "审计管理员", "Audit administrator"
    INTEGRATION = "integration", "数据接口", "Integration"


class Permission(LabelledEnum):
    """What a route asks for, and what an API key is limited to."""

    ITEM_READ = "item:read", "查看事项", "Read items"
    ITEM_DRAFT = "item:draft", "起草事项", "Draft items"
    ITEM_ACT = "item:act", "办理事项流转", "Move items through their life cycle"
    RESTRICTED_READ = "restricted:read", "查看敏感内容", "Read restricted text"
    PLAN_WRITE = "plan:write", "编制整改措施和标准", "Write measures and criteria"
    PROGRESS_WRITE = "progress:write", "填报进展和成果", "Report progress and outcomes"
    EVIDENCE_WRITE = "evidence:write", "上传佐证材料", "Upload evidence"
    GATE_JUDGE = "gate:judge", "作出核查结论、登记测评", "Judge gates and record surveys"
    APPROVAL_SIGN = "approval:sign", "签署审批意见", "Sign approvals"
    OBJECTION_WRITE = "objection:write", "登记和裁定异议", "Lodge and rule objections"
    DECISION_RECORD = "decision:record", "登记集体决策", "Record collective decisions"
    LEDGER_READ = "ledger:read", "查看台账、规则和字典", "Read ledgers, policies and dictionaries"
    LEDGER_MANAGE = "ledger:manage", "管理台账", "Manage ledgers"
    POLICY_CHANGE = "policy:change", "修改台账规则", "Change the policy of ledgers"
    DICTIONARY_MANAGE = "dictionary:manage", "管理字典和日历", "Manage dictionaries and calendars"
    ORGANISATION_READ = "organisation:read", "查看组织机构和人员", "Read units and people"
    ORGANISATION_MANAGE = "organisation:manage", "管理组织机构和人员", "Manage units, people and posts"
    ACCESS_MANAGE = "access:manage", "管理账号、角色和密钥", "Manage accounts, roles and keys"
    DELEGATION_WRITE = "delegation:write", "办理职责委托", "Delegate own roles"
    EVENT_READ = "event:read", "查看事项历史", "Read the history of items"
    WEBHOOK_MANAGE = "webhook:manage", "管理推送端点", "Manage webhook endpoints"
    SNAPSHOT_MAKE = "snapshot:make", "固化统计数据", "Freeze figures"
    TRAIL_READ = "trail:read", "查看全部存证记录", "Read the whole trail"
    REDACTION_READ = "redaction:read", "查看脱敏申请", "Read requests for redaction"
    REDACTION_REQUEST = "redaction:request", "申请脱敏", "Ask for a redaction"
    REDACTION_DECIDE = "redaction:decide", "审批脱敏", "Decide on a redaction"


_P = Permission
_READING: Final = frozenset({_P.ITEM_READ, _P.EVENT_READ, _P.ORGANISATION_READ, _P.LEDGER_READ})
_SETTING_UP: Final = frozenset({_P.ORGANISATION_READ, _P.LEDGER_READ})

BASE: Final = _READING | {_P.PLAN_WRITE, _P.PROGRESS_WRITE, _P.EVIDENCE_WRITE, _P.DELEGATION_WRITE}
"""What any person who is signed in may ask for: being named in an item makes one its assignee without a grant."""

_LEADING: Final = _READING | {
    _P.ITEM_DRAFT,
    _P.ITEM_ACT,
    _P.PLAN_WRITE,
    _P.PROGRESS_WRITE,
    _P.EVIDENCE_WRITE,
    _P.RESTRICTED_READ,
}

GRANTS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.FIRST_RESPONSIBLE: _READING
    | {
        _P.ITEM_ACT,
        _P.APPROVAL_SIGN,
        _P.DECISION_RECORD,
        _P.EVIDENCE_WRITE,
        _P.RESTRICTED_READ,
        _P.POLICY_CHANGE,
        _P.SNAPSHOT_MAKE,
    },
    Role.LEADER: _READING | {_P.ITEM_ACT, _P.APPROVAL_SIGN, _P.GATE_JUDGE, _P.EVIDENCE_WRITE, _P.RESTRICTED_READ},
    Role.UNIT_HEAD: _LEADING | {_P.APPROVAL_SIGN},
    Role.LIAISON: _LEADING,
    Role.ASSIGNEE: _READING | {_P.PLAN_WRITE, _P.PROGRESS_WRITE, _P.EVIDENCE_WRITE},
    Role.SUPERVISION_OFFICE: _READING
    | {
        _P.ITEM_DRAFT,
        _P.ITEM_ACT,
        _P.GATE_JUDGE,
        _P.APPROVAL_SIGN,
        _P.EVIDENCE_WRITE,
        _P.OBJECTION_WRITE,
        _P.DECISION_RECORD,
        _P.LEDGER_MANAGE,
        _P.POLICY_CHANGE,
        _P.SNAPSHOT_MAKE,
    },
    Role.VERIFIER: _READING | {_P.ITEM_ACT, _P.GATE_JUDGE, _P.EVIDENCE_WRITE},
    Role.SURVEY_RUNNER: _READING | {_P.GATE_JUDGE, _P.EVIDENCE_WRITE},
    Role.DISCIPLINE_OFFICE: _READING
    | {_P.ITEM_DRAFT, _P.ITEM_ACT, _P.GATE_JUDGE, _P.APPROVAL_SIGN, _P.EVIDENCE_WRITE, _P.RESTRICTED_READ},
    Role.SOURCE_OFFICE: _READING
    | {_P.ITEM_DRAFT, _P.ITEM_ACT, _P.APPROVAL_SIGN, _P.EVIDENCE_WRITE, _P.RESTRICTED_READ},
    Role.PETITION_OFFICE: _READING | {_P.ITEM_DRAFT, _P.ITEM_ACT, _P.EVIDENCE_WRITE},
    Role.VIEWER: _READING,
    Role.AUDITOR: _READING | {_P.RESTRICTED_READ, _P.TRAIL_READ},
    Role.SYSTEM_ADMIN: _SETTING_UP
    | {_P.ORGANISATION_MANAGE, _P.LEDGER_MANAGE, _P.DICTIONARY_MANAGE, _P.WEBHOOK_MANAGE},
    Role.SECURITY_ADMIN: _SETTING_UP | {_P.ACCESS_MANAGE, _P.REDACTION_READ, _P.REDACTION_REQUEST},
    Role.AUDIT_ADMIN: _SETTING_UP | {_P.TRAIL_READ, _P.REDACTION_READ, _P.REDACTION_DECIDE},
    Role.INTEGRATION: _READING | {_P.ITEM_DRAFT, _P.PROGRESS_WRITE, _P.EVIDENCE_WRITE, _P.WEBHOOK_MANAGE},
}

ADMINISTRATORS: Final = frozenset({Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN})
"""Three powers that no one person may hold together: run it, say who may, and watch both."""

READING_ROLES: Final = frozenset(Role) - ADMINISTRATORS
"""A grant of one of these shows the items of its unit and of everything below."""

OFFICE_ROLES: Final = frozenset(
    {
        Role.FIRST_RESPONSIBLE,
        Role.LEADER,
        Role.SUPERVISION_OFFICE,
        Role.VERIFIER,
        Role.SURVEY_RUNNER,
        Role.DISCIPLINE_OFFICE,
        Role.PETITION_OFFICE,
        Role.AUDITOR,
    }
)
"""These act wherever they cover the ledger's own unit, hence see all of that ledger, whichever units an item names."""

FINDER_ROLES: Final = frozenset({Role.UNIT_HEAD, Role.LIAISON, Role.INTEGRATION})
"""Held on exactly the unit an item was found by, these stand in for the author of a draft."""

LENDABLE: Final = frozenset({Role.FIRST_RESPONSIBLE, Role.LEADER, Role.UNIT_HEAD, Role.LIAISON})
"""What a principal may lend while away; offices have colleagues, and administrators are never stood in for."""

KEY_SCOPES: Final = frozenset(Permission) - {
    _P.ACCESS_MANAGE,
    _P.ORGANISATION_MANAGE,
    _P.DELEGATION_WRITE,
    _P.REDACTION_REQUEST,
    _P.REDACTION_DECIDE,
}
"""What an API key can be given at all: a leaked key must not make further keys, nor make words disappear."""
