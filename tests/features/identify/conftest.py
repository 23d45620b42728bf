from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.main import create_app
from bench.seed import fill
from tests.features.identify.ledger_book import Book, read_book
from tests.support.database import Clone, Server, clone
from tests.support.service import running, settings_for


@pytest.fixture(scope="session")
def book_database(server: Server, template: str) -> Clone:
    return clone(server, template)


@pytest.fixture(scope="session")
async def book(book_database: Clone, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Book]:
    """Six hundred items in a database of their own; nothing here changes them."""
    connection = await asyncpg.connect(book_database.superuser_url)
    world = await fill(connection, 600)
    await connection.close()
    var: Path = tmp_path_factory.mktemp("book")
    async with running(create_app(settings_for(book_database.app_url, var))) as app:
        yield await read_book(app, world, book_database.superuser_url)
