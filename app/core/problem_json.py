"""Every refusal and every failure leaves the service as one problem document (RFC 9457), whatever raised it."""

from __future__ import annotations

import json
from typing import Any, Final

import asyncpg
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import CATALOGUE, Fault, Problem
from app.core.http import allowed_methods
from app.core.logs import logger
from app.core.messages import validation_problem

MEDIA_TYPE: Final = "application/problem+json"

_LOG = logger("rectify.http")
_BY_STATUS: Final = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation_failed",
    429: "too_many_requests",
    503: "unavailable",
}
_READ_ONLY = (asyncpg.ReadOnlySQLTransactionError, asyncpg.CannotConnectNowError)
_UNREACHABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidCachedStatementError,
)
# asyncpg keeps the class for values it cannot encode apart from the server's DataError and out of its public names.
_UNENCODABLE: Final = next(cls for cls in asyncpg.InterfaceError.__subclasses__() if issubclass(cls, ValueError))


def problem_of(exc: Exception) -> Problem:
    """The refusal an exception stands for; what nobody foresaw is `internal_error`."""
    if isinstance(exc, Problem):
        return exc
    if isinstance(exc, RequestValidationError):
        return validation_problem(exc.errors(), exc.body)
    if isinstance(exc, HTTPException):
        if isinstance(exc.__cause__, Problem):  # FastAPI renames whatever a body raises while it is read
            return exc.__cause__
        otherwise = "bad_request" if exc.status_code < 500 else "internal_error"  # noqa: PLR2004 - 4xx or 5xx
        return Problem(_BY_STATUS.get(exc.status_code, otherwise), headers=exc.headers)
    return _from_database(exc) or Problem("internal_error")


def _from_database(exc: Exception) -> Problem | None:
    if isinstance(exc, asyncpg.IntegrityConstraintViolationError):
        return Problem("conflict")
    if isinstance(exc, (asyncpg.DataError, _UNENCODABLE)):
        return Problem("validation_failed")
    if isinstance(exc, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError):
        return Problem("migrations_pending", headers={"Retry-After": "5"})
    if isinstance(exc, _READ_ONLY):
        return Problem("in_recovery", headers={"Retry-After": "5"})
    if isinstance(exc, _UNREACHABLE) or _connection_lost(exc):
        return Problem("unavailable")
    return None


def _connection_lost(exc: Exception) -> bool:
    """Sockets fail without a file name and closed pools say so; a missing file or a misused driver is our own bug."""
    if isinstance(exc, asyncpg.InterfaceError):
        return "clos" in str(exc)
    if isinstance(exc, asyncpg.InternalClientError):  # the server had said goodbye before the statement was sent
        return "cannot switch to state" in str(exc)
    return isinstance(exc, OSError) and exc.filename is None


def document(problem: Problem, *, language: str, request_id: str) -> dict[str, Any]:
    """The members every client may rely on, then those of the code."""
    kind = problem.kind
    body: dict[str, Any] = {
        "type": f"/problems/{problem.code}",
        "title": kind.title.of(language),
        "status": kind.status,
        "detail": (problem.detail or kind.help).of(language),
        "code": problem.code,
        "request_id": request_id,
        "errors": [_entry(fault, language) for fault in problem.faults],
    }
    return body | {name: value for name, value in problem.members.items() if name not in body}


def _entry(fault: Fault, language: str) -> dict[str, Any]:
    place = {"pointer": fault.pointer, "parameter": fault.parameter, "rule": fault.rule}
    entry = {"code": fault.code, "detail": fault.detail.of(language)}
    entry |= {name: value for name, value in place.items() if value is not None}
    return {**fault.members, **entry}


def render(problem: Problem, *, language: str, request_id: str) -> tuple[bytes, dict[str, str]]:
    """The body and headers of the answer; values JSON does not know (dates, UUIDs) are written as text."""
    body = document(problem, language=language, request_id=request_id)
    headers = {"Content-Type": MEDIA_TYPE, "Content-Language": language, **problem.headers}
    if problem.status == 401:  # noqa: PLR2004 - HTTP requires the challenge with exactly this status
        challenge = 'Bearer error="invalid_token"' if problem.code == "invalid_token" else "Bearer"
        headers.setdefault("WWW-Authenticate", challenge)
    if problem.status == 503:  # noqa: PLR2004 - clients are told when to come back
        headers.setdefault("Retry-After", "1")
    return json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "replace"), headers


def response(problem: Problem, *, language: str, request_id: str) -> Response:
    """The same as an answer of the web framework."""
    body, headers = render(problem, language=language, request_id=request_id)
    return Response(body, problem.status, headers)


async def answer(request: Request, exc: Exception) -> Response:
    """The exception handler for what the routing layer catches; the envelope answers the rest."""
    scope = request.scope
    problem = problem_of(exc)
    if problem.status == 405:  # noqa: PLR2004 - the framework names the methods of the first route only
        problem.headers["Allow"] = ", ".join(allowed_methods(scope["app"].routes, scope["path"]))
    if problem.status >= 500:  # noqa: PLR2004 - our fault, not the caller's
        log_failure(problem, exc)
    return response(problem, language=scope["rectify.language"], request_id=scope["rectify.request_id"])


def log_failure(problem: Problem, exc: Exception) -> None:
    """Unforeseen failures keep their traceback; outages are one line each, or the log drowns while they last."""
    if problem.code == "internal_error":
        _LOG.error("request.failed", exc_info=exc)
    else:
        _LOG.warning("request.unavailable", code=problem.code, error=type(exc).__name__)


assert set(_BY_STATUS.values()) <= set(CATALOGUE)  # noqa: S101 - a wrong table must not start
