"""The private embedded server a measurement runs on: durability on, gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from app.core import embedded_postgres, migrate

TUNING = {"shared_buffers": "4GB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}


@contextmanager
def database(kept: Path | None = None, tuning: Mapping[str, str] = MappingProxyType({})) -> Iterator[tuple[str, str]]:
    """A private embedded server with durability on; gives the superuser's address and the service's.

    Its folder is gone afterwards, unless it is one to be `kept`.
    """
    folder = kept or Path(tempfile.mkdtemp(prefix="rectify-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    started = embedded_postgres.start(folder / "var", tuning={**TUNING, **tuning})
    try:
        migrate.migrate(started.migrate_url)
        yield started.migrate_url, started.app_url
    finally:
        started.stop()
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)
