"""`rectify audit`: the export an outsider would get, put through the verifier an outsider would use, and then the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from app.audit import beside, files, frozen, log, redactions
from app.audit.findings import finding
from app.audit.gone import Gone
from app.audit.grouped import Grouped
from app.audit.history import EVENTS, PEOPLE, history_of
from app.audit.past import Past
from app.core.db import Snapshot
from app.core.storage import Storage
from app.trail.ddl import drift
from app.trail.export import Export, told
from app.trail.proof.findings import FINDINGS_KEPT, Finding, Report, Verdict
from app.trail.proof.verify import Asked, verify

IN_MEMORY: Final = 64 * 1024 * 1024
"""Bytes of the export held before it goes to a temporary file."""


def _nothing() -> None:
    """Nobody waits."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What to hold the ledger against; `storage` is where evidence lies, None to leave files out."""

    asked: Asked
    storage: Storage | None = None
    step: Callable[[], None] = _nothing

    async def run(self, snapshot: Snapshot) -> Report:
        """Both halves see one moment of the database."""
        with SpooledTemporaryFile(IN_MEMORY) as file:
            report = await self._verified(snapshot, file)
        async for one in self._beyond(snapshot):
            _add(report, one)
        return report

    async def _verified(self, snapshot: Snapshot, file: IO[bytes]) -> Report:
        async for line in Export(snapshot).lines():
            file.write(line)
            self.step()
        file.seek(0)
        return verify(file, self.asked)

    async def _beyond(self, snapshot: Snapshot) -> AsyncIterator[Finding]:
        """What no export shows."""
        parts = [log.log(snapshot), self._items(snapshot), beside.beside(snapshot), beside.search(snapshot),
                 redactions.redactions(snapshot), frozen.frozen(snapshot)]  # fmt: skip
        if self.storage is not None:
            parts.append(files.files(snapshot, self.storage, self.step))
        for part in parts:
            async for one in part:
                yield one
        for said in await drift(snapshot):
            yield finding("weakened", None, None, said)

    async def _items(self, snapshot: Snapshot) -> AsyncIterator[Finding]:
        parts = (Past(snapshot), Gone(snapshot), beside.Marks(snapshot))
        measures = Grouped(snapshot, PEOPLE)
        async for item_id, events in Grouped(snapshot, EVENTS).groups():
            self.step()
            people = {str(row["id"]): told(row["person_id"]) for row in await measures.of(item_id)}
            history = history_of(item_id, events, people)
            for part in parts:
                async for one in part.check(history):
                    yield one
        for part in parts:
            async for one in part.rest():
                yield one


def _add(report: Report, one: Finding) -> None:
    report.found[one.code] = report.found.get(one.code, 0) + 1
    if len(report.findings) < FINDINGS_KEPT:
        report.findings.append(one)
    if report.verdict is not Verdict.MALFORMED:
        report.verdict = Verdict.TAMPERED
