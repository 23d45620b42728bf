"""What becomes of a problem besides the ordinary path: returns, refusals, merging, reopening and the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from app.core import clock
from app.demo.carry import Carrier, Case
from app.demo.client import Json


def _in_days(days: int) -> str:
    return (clock.today() + timedelta(days=days)).isoformat()


async def rectifying(carrier: Carrier, case: Case) -> Json:
    """Somewhere on the way: one measure is under work and has been reported on."""
    item = await carrier.to("rectifying", case)
    head, place = await carrier.head(case), f"/items/{item['id']}"
    measure = (await head.get(f"{place}/measures?limit=1"))["items"][0]
    percent = 20 + 10 * (len(case.description) % 7)
    report = {"content": "已完成排查，正在逐项整改。", "reported_on": _in_days(0), "assessment": "in_progress"}
    return await head.post(f"{place}/progress", {**report, "measure_id": measure["id"], "percent": percent})


_MONEY: Final = {"kind": "recovered_funds", "name": "追回多付款项", "amount_fen": 18_640_00}
_RULES: Final = {"kind": "institution", "name": "修订管理办法并公布", "quantity": 1, "quantity_unit": "项"}
_YIELDS: Final[Mapping[str, Json]] = {
    "finance_assets": _MONEY,
    "official_spending": {"kind": "saved_funds", "name": "压减公务支出", "amount_fen": 42_500_00},
    "procurement_contract": {"kind": "accountability", "name": "提醒谈话", "quantity": 2, "quantity_unit": "人次"},
    "safety_hazard": {"kind": "physical", "name": "更换防护设施", "quantity": 12, "quantity_unit": "处"},
}
"""What rectification yields, by category; a rule where none is named."""


async def closed(carrier: Carrier, case: Case) -> Json:
    """What the work has yielded is recorded while it goes on."""
    item = await carrier.to("rectifying", case)
    yielded = _YIELDS.get(case.category, _RULES)
    await (await carrier.head(case)).post(f"/items/{item['id']}/outcomes", yielded)
    return await carrier.to("closed", case, item)


async def restricted(carrier: Carrier, case: Case) -> Json:
    return await carrier.to("rectifying", replace(case, confidentiality="restricted"))


async def stub(carrier: Carrier, case: Case) -> Json:
    return await carrier.to("assigned", replace(case, confidentiality="secret_stub"))


async def major(carrier: Carrier, case: Case) -> Json:
    return await carrier.to("rectifying", replace(case, major="large_fund"))


async def major_closed(carrier: Carrier, case: Case) -> Json:
    return await carrier.to("closed", replace(case, major="major_project"))


async def sustained(carrier: Carrier, case: Case) -> Json:
    """Long-term from the start: its approved plan leads there, and the office looks at it every half year."""
    item = await carrier.to("sustaining", case)
    data = {"result": "on_track", "summary": "巡查频次已固定，排口未见异常。", "next_review_on": _in_days(170)}
    return await (await carrier.by("supervision_office")).act(item["id"], "stage_review", data)


async def sustaining(carrier: Carrier, case: Case) -> Json:
    """What turns out to take years, after the first responsible person agreed."""
    item = await carrier.to("rectifying", case)
    opinion = {"purpose": "sustain", "opinion": "agree", "comment": "历史成因复杂，同意转为长期坚持。"}
    await (await carrier.by("first_responsible")).post(f"/items/{item['id']}/approvals", opinion)
    data = {"reason_code": "legacy", "stage_goal": "每季度压降历史欠费不少于一成", "next_review_on": _in_days(120)}
    return await (await carrier.by(carrier.leader)).act(item["id"], "enter_sustaining", data)


async def judged(carrier: Carrier, case: Case) -> Json:
    """Two of the three gates are passed, people have yet to be asked."""
    item = await carrier.to("verifying", case)
    await carrier.judge_solved(item)
    await carrier.judge_adequate(item)
    return item


async def unsatisfied(carrier: Carrier, case: Case) -> Json:
    item = await carrier.to("verifying", case)
    await carrier.judge_solved(item)
    await carrier.survey(item, satisfied=6, basically_satisfied=4, dissatisfied=9)
    return item


async def failed(carrier: Carrier, case: Case) -> Json:
    item = await carrier.to("verifying", case)
    await carrier.judge_solved(item, met=False)
    data = {"deficiencies": ["现场抽查仍发现个别车辆密闭不严"], "redo_by": _in_days(15)}
    return await (await carrier.by("verifier")).act(item["id"], "fail_verification", data)


async def signed_once(carrier: Carrier, case: Case) -> Json:
    item = await carrier.to("closing", case)
    return await (await carrier.by(carrier.leader)).act(item["id"], "approve_closure", {"opinion": "同意。"})


async def rejected(carrier: Carrier, case: Case) -> Json:
    item = await carrier.to("closing", case)
    data = {"reason": "佐证只到上月，请补充近期派车单后再报。", "to_state": "rectifying"}
    return await (await carrier.by(carrier.leader)).act(item["id"], "reject_closure", data)


async def objection(carrier: Carrier, case: Case) -> Json:
    item = await carrier.to("public_notice", case)
    body = {"content": "群众来电反映午间仍有一天无人值守。", "received_on": _in_days(0)}
    await (await carrier.by("supervision_office")).post(f"/items/{item['id']}/objections", body)
    return item


async def notice_waived(carrier: Carrier, case: Case) -> Json:
    """Nobody to ask: a leader who is not named in the item waives the survey, with a reason that is printed."""
    item = await carrier.to("verifying", case)
    await carrier.judge_solved(item)
    await carrier.judge_adequate(item)
    waiver = {"gate": "people_satisfied", "waiver": {"reason": "拨测对象为不特定公众，无法组织测评，以拨测记录代替。"}}
    await (await carrier.by("leader_2")).post(f"/items/{item['id']}/gates", waiver)
    item = await (await carrier.by("supervision_office")).act(item["id"], "pass_verification")
    return await carrier.to("closed", case, item)


async def reopened(carrier: Carrier, case: Case) -> Json:
    item = await carrier.to("closed", case)
    deadline = {"text": "三十日内", "kind": "date", "date": _in_days(30)}
    data = {"reason_code": "rebound", "evidence": "季度抽查再次发现同类问题。", "deadline": deadline}
    item = await (await carrier.by("supervision_office")).act(item["id"], "reopen", data)
    return await carrier.to("rectifying", case, item)


async def declined(carrier: Carrier, case: Case) -> Json:
    item = await carrier.to("submitted", case)
    data = {"reason_code": "out_of_remit", "reason": "不属于本局整改事项，已告知当事人其他途径。"}
    return await (await carrier.by("supervision_office")).act(item["id"], "decline", data)


async def merged(carrier: Carrier, case: Case) -> Json:
    """Goes into another open problem of the same unit."""
    item = await carrier.to("registered", case)
    office = await carrier.by("supervision_office")
    others = await office.get(f"/items?state=rectifying&lead_unit_id={carrier.made.units[case.lead]}&limit=1")
    data = {"target_id": others["items"][0]["id"], "reason": "同一原因引起，合并办理，分别答复。"}
    return await office.act(item["id"], "merge", data)


async def split(carrier: Carrier, case: Case) -> Json:
    item = await carrier.to("registered", case)
    children = [
        {"title": "消防设施过期", "description": "泵站四具灭火器和两卷水带超过检验期。"},
        {"title": "行车限位失灵", "description": "泵站行车上限位开关不动作，仍在使用。"},
    ]
    data = {"reason": "两类问题责任岗位不同，分开办理。", "children": children}
    return await (await carrier.by("supervision_office")).act(item["id"], "split", data)


async def transferred(carrier: Carrier, case: Case) -> Json:
    item = await carrier.to("rectifying", case)
    opinion = {"purpose": "transfer", "opinion": "agree", "comment": "涉嫌违纪，建议移送。"}
    await (await carrier.by("supervision_office")).post(f"/items/{item['id']}/approvals", opinion)
    data = {"receiving_body": "市纪委监委驻局纪检监察组", "document_no": "云水移〔2026〕2号"}
    return await (await carrier.by("discipline_office")).act(item["id"], "transfer", data)


async def voided(carrier: Carrier, case: Case) -> Json:
    item = await carrier.to("planning", case)
    data = {"reason_code": "entered_in_error", "reason": "与已登记问题系同一批资料，重复登记。"}
    paper = {"name": "关于撤销重复登记问题的说明", "document_no": "云水督〔2026〕11号"}
    return await (await carrier.by("first_responsible")).act(item["id"], "void", data, document=paper)


SPECIAL: Final[Mapping[str, Callable[[Carrier, Case], Awaitable[Json]]]] = {
    told.__name__: told
    for told in (
        rectifying, closed, restricted, stub, major, major_closed, sustained, sustaining, judged, unsatisfied, failed,
        signed_once, rejected, objection, notice_waived, reopened, declined, merged, split, transferred, voided,
    )
}  # fmt: skip


async def tell(carrier: Carrier, story: str, case: Case) -> Json:
    """Lets one story happen and gives its last answer; one without a teller is a state on the ordinary path."""
    special = SPECIAL.get(story)
    if special is not None:
        return await special(carrier, case)
    return await carrier.to("closed" if story == "continuing" else story, case)
