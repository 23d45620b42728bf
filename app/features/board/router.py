"""`/` and its files: open to everybody, because there is nothing in them; what they show is asked for by who signed in."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from app.access.guarding import public
from app.core.errors import Problem
from app.core.http import StrictRoute
from app.features.board.assets import NAMES, PAGE, asset

# Scripts and styles are files of this origin; the library draws on a canvas and needs no style attribute in markup.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

router = APIRouter(route_class=StrictRoute, tags=["operations"], dependencies=[Depends(public())])


@router.get("/", include_in_schema=False, response_class=HTMLResponse)
async def page(request: Request) -> Response:
    """One page for the board, the lists and the items: what follows # says which."""
    return await _sent(request, PAGE)


@router.get(
    "/board/{file}", include_in_schema=False, response_class=Response, responses={200: {"content": {"*/*": {}}}}
)
async def one_file(request: Request, file: str) -> Response:
    """Revalidated on every load, so that a new version of the service is seen at once."""
    if file not in NAMES:
        raise Problem("not_found")
    return await _sent(request, file)


async def _sent(request: Request, name: str) -> Response:
    found = await asyncio.to_thread(asset, name)
    headers = {**_HEADERS, "ETag": found.etag}
    if found.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.zipped, headers={**headers, "Content-Encoding": "gzip", "Content-Type": found.media_type})
    return Response(found.body, headers={**headers, "Content-Type": found.media_type})
