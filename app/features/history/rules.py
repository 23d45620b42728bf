"""What history is called, and what of it is hidden for a restricted item: pure, so that both can be read as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.core.errors import Text
from app.lifecycle.states import Action
from app.lifecycle.transitions import TABLE

ACTION_OF: Final[Mapping[str, Action]] = {row.event: row.action for row in TABLE}
"""The events that are transitions, with the action that was taken."""

SAFE_FIELDS: Final = frozenset({
    "number", "cycle", "step", "plan_version", "submission_no", "ledger_id", "source_type", "category",
    "severity", "confidentiality", "mode", "deadline", "accountable_leader_ids", "lead_unit_id",
    "responsible_unit_id", "cooperating_unit_ids", "declared_true", "to_state", "gates", "disposition",
    "result", "reason_code", "redo_by", "next_review_on", "target_id", "rehome_to_id", "child_ids",
    "from_item_ids", "from_numbers", "split_from_id", "redacted", "basis", "redaction_id",
})  # fmt: skip
"""Codes, counters, dates and units: all that a restricted item tells those who may not read its text.

Everything else is hidden, also what nobody has thought of yet: text, names of people, evidence.
"""

SURVEYS: Final = frozenset({"ballot_paper", "return_visit"})
SURVEY_REASONS: Final = frozenset({"findings"})
RETURN_VISIT: Final = "return_visit"
SEALED_FIELDS: Final = SURVEYS | {"contact"}
"""How single people answered and how an objector is reached: history tells nobody.

Whoever may know reads it at the gate or the objection itself; the reasons of a survey's verdict would give it away.
"""

GUESSABLE: Final = frozenset({"survey", "objection"})
"""Tables whose rows hold what is sealed and little else: their unsalted digests would let it be guessed."""

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
}


def label_of(event_type: str) -> Text | None:
    """An event's name: that of the action for a transition, else of object and verb; None if unknown."""
    action = ACTION_OF.get(event_type)
    if action is not None:
        return action.label
    for verb, said in _VERBS.items():
        for separator in ("_", "."):
            what = event_type.removesuffix(f"{separator}{verb}")
            if what != event_type and what in _OBJECTS:
                return Text(f"{_OBJECTS[what].zh}：{said.zh}", f"{_OBJECTS[what].en} {said.en}")
    return None


def _of_survey(evidence: object) -> bool:
    """A file shown for a survey may be the record of visits, whose very name tells of people."""
    return isinstance(evidence, Mapping) and evidence.get("target_kind") == "survey"


def _guessable(rows: object) -> bool:
    return isinstance(rows, list) and any(entry[0] in GUESSABLE for entry in rows)


def hide(fields: Mapping[str, Any], *, restricted: bool) -> tuple[dict[str, Any], list[str]]:
    """The fields with null for what is hidden, and the names of those; `restricted` leaves only the safe ones."""
    sealed = SEALED_FIELDS | SURVEY_REASONS if fields.keys() & SURVEYS else SEALED_FIELDS
    if RETURN_VISIT in fields:
        sealed |= {"comment"}
    if _of_survey(fields.get("evidence")):
        sealed |= {"evidence"}
    if _guessable(fields.get("rows")):
        sealed |= {"rows"}
    hidden = sorted(
        name
        for name, value in fields.items()
        if value is not None and (name in sealed or (restricted and name not in SAFE_FIELDS))
    )
    return {name: None if name in hidden else value for name, value in fields.items()}, hidden


class Sealing:
    """What a bundle leaves out for everybody, as history does: how single people answered, how an objector is reached."""

    def fields(self, said: Mapping[str, Any]) -> Sequence[str]:
        return hide(said, restricted=False)[1]

    def row(self, table: str, row: Mapping[str, Any]) -> bool:
        return (
            table in GUESSABLE
            or (table == "gate_result" and row["gate"] == "people_satisfied")
            or (table == "evidence" and _of_survey(row))
        )
