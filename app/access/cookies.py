"""The session of a browser: a cookie no script can read, and beside it a word that only pages of this origin can send.

The cookie holds the same token as the Authorization header of a program would. A browser sends it by itself, so a write
that relies on it must also carry the word, which another site can neither read nor guess.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Final, Protocol

from app.access.tokens import LIFETIME
from app.core.errors import Problem

HEADER: Final = "x-csrf-token"
PLAIN: Final = "rectify_session"
SECURE: Final = "__Host-rectify_session"
"""Over https alone: a browser takes a name with this prefix from no other host, and never without `Secure`."""

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE: Final = frozenset({"same-origin", "none"})


class Asking(Protocol):
    """What is needed of a request, so that this module stays free of the web framework."""

    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def scope(self) -> Any: ...


def name_for(request: Asking) -> str:
    """Which cookie counts for this connection: one set over plain http never opens anything over https."""
    return SECURE if request.scope.get("scheme", "http") == "https" else PLAIN


def token_of(request: Asking) -> str | None:
    """The token in the session cookie; a name that comes twice was set by somebody else too, and counts as none."""
    wanted = name_for(request)
    pairs = (part.strip().partition("=") for part in request.headers.get("cookie", "").split(";"))
    found = [value for name, _, value in pairs if name == wanted]
    return found[0] if len(found) == 1 and found[0] else None


def csrf_token(key: bytes, token: str) -> str:
    """The word that goes with a session: made from it, so that nothing has to be kept."""
    return hmac.digest(key, b"csrf\n" + token.encode(), "sha256").hex()


def require_own_page(request: Asking) -> None:
    """Raises csrf_refused for a write that another site's page started, as every current browser tells."""
    if request.headers.get("sec-fetch-site", "none") not in _OWN_SITE:
        raise Problem("csrf_refused")


def require_csrf(request: Asking, key: bytes, token: str) -> None:
    """Raises csrf_refused for a write without the word of its session."""
    if request.scope["method"] in _READS:
        return
    require_own_page(request)
    given = request.headers.get(HEADER, "")
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), csrf_token(key, token).encode()):
        raise Problem("csrf_refused")


def begin(request: Asking, token: str) -> str:
    """The Set-Cookie of a session just begun."""
    return _cookie(request, token, int(LIFETIME.total_seconds()))


def end(request: Asking) -> str:
    """The Set-Cookie that makes the browser forget."""
    return _cookie(request, "", 0)


def _cookie(request: Asking, value: str, seconds: int) -> str:
    name = name_for(request)
    secure = "; Secure" if name == SECURE else ""
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
