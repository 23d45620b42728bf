from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings, normalise_url

PLAIN = "postgresql://u:p@db:5432/rectify"


@pytest.mark.parametrize(
    ("copied", "understood"),
    [
        ("postgresql://u:p@db:5432/rectify", PLAIN),
        ("postgres://u:p@db:5432/rectify", PLAIN),
        ("postgresql+asyncpg://u:p@db:5432/rectify", PLAIN),
        ("postgresql+psycopg2://u:p@db:5432/rectify", PLAIN),
        ("  postgres://u:p@db:5432/rectify\n", PLAIN),
        ("postgres://u:p@db/rectify?sslmode=require", "postgresql://u:p@db/rectify?sslmode=require"),
        ("postgres://u:p@db/rectify?sslmode=", "postgresql://u:p@db/rectify"),
        ("postgresql+asyncpg://u:p@db/rectify?ssl=true", "postgresql://u:p@db/rectify?sslmode=require"),
        ("postgresql+asyncpg://u:p@db/rectify?ssl=verify-full", "postgresql://u:p@db/rectify?sslmode=verify-full"),
        ("postgres://u:p@db/r?sslmode=require&channel_binding=require", "postgresql://u:p@db/r?sslmode=require"),
        ("postgres://u:p@db/r?connect_timeout=5&application_name=x", "postgresql://u:p@db/r?application_name=x"),
        ("postgres://u:p%40%2F@db/r", "postgresql://u:p%40%2F@db/r"),
        ("postgresql://u:p@/r?host=/run/postgresql&port=5433", "postgresql://u:p@/r?host=/run/postgresql&port=5433"),
    ],
)
def test_an_address_copied_from_any_tool_becomes_one_spelling(copied: str, understood: str) -> None:
    assert normalise_url(copied) == understood


@pytest.mark.parametrize("other", ["sqlite:///x.db", "mysql://u@h/d", "db:5432/rectify", ""])
def test_another_kind_of_database_is_refused(other: str) -> None:
    with pytest.raises(ValueError, match="PostgreSQL"):
        normalise_url(other)


def test_the_environment_of_a_hoster_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@db/r?sslmode=require")
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("RECTIFY_VAR", str(tmp_path))
    monkeypatch.setenv("RECTIFY_PREPARED", "off")
    monkeypatch.setenv("RECTIFY_CORS_ORIGINS", "https://a.example, https://b.example")
    settings = Settings()
    assert settings.app_dsn() == "postgresql://u:p@db/r?sslmode=require"
    assert settings.migrate_dsn() == settings.app_dsn()
    assert (settings.port, settings.var, settings.prepared) == (9000, tmp_path, False)
    assert settings.cors_origins == ("https://a.example", "https://b.example")


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("PORT", "")
    settings = Settings()
    assert settings.database_url is None
    assert settings.port == 8000


def test_settings_never_print_a_password_and_never_change() -> None:
    settings = Settings.model_validate({"database_url": "postgres://u:hunter2@db/r"})
    assert "hunter2" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]
