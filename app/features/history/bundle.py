"""One item's history with everything that checking it takes, for a caller who wants to believe nobody."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Final

from app.access.guarding import ItemReading
from app.access.scope import restricted_read_sql
from app.core.errors import Problem
from app.features.history.rules import Sealing
from app.trail import prove
from app.trail.export import Asked, Export

IN_MEMORY: Final = 4 * 1024 * 1024
PIECE: Final = 64 * 1024


async def of(reading: ItemReading) -> SpooledTemporaryFile[bytes]:
    """The whole bundle before the first byte of it is sent: a slow reader must not hold a connection.

    Raises forbidden where the item's text is not for the caller, not_sealed_yet before the first checkpoint.
    """
    file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by who reads it
    try:
        await _fill(file, reading)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


async def _fill(file: SpooledTemporaryFile[bytes], reading: ItemReading) -> None:
    sealed, args = restricted_read_sql(reading.actor, "i", 2)
    # What was written before an item became a stub is nobody's to read any more.
    readable = f"SELECT {sealed} AND i.confidentiality <> 'secret_stub' FROM item i WHERE i.id = $1"  # noqa: S608 - a constant of the access package
    async with reading.db.snapshot() as snapshot:
        may_read = await snapshot.fetchval(readable, reading.item_id, *args)
        if not may_read:
            raise Problem("not_found" if may_read is None else "forbidden")
        if await prove.latest(snapshot) is None:
            raise Problem("not_sealed_yet")
        async for line in Export(snapshot, Asked([reading.item_id], Sealing())).lines():
            file.write(line)


def pieces(file: SpooledTemporaryFile[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
