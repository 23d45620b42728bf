"""An answer as it goes out, so that what many boards ask for is written once for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2s
from json import dumps
from typing import Any, Final

from pydantic import BaseModel

_MOVING: Final = frozenset({"as_of", "generated_at"})


@dataclass(frozen=True, slots=True)
class Written:
    """Its bytes and its tag."""

    body: bytes
    etag: str


def written(answer: BaseModel, *, timeless: bool = True) -> Written:
    """The moments it is of are no part of its tag: figures that are the same a moment later have not been modified."""
    body = answer.model_dump_json()
    told = dumps(_timeless(answer.model_dump(mode="json")), ensure_ascii=False) if timeless else body
    return Written(body.encode(), f'W/"{blake2s(told.encode(), digest_size=12).hexdigest()}"')


def _timeless(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: _timeless(value) for name, value in told.items() if name not in _MOVING}
    return [_timeless(value) for value in told] if isinstance(told, list) else told
