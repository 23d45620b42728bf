"""One JSON object a line, with the request id of whoever caused it, and never a secret."""

import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

REMOVED = "[removed]"
_SECRET_NAME = re.compile(r"passw|secret|token|authori[sz]ation|cookie|api_?key|salt|dsn|database_url", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"(?P<login>://[^:/@\s]+:)[^@\s]+(?=@)"  # a password inside an address
    r"|rlk_[\w-]+"  # an API key
    r"|whsec_[\w+/=]+"  # the secret of a webhook
    r"|(?P<scheme>\b(?:Bearer|Basic) )[\w.~+/=-]+"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWT
)
# PostgreSQL quotes the offending row under DETAIL; rows hold people's data.
_ROW_DETAIL = re.compile(r"^(?P<kind>DETAIL|CONTEXT|HINT):.*", re.MULTILINE)


def scrub(text: str) -> str:
    """The text without passwords, keys and tokens, whoever put them there."""
    return _SECRET_VALUE.sub(lambda found: f"{found['login'] or found['scheme'] or ''}{REMOVED}", text)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {name: REMOVED if _SECRET_NAME.search(str(name)) else _clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    cleaned: EventDict = _clean(dict(event))
    cleaned.pop("color_message", None)  # uvicorn's second copy of its message, for terminals
    if isinstance(cleaned.get("exception"), str):
        cleaned["exception"] = _ROW_DETAIL.sub(rf"\g<kind>: {REMOVED}", cleaned["exception"])
    return cleaned


def configure(level: str = "info", style: str = "json", stream: TextIO | None = None) -> None:
    """Sends our own and every library's messages through one formatter to stderr; call once per process."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _without_secrets]
    render: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared], processors=[*last, render]
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # They report every statement and every start-up step at a level meant for their own authors.
    for name in ("alembic", "asyncio", "httpcore2", "httpx2", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one module; keyword arguments of its methods become fields."""
    found: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return found


@contextmanager
def request_scope(request_id: str) -> Iterator[Callable[..., Any]]:
    """Every line written inside carries the request id; the yielded function adds further fields to them."""
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        yield structlog.contextvars.bind_contextvars
