"""The invented problems, read from `cases.csv`, with plans that fit their kind."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib.resources import files
from typing import Any, Final

from app.core import clock
from app.demo.carry import Case
from app.demo.client import Json

SOURCES: Final[Mapping[str, Json]] = {
    "inspection": {"document": "第二轮巡察反馈意见", "document_no": "云巡〔2026〕7号"},
    "audit": {
        "document": "年度财务收支审计报告", "document_no": "云审报〔2026〕15号", "quote": "内部控制执行不到位，存在管理漏洞。",
    },
    "environment": {"document": "生态环境保护督察交办清单", "document_no": "云环督〔2026〕3号"},
    "safety_check": {"fields": {"hazard_level": "general", "checked_by": "安全检查组"}},
    "petition": {"fields": {"channel": "online", "persons": 1}},
    "hotline": {"fields": {"call_backs": 1}},
    "media": {"fields": {"outlet": "云溪晚报"}},
}  # fmt: skip
PLANS: Final[Mapping[str, tuple[str, str, tuple[str, ...], str]]] = {
    "safety_hazard": (
        "岗位安全责任没有落到班组，隐患排查走过场。", "隐患消除，岗位人员会查会报。",
        ("立即停用存在隐患的部位并完成修复", "开展同类部位拉网式排查", "修订岗位安全检查表并组织考试"),
        "隐患部位经复查合格，同类部位排查有清单有结果",
    ),
    "environment_protection": (
        "日常巡查频次不够，源头管控责任不清。", "污染源头得到控制，巡查形成常态。",
        ("清理现场并完成问题点位治理", "建立点位台账，明确巡查频次和责任人"),
        "问题点位治理完成，连续四周巡查未再发现",
    ),
    "finance_assets": (
        "财务与业务部门对账不及时，岗位互相监督不够。", "账实相符，内控执行到位。",
        ("逐笔清理并完成账务处理", "修订资产和资金管理办法", "按季度开展对账和抽盘"),
        "清理结果经财务负责人复核，账实一致",
    ),
    "procurement_contract": (
        "采购和合同流程缺少复核环节。", "采购和合同全过程可追溯。",
        ("补充完善相关采购和合同资料", "增加法务与财务双复核环节"),
        "抽查新签合同资料齐全，复核记录完整",
    ),
    "service_quality": (
        "服务流程没有站在群众角度设计。", "办事一次告知、限时办结。",
        ("梳理流程并公布一次性告知单", "设置回访岗，每周回访并通报"),
        "连续一个月回访满意率达到目标，超时工单为零",
    ),
    "livelihood": (
        "对群众诉求重回复、轻解决。", "诉求得到解决，群众认可。",
        ("上门核实情况并完成整治", "公布联系电话，定期回访"),
        "诉求人确认问题解决，有回访记录",
    ),
}  # fmt: skip
USUAL: Final = (
    "制度执行缺少检查，责任没有压实到人。", "制度得到执行，同类问题不再发生。",
    ("对照问题逐项改正并形成清单", "完善制度，明确责任人和检查频次"),
    "问题清单全部销项，新制度已印发执行",
)  # fmt: skip


def stories() -> Iterator[tuple[str, Case]]:
    """What becomes of each problem, and the problem."""
    lines = files(__package__).joinpath("cases.csv").read_text(encoding="utf-8").splitlines()
    for place, row in enumerate(csv.DictReader(lines)):
        yield row["story"], _case(row, place)


def _case(row: Mapping[str, str], place: int) -> Case:
    root_cause, goal, measures, criterion = PLANS.get(row["category"], USUAL)
    external = row["source"] in {"petition", "hotline"}
    return Case(
        title=row["title"],
        description=row["description"],
        source={"type": row["source"], **SOURCES.get(row["source"], {})} if row["title"] else {"type": row["source"]},
        category=row["category"],
        lead=row["lead"],
        severity=row["severity"] or "general",
        mode=row["mode"] or "time_limited",
        confidentiality="public" if row["ledger"] == "public" else "internal",
        ledger=row["ledger"],
        found_days_ago=10 + place * 5 % 60,
        due_in_days=int(row["due"] or 90),
        deadline=_deadline(row),
        root_cause=root_cause,
        goal=goal,
        measures=measures,
        criteria=(criterion,),
        finder="petition_office" if external else "supervision_office",
    )


def _deadline(row: Mapping[str, str]) -> Json | None:
    """The wording an office would have written; a plain date is left to the carrier."""
    day = clock.today() + timedelta(days=int(row["due"] or 150))
    text: dict[str, Any] = {
        "immediate": {"text": "立行立改", "kind": "immediate", "date": day.isoformat()},
        "sustained": {"text": "立行立改，长期坚持", "kind": "long_term", "review_on": day.isoformat()},
        "phased": {
            "text": f"分两步，{day.month}月底前完成", "kind": "phased",
            "milestones": [
                {"title": "完成排查和方案细化", "due_on": (day - timedelta(days=60)).isoformat()},
                {"title": "全面完成整改", "due_on": day.isoformat()},
            ],
        },
    }  # fmt: skip
    if row["story"] == "continuing":
        return {"text": "下月底前完成，并长期坚持", "kind": "date", "date": day.isoformat(), "continuing": True}
    found: Json | None = text.get(row["mode"])
    return found
