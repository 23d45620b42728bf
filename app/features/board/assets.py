"""The files the pages are made of: our own from this package, the chart library from the package that carries it."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

OWN: Final = Path(__file__).parent / "web"
PAGE: Final = "index.html"
ECHARTS: Final = "echarts.esm.min.js"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent; it never changes while the process runs."""

    body: bytes
    zipped: bytes
    etag: str
    media_type: str


def echarts() -> Path:
    """Where the chart library lies; the package is looked up and never imported."""
    spec = find_spec("instaui_echarts")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("instaui-echarts is not installed: the board draws with the library it carries")
    return Path(spec.origin).parent / "static" / ECHARTS


NAMES: Final = frozenset({path.name for path in OWN.iterdir() if path.suffix in _TYPES} | {ECHARTS})
"""What exists at all: a name from outside never reaches the file system."""


@cache
def asset(name: str) -> Asset:
    """Raises KeyError for a name that is none of ours."""
    if name not in NAMES:
        raise KeyError(name)
    path = echarts() if name == ECHARTS else OWN / name
    body = path.read_bytes()
    return Asset(body, gzip.compress(body, mtime=0), f'"{sha256(body).hexdigest()[:20]}"', _TYPES[path.suffix])
