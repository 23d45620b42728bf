"""Every type an event can have, and what it is called: one table for history, the feed and what is pushed; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.core.errors import Text
from app.lifecycle.states import Action
from app.lifecycle.transitions import TABLE

ACTION_OF: Final[Mapping[str, Action]] = {row.event: row.action for row in TABLE}
"""The events that are transitions, with the action that was taken."""

_OBJECTS: Final[Mapping[str, Text]] = {
    "item": Text("事项", "Item"),
    "item.draft": Text("草稿", "Draft"),
    "item.origins": Text("问题来源", "Origins"),
    "item.measure": Text("整改措施", "Measure"),
    "item.measure_status": Text("措施进度", "Status of a measure"),
    "item.criterion": Text("完成标准", "Criterion"),
    "item.progress": Text("整改进展", "Progress"),
    "item.outcome": Text("整改成效", "Outcome"),
    "item.evidence": Text("佐证材料", "Evidence"),
    "item.opinion": Text("意见", "Opinion"),
    "item.accountability": Text("追责核查", "Accountability"),
    "item.gate": Text("核查结论", "Gate"),
    "item.survey": Text("满意度测评", "Survey"),
    "item.approval": Text("审批意见", "Approval"),
    "item.objection": Text("公示异议", "Objection"),
    "item.decision": Text("集体决策", "Decision"),
    "unit": Text("单位", "Unit"),
    "person": Text("人员", "Person"),
    "post": Text("任职", "Post"),
    "role_grant": Text("角色", "Role"),
    "delegation": Text("职责委托", "Delegation"),
    "account": Text("账号", "Account"),
    "account.sessions": Text("登录会话", "Sessions"),
    "account.password": Text("密码", "Password"),
    "api_key": Text("接口密钥", "API key"),
    "ledger": Text("台账", "Ledger"),
    "ledger.policy": Text("台账规则", "Policy"),
    "category": Text("问题类别", "Category"),
    "source_type": Text("问题来源类型", "Source type"),
    "redaction": Text("脱敏申请", "Request for redaction"),
    "key": Text("签名密钥", "Signing key"),
    "webhook_endpoint": Text("推送端点", "Webhook endpoint"),
    "webhook_endpoint.secret": Text("推送密钥", "Webhook secret"),
    "snapshot": Text("固化数据", "Frozen figures"),
    "export": Text("导出", "Export"),
    "rules": Text("流转规则", "Rules of the life cycle"),
    "log": Text("日志", "Log"),
}
_VERBS: Final[Mapping[str, Text]] = {
    "created": Text("新建", "created"),
    "drafted": Text("起草", "drafted"),
    "described": Text("修改描述", "described anew"),
    "changed": Text("修改", "changed"),
    "updated": Text("更新", "updated"),
    "edited": Text("修改", "edited"),
    "added": Text("新增", "added"),
    "attached": Text("上传", "attached"),
    "reported": Text("填报", "reported"),
    "recorded": Text("登记", "recorded"),
    "received": Text("并入", "received"),
    "removed": Text("移除", "removed"),
    "deleted": Text("删除", "deleted"),
    "moved": Text("调整隶属", "moved"),
    "judged": Text("评定", "judged"),
    "checked": Text("核查", "checked"),
    "progressed": Text("推进", "progressed"),
    "dismissed": Text("不成立", "dismissed"),
    "waived": Text("豁免", "waived"),
    "signed": Text("签署", "signed"),
    "given": Text("签署", "given"),
    "lodged": Text("登记", "lodged"),
    "ruled": Text("裁定", "ruled on"),
    "granted": Text("授予", "granted"),
    "revoked": Text("撤销", "revoked"),
    "opened": Text("启用", "opened"),
    "closed": Text("停用", "closed"),
    "ended": Text("终止", "ended"),
    "archived": Text("归档", "archived"),
    "logged_in": Text("登录", "logged in"),
    "split_off": Text("拆分立账", "split off"),
    "redacted": Text("脱敏", "redacted"),
    "requested": Text("提出", "made"),
    "approved": Text("批准", "approved"),
    "rejected": Text("驳回", "rejected"),
    "retired": Text("停用", "retired"),
    "reset": Text("重置", "reset"),
    "frozen": Text("固化", "frozen"),
    "amended": Text("修订", "amended"),
    "made": Text("生成", "made"),
    "published": Text("发布", "published"),
    "heartbeat": Text("心跳", "heartbeat"),
    "rotated": Text("更换", "rotated"),
    "replayed": Text("重放", "replayed"),
    "disabled": Text("停用", "disabled"),
}
_OF_ITEMS: Final = (
    "item.drafted", "item.described", "item.draft_deleted", "item.split_off", "item.origins_received", "item.redacted",
    "item.measure_added", "item.measure_changed", "item.measure_removed", "item.measure_progressed",
    "item.criterion_added", "item.criterion_changed", "item.criterion_removed", "item.progress_reported",
    "item.outcome_added", "item.outcome_removed", "item.evidence_added", "item.evidence_removed",
    "item.gate_judged", "item.gate_waived", "item.survey_recorded", "item.accountability_checked",
    "item.opinion_signed", "item.objection_lodged", "item.objection_dismissed", "item.decision_recorded",
)  # fmt: skip
_OF_CONFIGURATION: Final = (
    "unit.created", "unit.changed", "unit.moved", "unit.deleted", "person.created", "person.changed",
    "post.created", "post.changed", "role_grant.granted", "role_grant.revoked", "delegation.granted",
    "delegation.revoked", "account.created", "account.reset", "account.opened", "account.closed",
    "account.logged_in", "account.sessions_ended", "account.password_changed", "api_key.created", "api_key.revoked",
    "ledger.created", "ledger.changed", "ledger.archived", "ledger.policy_changed", "category.created",
    "category.changed", "source_type.created", "source_type.changed", "snapshot.frozen", "snapshot.amended",
    "redaction.requested", "redaction.approved", "redaction.rejected", "webhook_endpoint.created",
    "webhook_endpoint.changed", "webhook_endpoint.disabled", "webhook_endpoint.replayed", "webhook_endpoint.deleted",
    "webhook_endpoint.secret_rotated", "key.added", "key.retired", "export.made", "rules.published", "log.opened",
    "log.heartbeat",
)  # fmt: skip


def _named(event_type: str) -> Text:
    """The name of the action for a transition, else of object and verb."""
    action = ACTION_OF.get(event_type)
    if action is not None:
        return action.label
    for verb, said in _VERBS.items():
        for separator in ("_", "."):
            what = event_type.removesuffix(f"{separator}{verb}")
            if what != event_type and what in _OBJECTS:
                return Text(f"{_OBJECTS[what].zh}：{said.zh}", f"{_OBJECTS[what].en} {said.en}")
    raise KeyError(event_type)


EVENT_TYPES: Final[Mapping[str, Text]] = {
    event_type: _named(event_type) for event_type in (*ACTION_OF, *_OF_ITEMS, *_OF_CONFIGURATION)
}
"""Items first. A type that is recorded and not listed here fails a test."""
