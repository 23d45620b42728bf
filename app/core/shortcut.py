"""The shortest way to the hot reads: they are found before anything is put around a request that only others need.

Pure ASGI, like the envelope it stands in.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

from app.core.http import StrictRoute

Scope = MutableMapping[str, Any]


class Shortcut:
    """Runs direct routes; `otherwise` runs all others, and whatever is no GET.

    None that comes later than one whose path could be the same is among them, so no other route loses a request. The envelope
    answers exceptions as the framework's handlers would.
    """

    def __init__(self, routes: Sequence[Any], otherwise: Any) -> None:
        self._otherwise = otherwise
        self.routes: list[StrictRoute] = [
            route
            for place, route in enumerate(routes)
            if isinstance(route, StrictRoute) and route.direct and not any(_meet(route, one) for one in routes[:place])
        ]

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            for route in self.routes:
                found = route.path_regex.match(scope["path"])
                if found is not None:
                    scope["endpoint"], scope["path_params"] = route.endpoint, found.groupdict()
                    await route.app(scope, receive, send)
                    return
        await self._otherwise(scope, receive, send)


def _meet(route: StrictRoute, other: Any) -> bool:
    """Whether some path may be that of either, for the same method."""
    if not isinstance(other, StrictRoute):
        return True
    if "GET" not in (other.methods or ()):
        return False
    if ":path}" in route.path + other.path:
        return True
    ours, theirs = route.path.split("/"), other.path.split("/")
    return len(ours) == len(theirs) and all(
        "{" in our or "{" in their or our == their for our, their in zip(ours, theirs, strict=True)
    )
