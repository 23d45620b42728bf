"""What the service writes to its log while a test runs, instead of on the terminal."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import structlog

from app.core import logs


@contextmanager
def listening(level: str) -> Iterator[StringIO]:
    """Everything from `level` on, as one JSON object a line; loggers made before keep to it as well."""
    root, written = logging.getLogger(), StringIO()
    before = root.handlers[:], root.level, structlog.get_config()
    logs.configure(level, "json", written)
    try:
        yield written
    finally:
        root.handlers[:], root.level = before[:2]
        structlog.configure(**before[2])
