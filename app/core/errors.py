"""What can go wrong, as data: the one exception every layer raises to refuse, and the catalogue of its codes.

A code never changes its meaning or its status; titles and help are for people and may be reworded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Text:
    """One message in both languages, Chinese first because that is what most readers see."""

    zh: str
    en: str

    def of(self, language: str) -> str:
        return self.en if language == "en" else self.zh


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of `errors[]`: where it is (a JSON pointer or a parameter), what it is, and the rule behind it."""

    code: str
    detail: Text
    pointer: str | None = None
    parameter: str | None = None
    rule: str | None = None
    members: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a code always means."""

    status: int
    title: Text
    help: Text


class Problem(Exception):  # noqa: N818 - the word of RFC 9457, and what callers read in `raise Problem("not_found")`
    """A refusal on its way to the caller; `members` become extension members of the problem document."""

    def __init__(
        self,
        code: str,
        detail: Text | None = None,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.kind = CATALOGUE[code]
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = dict(headers or {})
        self.members = members

    @property
    def status(self) -> int:
        return self.kind.status


def _kind(status: int, zh: str, en: str, zh_help: str, en_help: str) -> Kind:
    return Kind(status, Text(zh, en), Text(zh_help, en_help))


CATALOGUE: Mapping[str, Kind] = {
    "bad_request": _kind(
        400, "请求有误", "Bad request",
        "请求无法按 HTTP 规范解读，请检查请求行、请求头和编码后重发。",
        "The request cannot be understood as HTTP. Check the request line, headers and encoding, then send it again.",
    ),
    "malformed_json": _kind(
        400, "请求正文不是合法的 JSON", "The body is not valid JSON",
        "正文须为 UTF-8 编码的标准 JSON：不得有重复的键、NaN 或无穷大、NUL 字符、孤立代理项，嵌套不超过 32 层。",
        "Send standard JSON in UTF-8: no repeated keys, NaN or infinity, NUL characters or lone surrogates, "
        "and at most 32 levels of nesting.",
    ),
    "invalid_cursor": _kind(
        400, "翻页游标无效", "Invalid cursor",
        "游标只能原样用于产生它的同一列表、同一筛选条件和同一排序；条件改变后请从第一页重新读取。",
        "A cursor works only with the list, filters and sort order that produced it. "
        "After changing any of them, start again from the first page.",
    ),
    "idempotency_key_required": _kind(
        400, "缺少幂等键", "Idempotency-Key is missing",
        "写入类 POST 请求必须带 Idempotency-Key 请求头；每个新操作用一个新值，重试同一操作时沿用原值。",
        "Every POST that writes needs an Idempotency-Key header: a new value for each new operation, "
        "the same value when you retry one.",
    ),
    "invalid_idempotency_key": _kind(
        400, "幂等键格式不正确", "Malformed Idempotency-Key",
        "幂等键须为 1 至 200 个可见 ASCII 字符，可用双引号括起，建议使用 UUID。",
        "The key must be 1 to 200 visible ASCII characters, optionally in double quotes. A UUID is a good choice.",
    ),
    "unauthenticated": _kind(
        401, "尚未登录", "Authentication required",
        "请在 Authorization 请求头中提供 Bearer 令牌或 API 密钥；浏览器请先登录。",
        "Send a bearer token or an API key in the Authorization header; in a browser, sign in first.",
    ),
    "invalid_token": _kind(
        401, "登录凭证无效或已过期", "The credential is invalid or has expired",
        "凭证已过期、被吊销或不属于本系统，请重新登录后再试。",
        "The credential has expired, was revoked, or was not issued for this service. Sign in again.",
    ),
    "invalid_credentials": _kind(
        401, "账号或密码不正确", "Wrong user name or password",
        "请核对账号和密码；连续失败后须等待一段时间。忘记密码请联系系统管理员。",
        "Check the user name and password. Repeated failures make you wait; an administrator can reset a password.",
    ),
    "forbidden": _kind(
        403, "没有权限", "Not permitted",
        "当前账号的角色不允许此操作。如工作确有需要，请由系统管理员授予相应角色。",
        "Your roles do not allow this operation. If your work needs it, ask the system administrator for the role.",
    ),
    "password_change_required": _kind(
        403, "须先修改密码", "Change your password first",
        "当前密码由他人设定。请先调用 POST /v1/me/password 设置自己的密码，再办理其他事项。",
        "Somebody else chose this password. Set your own with POST /v1/me/password before anything else.",
    ),
    "csrf_refused": _kind(
        403, "不是本系统页面发出的写入", "Not sent by a page of this service",
        "用浏览器会话写入时，须在 X-CSRF-Token 请求头中带上 GET /v1/auth/session 给出的值，且请求须由本系统的页面发出。",
        "A write with the browser's session needs the value of GET /v1/auth/session in X-CSRF-Token, "
        "and must come from a page of this service.",
    ),
    "masked_parameter": _kind(
        403, "不得按受限字段检索", "Searching by a restricted field is not permitted",
        "您看不到该字段的内容，因此也不能用它筛选或排序。",
        "You cannot see this field, so you cannot filter or sort by it either.",
    ),
    "not_found": _kind(
        404, "未找到", "Not found",
        "该资源不存在，或者不在您的查看范围之内；两种情形的答复相同。",
        "There is no such resource, or it lies outside what you may see. Both cases get the same answer.",
    ),
    "method_not_allowed": _kind(
        405, "不支持该请求方法", "Method not allowed",
        "Allow 响应头列出了该路径支持的全部方法。",
        "The Allow header lists every method this path supports.",
    ),
    "not_acceptable": _kind(
        406, "无法提供所要求的格式", "Requested format is not available",
        "请在 Accept 请求头中接受 application/json，或接口文档为该操作列出的其他格式。",
        "Accept application/json, or another format the API documentation lists for this operation.",
    ),
    "request_timeout": _kind(
        408, "请求正文传送过慢", "The request body arrived too slowly",
        "正文未能在时限内传完，请检查网络后重试。",
        "The body was not complete within the time allowed. Check the network and try again.",
    ),
    "conflict": _kind(
        409, "与现有数据冲突", "Conflict with existing data",
        "所写内容与库中数据不能并存，请重新读取后再试。",
        "What you wrote cannot exist beside what is stored. Read the resource again, then retry.",
    ),
    "in_flight": _kind(
        409, "同一请求正在处理", "The same request is still being processed",
        "使用相同幂等键的请求尚未结束，请按 Retry-After 等待后用同一个键重试。",
        "A request with this Idempotency-Key has not finished. Wait as Retry-After says, then retry with the same key.",
    ),
    "transition_not_allowed": _kind(
        409, "当前状态不允许该操作", "The current state does not allow this action",
        "请读取事项的 available-transitions，了解此刻可以办理的操作。",
        "Read the item's available-transitions to see what can be done now.",
    ),
    "guards_unmet": _kind(
        409, "办理条件尚未满足", "Conditions are not met",
        "errors 列出了全部未满足的条件，补齐后重新提交。",
        "errors lists every unmet condition. Meet them all, then submit again.",
    ),
    "separation_of_duties": _kind(
        409, "不相容职责须由不同人员办理", "Separate people must do this",
        "您已经办理过与此不相容的环节，请由另一位有权人员办理。",
        "You already took part in a step that excludes this one. Another authorised person must do it.",
    ),
    "child_frozen": _kind(
        409, "事项当前状态下不可修改该内容", "This part of the item is frozen in its current state",
        "事项已进入后续环节，这部分内容不再接受新增或修改；确需更正的，先办理退回。",
        "The item has moved on and this part no longer takes changes. To correct it, have the item returned first.",
    ),
    "duplicate_value": _kind(
        409, "该值已被使用", "The value is already in use",
        "errors 指出了须保持唯一的字段，请换一个值，或使用已有的记录。",
        "errors points to the field that must be unique. Choose another value, or use the existing record.",
    ),
    "not_deletable": _kind(
        409, "仍被引用，不能删除", "Still referenced and cannot be deleted",
        "其他记录正在使用它。可以停用，历史记录予以保留。",
        "Other records use it. Deactivate it instead; history is kept.",
    ),
    "not_sealed_yet": _kind(
        409, "历史尚未封存", "Nothing is sealed yet",
        "还没有签名检查点可供证明。封存承诺在一分钟内完成，请稍后再试；若持续如此，请管理员查看后台任务。",
        "There is no signed checkpoint to prove anything by. Sealing takes a minute at most: try again; if it stays so, "
        "have the background worker looked at.",
    ),
    "last_administrator": _kind(
        409, "不能移除最后一名管理员", "The last administrator cannot be removed",
        "每类管理员至少保留一名有效人员，请先任命接替者。",
        "Each kind of administrator needs at least one active person. Appoint a successor first.",
    ),
    "administrators_must_differ": _kind(
        409, "管理员须专人专任", "Administrators must be persons of their own",
        "系统管理员、安全管理员、审计管理员须由三人分任，且不得兼任或受托其他角色；请另选人员。",
        "The system, security and audit administrator are three persons who hold and are lent no other role. "
        "Choose somebody else.",
    ),
    "version_mismatch": _kind(
        412, "内容已被他人更新", "Changed by someone else",
        "If-Match 给出的版本已经过时；请读取最新内容（current_version 为当前版本），确认后再提交。",
        "The version in If-Match is out of date. Read the resource again (current_version is the present one) "
        "and decide anew.",
    ),
    "payload_too_large": _kind(
        413, "请求正文过大", "The request body is too large",
        "正文超过了上限；上限见 max_bytes。",
        "The body exceeds the limit, given in max_bytes.",
    ),
    "unsupported_media_type": _kind(
        415, "不支持该内容类型", "Unsupported media type",
        "请按接口文档设置 Content-Type，且不要使用 Content-Encoding 压缩正文。",
        "Set Content-Type as documented for the operation, and send the body without Content-Encoding.",
    ),
    "unsupported_file_type": _kind(
        415, "不接受该文件", "The file is not accepted",
        "allowed 列出了可作佐证的文件类型，reason 说明了原因；文件内容须与扩展名一致，压缩包请解开后逐件上传。",
        "allowed lists the types that may serve as evidence and reason says what was wrong. "
        "The content must match the extension; unpack archives and upload each file by itself.",
    ),
    "validation_failed": _kind(
        422, "提交的内容不符合要求", "The content does not meet the requirements",
        "errors 逐条指出了位置和原因，全部改正后重新提交。",
        "errors names each place and reason. Correct them all and submit again.",
    ),
    "unknown_parameter": _kind(
        422, "存在未定义的查询参数", "Unknown query parameter",
        "为避免拼写错误造成误读，未定义的查询参数不会被忽略。请对照接口文档改正。",
        "Undefined query parameters are refused so that a typing error cannot silently change the answer.",
    ),
    "classified_text": _kind(
        422, "文字带有密级标志", "The text carries a secrecy marking",
        "本系统不处理涉密信息，请删除涉密内容，并按保密规定处置。",
        "This service must not hold state secrets. Remove the content and follow the secrecy rules.",
    ),
    "webhook_url_refused": _kind(
        422, "不能推送到该地址", "Nothing can be sent to this address",
        "errors 说明了原因。可以推送的主机、网段和端口由系统管理员在 RECTIFY_WEBHOOK_HOSTS 中设置；本机地址一律不允许。",
        "errors says why. Which hosts, networks and ports may be called is what the administrator sets in RECTIFY_WEBHOOK_HOSTS; "
        "this machine and its link are never called.",
    ),
    "as_of_too_recent": _kind(
        422, "时点过近", "The moment is too recent",
        "as_of 须至少在 10 秒以前：更近的时点仍可能有正在提交的写入，答复日后会变。要看现在，请去掉 as_of。",
        "as_of must lie at least 10 seconds back: a write under way could still change the answer. "
        "For the present, leave as_of out.",
    ),
    "as_of_not_combinable": _kind(
        422, "该参数不能与 as_of 同用", "Not to be combined with as_of",
        "errors 列出的参数只对现在有意义；请去掉它们，或去掉 as_of。",
        "The parameters in errors only make sense for the present. Leave them out, or leave out as_of.",
    ),
    "too_many_groups": _kind(
        422, "分组过多", "Too many groups",
        "所选的键分出的组超过 5000 个；请加筛选，或少用一个键。",
        "The keys make more than 5,000 groups. Filter further, or group by fewer keys.",
    ),
    "as_of_not_kept": _kind(
        422, "该事项的过去未曾保存", "The past of this item was not kept",
        "该事项建立于系统保存完整历史之前，无法还原过去的全貌；事项历史仍可查看。",
        "The item was made before the service kept whole histories, so it cannot be shown as it was. "
        "Its events can still be read.",
    ),
    "idempotency_key_reused": _kind(
        422, "幂等键已用于另一请求", "The Idempotency-Key was used for another request",
        "同一个幂等键只能用于内容相同的重试，新的操作请换用新的键。",
        "A key may be sent again only with the same content. Use a new key for a new operation.",
    ),
    "precondition_required": _kind(
        428, "缺少 If-Match", "If-Match is required",
        "请先读取资源，再把响应中的 ETag 放入 If-Match 请求头提交。",
        "Read the resource first, then send its ETag in the If-Match header.",
    ),
    "too_many_requests": _kind(
        429, "请求过于频繁", "Too many requests",
        "请按 Retry-After 给出的秒数等待后再试。",
        "Wait for the number of seconds in Retry-After, then try again.",
    ),
    "internal_error": _kind(
        500, "服务内部错误", "Internal error",
        "错误已记入日志。请把 request_id 告知管理员；写入请求可用同一幂等键重试。",
        "The error has been logged. Give the request_id to an administrator. "
        "A write may be retried with the same Idempotency-Key.",
    ),
    "unavailable": _kind(
        503, "服务暂时不可用", "Temporarily unavailable",
        "数据库或所依赖的服务暂时无法访问，请按 Retry-After 等待后重试。",
        "The database or another service we depend on cannot be reached. Wait as Retry-After says, then retry.",
    ),
    "migrations_pending": _kind(
        503, "数据库尚未升级", "Database migrations are pending",
        "请管理员运行 rectify migrate，完成后服务自动恢复。",
        "An administrator must run rectify migrate; the service then recovers by itself.",
    ),
    "in_recovery": _kind(
        503, "数据库正在恢复", "The database is recovering",
        "数据库处于只读或恢复状态，暂不能写入，请稍后重试。",
        "The database is read-only or recovering and cannot take writes yet. Try again shortly.",
    ),
}  # fmt: skip
