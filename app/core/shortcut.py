"""The shortest way to the hot reads: they are found before anything is put around a request that only others need."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.http import StrictRoute


class Shortcut:
    """Runs the direct routes that lead the list; `otherwise` runs all others, and whatever is no GET.

    What leads the list would be matched first anyway, so no other route loses a request. The envelope around it answers
    exceptions as the framework's handlers do.
    """

    def __init__(self, routes: Sequence[BaseRoute], otherwise: ASGIApp) -> None:
        self._otherwise = otherwise
        self.routes = [
            route for route in takewhile(lambda one: isinstance(one, StrictRoute) and one.direct, routes)
            if isinstance(route, StrictRoute)
        ]  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            for route in self.routes:
                found = route.path_regex.match(scope["path"])
                if found is not None:
                    scope["endpoint"], scope["path_params"] = route.endpoint, found.groupdict()
                    await route.app(scope, receive, send)
                    return
        await self._otherwise(scope, receive, send)
