"""The shortest way to the hot reads: they are found before anything is put around a request that only others need.

Pure ASGI, like the envelope it stands in.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any

from app.core.http import StrictRoute

Scope = MutableMapping[str, Any]


class Shortcut:
    """Runs the direct routes that lead the list; `otherwise` runs all others, and whatever is no GET.

    What leads the list would be matched first anyway, so no other route loses a request. The envelope answers exceptions
    as the framework's handlers would.
    """

    def __init__(self, routes: Iterable[Any], otherwise: Any) -> None:
        self._otherwise = otherwise
        self.routes: list[StrictRoute] = []
        for route in routes:
            if not (isinstance(route, StrictRoute) and route.direct):
                break
            self.routes.append(route)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            for route in self.routes:
                found = route.path_regex.match(scope["path"])
                if found is not None:
                    scope["endpoint"], scope["path_params"] = route.endpoint, found.groupdict()
                    await route.app(scope, receive, send)
                    return
        await self._otherwise(scope, receive, send)
