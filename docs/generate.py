"""Writes the documents that repeat what code already says, so that they cannot say anything else.

`python -m docs.generate` (or `make docs`) writes them, `--check` compares and exits with 1 where one differs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from app.access.permissions import ADMINISTRATORS, BASE, GRANTS, KEY_SCOPES, LENDABLE, Permission, Role
from app.core.enums import LabelledEnum
from app.core.errors import CATALOGUE
from app.features.meta.rules import GUARD_LABELS
from app.lifecycle.childwrites import CHILD_TABLE, ChildRule, Operation
from app.lifecycle.parties import Party
from app.lifecycle.states import OPEN, PHASES, TERMINAL, Phase, State
from app.lifecycle.transitions import TABLE, Transition

FOLDER: Final = Path(__file__).resolve().parent
PROGRAMS: Final = {"ts": "typescript/example.ts", "python": "python/example.py", "java": "java/Example.java"}
_NOTE: Final = "<!-- 由 make docs 生成，请勿手改 · written by `make docs`; do not edit -->"


def _document(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", _NOTE, *parts)) + "\n"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(header)
    lines = [names, ["---"] * len(names), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _named(kind: type[LabelledEnum], members: Iterable[LabelledEnum]) -> str:
    """Codes with their Chinese terms, in the order of the enumeration, because sets have none."""
    present = set(members)
    return "<br>".join(f"`{one.value}` {one.zh}" for one in kind if one in present)


def _states(members: frozenset[State]) -> str:
    if members == OPEN:
        return "全部在办状态 every open state"
    return _named(State, members)


def _guard(name: str) -> str:
    label = GUARD_LABELS[name]
    return f"`{name}` {label.zh} · {label.en}"


def _kind_of(state: State) -> str:
    if state in OPEN:
        return "在办 open"
    return "终态 terminal" if state in TERMINAL else "—"


def _state_rows() -> Iterable[tuple[str, ...]]:
    for state in State:
        phase = PHASES[state]
        yield f"`{phase.value}` {phase.zh}", f"`{state.value}`", state.zh, state.en, _kind_of(state)


def _diagram() -> str:
    """Steps between different states; actions that leave every open state as it is would only cover the picture."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'    state "{state.zh}<br/>{state.value}" as {state.value}' for state in State]
    edges: dict[tuple[State, State], list[str]] = {}
    for row in TABLE:
        if row.sources == OPEN:
            continue
        for source in (state for state in State if state in row.sources):
            for target in row.to:
                edges.setdefault((source, target), []).append(row.action.zh)
    lines.append(f"    [*] --> {State.DRAFT.value}")
    lines += [f"    {source.value} --> {target.value}: {'、'.join(names)}" for (source, target), names in edges.items()]
    lines += [f"    {state.value} --> [*]" for state in State if state in TERMINAL]
    return "\n".join([*lines, "```"])


def _targets(row: Transition) -> str:
    return "不变 unchanged" if row.sources == OPEN else _named(State, row.to)


def _action_rows() -> Iterable[tuple[str, ...]]:
    for row in TABLE:
        guards = "<br>".join(_guard(guard.__name__) for guard in row.guards) or "—"
        action = f"`{row.action.value}`<br>{row.action.zh}"
        yield action, _states(row.sources), _targets(row), _named(Party, row.by), guards, f"`{row.event}`"


def _child_rows() -> Iterable[tuple[str, ...]]:
    for rule in CHILD_TABLE:
        yield (_child(rule), _named(Operation, rule.operations), _states(rule.states), _named(Party, rule.by))


def _child(rule: ChildRule) -> str:
    return f"`{rule.child.value}` {rule.child.zh}"


def lifecycle() -> str:
    """States, transitions and child writes, straight from the tables that are enforced."""
    phases = "、".join(f"{phase.zh} `{phase.value}`" for phase in Phase)
    return _document(
        "生命周期 Life cycle",
        f"阶段 phases: {phases}。列出的条件不满足时一并返回 · Unmet guards of an action come back together.",
        "## 状态 States",
        _table(("阶段 phase", "代码 code", "中文", "English", "类别 kind"), _state_rows()),
        "## 状态图 Diagram",
        "`reclassify` 与 `hand_over` 可在任一在办状态办理且不改变状态，图中从略 · "
        "`reclassify` and `hand_over` are possible in every open state, change none, and are left out here.",
        _diagram(),
        "## 操作 Actions",
        _table(("操作 action", "自 from", "至 to", "由谁 by", "条件 guards", "事件 event"), _action_rows()),
        "## 子内容写入 Child writes",
        "未列出的一律拒绝：职责不符为 403，状态不符为 409 `child_frozen` · "
        "Anything not listed is refused: 403 by role, 409 `child_frozen` by state.",
        _table(("内容 child", "操作 operations", "状态 states", "由谁 by"), _child_rows()),
    )


def problems() -> str:
    """Every code a refusal can carry."""
    ordered = sorted(CATALOGUE.items(), key=lambda entry: entry[1].status)
    rows = (
        (str(kind.status), f"`{code}`", f"{kind.title.zh}<br>{kind.title.en}", f"{kind.help.zh}<br>{kind.help.en}")
        for code, kind in ordered
    )
    return _document(
        "错误代码 Problem codes",
        "每个拒绝都是 `application/problem+json`，`type` 为 `/problems/{code}`，可直接访问查看说明 · "
        "Every refusal is `application/problem+json`; its `type`, `/problems/{code}`, can be opened on the service.",
        _table(("状态 status", "代码 code", "标题 title", "怎么办 what to do"), rows),
    )


def _roles(members: Iterable[Role]) -> str:
    present = set(members)
    return "、".join(f"{role.zh} `{role.value}`" for role in Role if role in present)


def _legend() -> str:
    rows = ((str(n), f"`{role.value}`", role.zh, role.en) for n, role in enumerate(Role, start=1))
    return _table(("列 column", "代码 code", "中文", "English"), rows)


def _matrix() -> str:
    header = ("权限 permission", *(str(n) for n, _ in enumerate(Role, start=1)))
    rows = (
        (f"`{permission.value}` {permission.zh}", *("●" if permission in GRANTS[role] else "" for role in Role))
        for permission in Permission
    )
    return _table(header, rows)


def permissions() -> str:
    """Which role opens which routes; what an item then allows is in the life cycle."""
    keyless = _named(Permission, frozenset(Permission) - KEY_SCOPES).replace("<br>", "、")
    return _document(
        "角色与权限 Roles and permissions",
        "权限决定能否调用接口；对某一事项能办什么，还取决于授权单位的范围和事项状态（见 lifecycle.md）· "
        "A permission opens a route; what one item allows depends on the reach of the grant and on its state as well.",
        "## 角色 Roles",
        _legend(),
        "## 矩阵 Matrix",
        _matrix(),
        "## 补充 Notes",
        f"- 任何已登录人员都有 every signed-in person has: {_named(Permission, BASE).replace('<br>', '、')}",
        f"- 三类管理员，须由三人分任 the three administrators, three persons: {_roles(ADMINISTRATORS)}",
        f"- 可以委托的角色 roles that can be delegated: {_roles(LENDABLE)}",
        f"- API 密钥不能取得 never given to an API key: {keyless}",
    )


def _fenced(block: str, _found: re.Match[str]) -> str:
    """As it is: in a plain replacement the program's backslashes would have a meaning."""
    return block


def clients() -> str:
    """The guide as it was written, with each program in it as it is run."""
    text = (FOLDER / "guides" / "clients.md").read_text(encoding="utf-8")
    for fence, path in PROGRAMS.items():
        program = (FOLDER.parent / "clients" / path).read_text(encoding="utf-8")
        text = re.sub(
            rf"^```{fence}\n.*?^```$",
            partial(_fenced, f"```{fence}\n{program}```"),
            text,
            flags=re.MULTILINE | re.DOTALL,
        )
    return text


DOCUMENTS: Final[Mapping[str, Callable[[], str]]] = {
    "lifecycle.md": lifecycle,
    "problems.md": problems,
    "permissions.md": permissions,
    "guides/clients.md": clients,
}


def stale(folder: Path = FOLDER) -> list[str]:
    """Names of the documents that are missing or say something else than the code."""
    found = {name: folder / name for name in DOCUMENTS}
    return [
        name
        for name, path in found.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != DOCUMENTS[name]()
    ]


def main(arguments: list[str]) -> int:
    """Gives the exit status."""
    wrong = stale()
    if "--check" in arguments:
        sys.stdout.writelines(f"docs/{name} 与程序不一致 differs from the code: run `make docs`\n" for name in wrong)
        return 1 if wrong else 0
    for name in wrong:
        (FOLDER / name).write_text(DOCUMENTS[name](), encoding="utf-8")
        sys.stdout.write(f"docs/{name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
