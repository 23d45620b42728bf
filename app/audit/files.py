"""The bytes of evidence: there, as long as they were, and with the digest the history has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import Final

from app.audit.findings import finding
from app.core.db import Snapshot
from app.core.storage import Storage
from app.trail.proof.findings import Finding
from app.trail.redact import PLACEHOLDER

# A file's name goes with its bytes when it is redacted, and in no other way.
FILES: Final = """
SELECT sha256, size, min(item_id::text) AS item_id, min(changed_seq) AS seq FROM evidence WHERE file_name <> $1
GROUP BY sha256, size ORDER BY sha256
"""


async def files(snapshot: Snapshot, storage: Storage, step: Callable[[], None]) -> AsyncIterator[Finding]:
    async for row in snapshot.stream(FILES, PLACEHOLDER):
        step()
        digest = row["sha256"]
        try:
            there = await storage.exists(digest)
        except ValueError:
            there = False
        if not there:
            yield finding("attachment_missing", row["item_id"], f"sha256 {digest}", None, row["seq"])
            continue
        made, size = sha256(), 0
        async for piece in await storage.open(digest):
            made.update(piece)
            size += len(piece)
        if (made.hexdigest(), size) != (digest, row["size"]):
            expected, actual = f"sha256 {digest}, {row['size']} bytes", f"sha256 {made.hexdigest()}, {size} bytes"
            yield finding("attachment_mismatch", row["item_id"], expected, actual, row["seq"])
