"""The two services that are compared: the product as it is deployed, and plain FastAPI giving the same models from memory.

`python -m bench.servers product|static PORT`, with DATABASE_URL, RECTIFY_VAR and, for `static`, RECTIFY_SAMPLES.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from app.core import logs, serving
from app.features.identify.router import ItemPage
from app.lifecycle.schemas import ItemOut
from app.main import create_app, leave
from app.settings import Settings


def static_app(samples: Path) -> FastAPI:
    """Nothing but routing and FastAPI's own serialisation of the models in `samples`."""
    given = json.loads(samples.read_text(encoding="utf-8"))
    item, page = ItemOut.model_validate(given["item"]), ItemPage.model_validate(given["page"])
    app = FastAPI(openapi_url=None)

    @app.get("/item", response_model=ItemOut)
    async def get_item() -> Any:
        return item

    @app.get("/page", response_model=ItemPage)
    async def get_page() -> Any:
        return page

    return app


def main(which: str, port: int) -> None:
    logs.configure("warning", "json")
    app = create_app(Settings()) if which == "product" else static_app(Path(os.environ["RECTIFY_SAMPLES"]))
    leaving = (lambda: leave(app)) if which == "product" else (lambda: None)
    serving.serve(app, serving.bind("127.0.0.1", port), lambda: print("ready", flush=True), leaving)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
