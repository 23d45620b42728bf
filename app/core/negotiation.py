"""Content negotiation: which language and which media type an answer takes. Pure, and cached by header value."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal

Language = Literal["zh-CN", "en"]
DEFAULT_LANGUAGE: Final[Language] = "zh-CN"
_HEADER_MAX: Final = 1000


def _weighted(header: str) -> list[tuple[str, float]]:
    """Ranges with their quality, best first; a range with an unreadable quality counts as refused."""
    ranges: list[tuple[str, float]] = []
    for part in header[:_HEADER_MAX].lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            weight = float(quality)
        except ValueError:
            weight = 0.0
        if name:
            ranges.append((name, weight))
    return sorted(ranges, key=lambda pair: -pair[1])


@lru_cache(maxsize=512)
def language_of(header: str) -> Language:
    """The best of zh-CN and en for an Accept-Language value; anything else reads Chinese."""
    for name, weight in _weighted(header):
        if weight <= 0:
            continue
        if name == "zh" or name.startswith("zh-"):
            return "zh-CN"
        if name == "en" or name.startswith("en-"):
            return "en"
    return DEFAULT_LANGUAGE


@lru_cache(maxsize=1024)
def accepted(header: str, offered: tuple[str, ...]) -> str | None:
    """The offered media type the caller likes best, the first offered one on a tie; None when it takes none."""
    ranges = _weighted(header)
    weights = {kind: _weight_of(kind, ranges) for kind in offered}
    best = max(offered, key=lambda kind: weights[kind])
    return best if weights[best] > 0 else None


def _weight_of(kind: str, ranges: list[tuple[str, float]]) -> float:
    """The most specific matching range decides (RFC 9110 §12.5.1)."""
    weights = dict(reversed(ranges))
    family = kind.partition("/")[0]
    for candidate in (kind, f"{family}/*", "*/*"):
        if candidate in weights:
            return weights[candidate]
    return 0.0
