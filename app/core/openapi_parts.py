"""Components of the API description that no Python type stands for: the problem document, headers, security."""

from __future__ import annotations

from typing import Any, Final

from app.core.errors import CATALOGUE

SCHEMAS: Final[dict[str, Any]] = {
    "Problem": {
        "title": "Problem",
        "description": (
            "问题详情（RFC 9457）。程序依据 code 判断；title、detail 供人阅读，可能改写。"
            " · Problem details. Programs decide by code; title and detail are for people and may be reworded."
        ),
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "request_id", "errors"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "examples": ["/problems/validation_failed"]},
            "title": {"type": "string", "examples": ["提交的内容不符合要求"]},
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "examples": [422]},
            "detail": {"type": "string", "examples": ["errors 逐条指出了位置和原因，全部改正后重新提交。"]},
            "code": {"$ref": "#/components/schemas/ProblemCode"},
            "request_id": {"type": "string", "examples": ["019a8c1e-0b1a-7c3e-9f52-0d5c4a6b7e81"]},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemEntry"}},
            "current_version": {"type": "integer", "description": "version_mismatch：当前版本 · the present version"},
            "max_bytes": {"type": "integer", "description": "payload_too_large：上限（字节） · the limit in bytes"},
            "current_state": {"type": "string", "description": "事项的当前状态 · the present state of the item"},
            "allowed_in_this_state": {
                "type": "array",
                "items": {"type": "string"},
                "description": "transition_not_allowed：此状态下的操作 · actions of this state",
            },
        },
        "additionalProperties": True,
    },
    "ProblemEntry": {
        "title": "ProblemEntry",
        "description": "一处问题：在哪里、是什么、依据哪条规则 · One fault: where, what, and by which rule",
        "type": "object",
        "required": ["code", "detail"],
        "properties": {
            "code": {"type": "string", "examples": ["missing"]},
            "detail": {"type": "string", "examples": ["必填"]},
            "pointer": {
                "type": "string",
                "description": "JSON Pointer（RFC 6901），指向请求正文 · into the body",
                "examples": ["/measures/0/due_on"],
            },
            "parameter": {
                "type": "string",
                "description": "参数所在位置与名称 · where the parameter is and its name",
                "examples": ["query.limit"],
            },
            "rule": {
                "type": "string",
                "description": "未满足的规则 · the rule that is not met",
                "examples": ["gate.people_satisfied.too_few_ballots"],
            },
            "who": {
                "type": "array",
                "items": {"type": "string"},
                "description": "谁能补齐 · who can supply what is missing",
                "examples": [["supervision_office"]],
            },
        },
        "additionalProperties": True,
    },
    "ProblemCode": {
        "title": "ProblemCode",
        "description": "错误代码；今后会增加，遇到未知代码按 status 处理 · New ones will come; treat an unknown one by status",
        "type": "string",
        "x-extensible-enum": sorted(CATALOGUE),
        "x-enum-descriptions": [
            f"{CATALOGUE[code].title.zh} · {CATALOGUE[code].title.en}" for code in sorted(CATALOGUE)
        ],
    },
}

PARAMETERS: Final[dict[str, Any]] = {
    "AcceptLanguage": {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "zh-CN（默认）或 en · zh-CN (default) or en",
        "schema": {"type": "string"},
        "example": "zh-CN",
    },
    "RequestId": {
        "name": "X-Request-ID",
        "in": "header",
        "required": False,
        "description": (
            "关联标识，符合格式则原样返回，否则另行生成"
            " · Correlation id: given back when it has this form, else replaced"
        ),
        "schema": {"type": "string"},
        "example": "oa-2026-03-31.000042",
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": (
            "每个新操作一个新值，重试沿用原值；保留 24 小时"
            " · A new value for each operation, the same when retrying it; kept for 24 hours"
        ),
        "schema": {"type": "string", "minLength": 1, "maxLength": 202, "pattern": '^"?[!#-\\[\\]-~]{1,200}"?$'},
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    },
    "OptionalIdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": (
            "可选：带上则断线后可安全重试 · Optional: with it, a retry after a lost connection is answered with the first reply"
        ),
        "schema": {"type": "string", "minLength": 1, "maxLength": 202, "pattern": '^"?[!#-\\[\\]-~]{1,200}"?$'},
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "读取时得到的 ETag，只比较版本 · The ETag read before; only its version is compared",
        "schema": {"type": "string", "minLength": 1, "maxLength": 1000},
        "example": '"v12"',
    },
    "IfMatchExisting": {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": (
            "已存在时必填：读取时得到的 ETag；新建时不填"
            " · Required for what exists already: the ETag read before; left out when creating"
        ),
        "schema": {"type": "string", "minLength": 1, "maxLength": 1000},
        "example": '"v12"',
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "与当前 ETag 相同则答复 304 · 304 when it equals the present ETag",
        "schema": {"type": "string"},
        "example": '"v12.ab34cd"',
    },
}

CALL_PARAMETERS: Final[dict[str, Any]] = {
    "WebhookId": {
        "name": "webhook-id",
        "in": "header",
        "required": True,
        "description": "消息 id，重试不变，据此去重 · The message's id, the same in every attempt: what duplicates are known by",
        "schema": {"type": "string"},
        "example": "019a8c1e-0b1a-7c3e-9f52-0d5c4a6b7e81",
    },
    "WebhookTimestamp": {
        "name": "webhook-timestamp",
        "in": "header",
        "required": True,
        "description": "本次发送的 Unix 秒；相差五分钟以上的应拒收 · Unix seconds of this attempt; refuse what is 5 minutes off",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "1774924200",
    },
    "WebhookSignature": {
        "name": "webhook-signature",
        "in": "header",
        "required": True,
        "description": (
            "v1,<base64>，HMAC-SHA256；更换密钥后一日内有两个，以空格分隔"
            " · v1,<base64> of HMAC-SHA256; two of them, separated by a space, for a day after a rotation"
        ),
        "schema": {"type": "string"},
        "example": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
}
"""Headers of the calls the service makes itself."""

EXAMPLES: Final[dict[str, Any]] = {
    code: {
        "summary": f"{kind.title.zh} · {kind.title.en}",
        "value": {
            "type": f"/problems/{code}",
            "title": kind.title.zh,
            "status": kind.status,
            "detail": kind.help.zh,
            "code": code,
            "request_id": "019a8c1e-0b1a-7c3e-9f52-0d5c4a6b7e81",
            "errors": [],
        },
    }
    for code, kind in sorted(CATALOGUE.items())
}

STATUSES: Final = {
    "200": "成功 · Done",
    "201": "已建立 · Created",
    "202": "已受理 · Accepted",
    "204": "成功，无内容 · Done, nothing to return",
}
"""What a success is called where a route says nothing better."""

HEADERS: Final[dict[str, Any]] = {
    "RequestId": {"description": "关联标识 · correlation id", "schema": {"type": "string"}},
    "Location": {"description": "所建资源的地址 · where the created resource is", "schema": {"type": "string"}},
    "ETag": {"description": "版本标签 · entity tag", "schema": {"type": "string"}, "example": '"v12.ab34cd"'},
    "Link": {"description": "翻页链接（RFC 8288） · links to pages", "schema": {"type": "string"}},
    "IdempotentReplayed": {
        "description": "true：重复请求，答复取自首次结果 · true when this is the stored first answer",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Receipt": {
        "description": (
            "回执：服务对所记事件的签名（base64），可离线核验"
            " · The service's signed word that the event was recorded, base64; checked offline"
        ),
        "schema": {"type": "string"},
    },
    "RetryAfter": {"description": "等待秒数 · seconds to wait", "schema": {"type": "integer", "minimum": 0}},
    "Challenge": {"description": "认证方式 · how to authenticate", "schema": {"type": "string"}},
}

SECURITY_SCHEMES: Final[dict[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "登录令牌，由 POST /v1/auth/token 签发 · session token from POST /v1/auth/token",
    },
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "rlk_…",
        "description": "API 密钥，同样放在 Bearer 中 · an API key, sent as a bearer token too",
    },
    "browserSession": {
        "type": "apiKey",
        "in": "cookie",
        "name": "rectify_session",
        "description": (
            "浏览器会话，由 POST /v1/auth/session 建立，HttpOnly、SameSite=Strict；https 下名为 __Host-rectify_session。"
            "写入须另带 X-CSRF-Token"
            " · A browser's session from POST /v1/auth/session; named __Host-rectify_session over https. "
            "A write carries X-CSRF-Token as well"
        ),
    },
}

SECURITY: Final[list[dict[str, list[str]]]] = [{"bearer": []}, {"apiKey": []}, {"browserSession": []}]
