"""An answer as it goes out, so that what many boards ask for is written once for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2s
from typing import Final

from pydantic import BaseModel

_MOVING: Final = {"as_of", "generated_at"}


@dataclass(frozen=True, slots=True)
class Written:
    """Its bytes and its tag."""

    body: bytes
    etag: str

    @property
    def numbers(self) -> int:
        """As many as would take its room in a memory."""
        return len(self.body) // 100


def written(answer: BaseModel) -> Written:
    """The moments it is of are no part of its tag: figures that are the same a moment later have not been modified.

    They are cut out of the bytes, because to write an answer twice costs more than to make it.
    """
    body = answer.model_dump_json().encode()
    told = body
    for moment in answer.model_dump(mode="json", include=_MOVING).values():
        told = told.replace(moment.encode(), b"")
    return Written(body, f'W/"{blake2s(told, digest_size=12).hexdigest()}"')
