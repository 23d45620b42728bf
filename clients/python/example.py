"""用生成的 Python 客户端办一件事：登录、翻页、起草、流转、看还缺什么、处理拒绝。

One piece of work with the generated Python client: sign in, page, draft, move, see what is missing, be refused.
RECTIFY_URL, RECTIFY_USERNAME and RECTIFY_PASSWORD say where and who.
"""

import os
from datetime import date
from typing import TypeVar
from uuid import UUID, uuid4

from rectification_ledger_client import AuthenticatedClient, Client
from rectification_ledger_client.api.closeout import get_closing_readiness
from rectification_ledger_client.api.items import create_item, list_duplicates, list_items, transition_item
from rectification_ledger_client.api.ledgers import list_ledgers
from rectification_ledger_client.api.session import get_me, sign_in
from rectification_ledger_client.models import (
    DuplicateAnswer,
    DuplicateVerdictCode,
    ItemIn,
    Problem,
    RegisterData,
    Severity,
    SourceIn,
    TokenForm,
    TransitionRegister,
    TransitionReply,
    TransitionSubmit,
)
from rectification_ledger_client.types import Response

T = TypeVar("T")


class RefusedError(Exception):
    """服务说不：程序看 code 和 rule，人看 detail。The service said no."""

    def __init__(self, problem: Problem) -> None:
        rules = [entry.rule for entry in problem.errors]
        super().__init__(f"{problem.status} {problem.code}: {problem.detail} {rules}")
        self.problem = problem


def accepted(answer: Response[Problem | T]) -> T:
    """答复的内容；拒绝则抛出。What was answered, or the refusal."""
    if isinstance(answer.parsed, Problem):
        raise RefusedError(answer.parsed)
    if answer.parsed is None:
        raise RuntimeError(f"接口文档之外的答复 an answer outside of the description: {answer.status_code}")
    return answer.parsed


def refused(answer: Response[Problem | T]) -> Problem:
    """应当被拒绝的请求得到的拒绝。The refusal that was expected."""
    if not isinstance(answer.parsed, Problem):
        raise TypeError(f"应当被拒绝 this should have been refused: {answer.status_code}")
    return answer.parsed


def signed_in(url: str, username: str, password: str) -> AuthenticatedClient:
    """登录，之后每个请求都带令牌。Every request carries the token from here on."""
    form = TokenForm(username=username, password=password)
    token = accepted(sign_in.sync_detailed(client=Client(base_url=url), body=form)).access_token
    return AuthenticatedClient(base_url=url, token=str(token))


def count_items(client: AuthenticatedClient) -> int:
    """沿 next_cursor 翻到底；null 才是末页。Follows the cursor; null is the only end."""
    page = accepted(list_items.sync_detailed(client=client, limit=3))
    seen = len(page.items)
    while page.next_cursor is not None:
        page = accepted(list_items.sync_detailed(client=client, limit=3, cursor=page.next_cursor))
        seen += len(page.items)
    return seen


def draft(client: AuthenticatedClient) -> tuple[UUID, str]:
    """起草一次；同一个幂等键再发一次，得到的还是这一件。The same key again gives the same item."""
    ledger = accepted(list_ledgers.sync_detailed(client=client)).items[0]
    post = accepted(get_me.sync_detailed(client=client)).posts[0]
    key = str(uuid4())
    item = ItemIn(
        ledger_id=ledger.id,
        title="值班室应急灯失效",
        description="节前检查发现二号加压站值班室两盏应急灯断电后不亮。",
        source=SourceIn(type_="self_inspection"),
        category="safety_hazard",
        found_on=date.today(),
        responsible_unit_id=post.unit_id,
    )
    first = create_item.sync_detailed(client=client, body=item, idempotency_key=key)
    again = create_item.sync_detailed(client=client, body=item, idempotency_key=key)
    made = accepted(first)
    if again.headers.get("Idempotent-Replayed") != "true" or accepted(again).id != made.id:
        raise RuntimeError("重复请求建立了第二件 a retry made a second item")
    return made.id, first.headers["ETag"]


def move(client: AuthenticatedClient, item_id: UUID, etag: str) -> None:
    """提交，再立账；ETag 过时是 412，条件不满足是 409。Outdated is 412, unmet conditions are 409."""
    submitted = transition_item.sync_detailed(
        item_id, client=client, body=TransitionSubmit(action="submit"), idempotency_key=str(uuid4()), if_match=etag
    )
    print("提交 submitted:", accepted(submitted).item.state)

    found = accepted(list_duplicates.sync_detailed(item_id, client=client))
    answers = [DuplicateAnswer(item_id=one.item_id, verdict=DuplicateVerdictCode.DIFFERENT) for one in found.items]
    problem = refused(register(client, item_id, etag, RegisterData(duplicates=answers)))
    print("版本过时 outdated:", problem.status, problem.code, "current_version", problem.current_version)

    etag = submitted.headers["ETag"]
    problem = refused(register(client, item_id, etag, RegisterData(duplicates=answers)))
    print("条件不满足 unmet:", problem.status, problem.code, [entry.rule for entry in problem.errors])

    whole = RegisterData(duplicates=answers, severity=Severity.GENERAL)
    item = accepted(register(client, item_id, etag, whole)).item
    print("立账 registered:", item.number, item.state)


def register(
    client: AuthenticatedClient, item_id: UUID, etag: str, data: RegisterData
) -> Response[Problem | TransitionReply]:
    """每次办理用一个新的幂等键，重试才用旧的。A new key for each attempt, the old one only for a retry."""
    body = TransitionRegister(action="register", data=data)
    key = str(uuid4())
    return transition_item.sync_detailed(item_id, client=client, body=body, idempotency_key=key, if_match=etag)


def main() -> None:
    client = signed_in(os.environ["RECTIFY_URL"], os.environ["RECTIFY_USERNAME"], os.environ["RECTIFY_PASSWORD"])
    print("登录 signed in:", accepted(get_me.sync_detailed(client=client)).name)
    print("事项 items:", count_items(client))
    item_id, etag = draft(client)
    move(client, item_id, etag)
    ready = accepted(get_closing_readiness.sync_detailed(item_id, client=client))
    print("可以销号 ready:", ready.ready, "下一步 next:", ready.next_action)
    for gate in ready.gates:
        print(" ", gate.gate, gate.status, [missing.rule for missing in gate.missing])


if __name__ == "__main__":
    main()
