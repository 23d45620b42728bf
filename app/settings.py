"""What differs between deployments, and nothing else; read once from the environment and never changed afterwards."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

# libpq settings that asyncpg does not know and would send to the server, which refuses the connection.
_LIBPQ_ONLY = frozenset(
    {
        "channel_binding",
        "connect_timeout",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "requirepeer",
        "sslcompression",
        "sslsni",
        "tcp_user_timeout",
    }
)
_SSL_WORDS = {"true": "require", "1": "require", "on": "require", "false": "disable", "0": "disable", "off": "disable"}


def normalise_url(url: str) -> str:
    """One spelling of a PostgreSQL address that asyncpg understands, whatever tool or hoster it was copied from.

    Accepts postgres://, postgresql:// and postgresql+driver://, `?sslmode=` and `?ssl=`.
    Raises ValueError for any other database, because PostgreSQL is the only one.
    """
    parts = urlsplit(url.strip())
    scheme = parts.scheme.partition("+")[0]
    if scheme not in {"postgres", "postgresql"}:
        raise ValueError("DATABASE_URL must be a PostgreSQL address: postgresql://user:password@host:5432/database")
    kept: dict[str, str] = {}
    for name, value in parse_qsl(parts.query):
        if name == "ssl":
            kept["sslmode"] = _SSL_WORDS.get(value.lower(), value)
        elif name not in _LIBPQ_ONLY:
            kept[name] = value
    # A unix socket directory keeps its slashes: host=/run/postgresql.
    query = urlencode(kept, safe="/", quote_via=quote)
    return urlunsplit(("postgresql", parts.netloc, parts.path, query, ""))


class Settings(BaseSettings):
    """Every switch of a deployment: `RECTIFY_` and the field's name, but DATABASE_URL and PORT as hosters set them."""

    model_config = SettingsConfigDict(
        env_prefix="RECTIFY_", env_ignore_empty=True, frozen=True, extra="ignore", populate_by_name=True
    )

    database_url: SecretStr | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        description="the server to use, as rectify_app; unset: an embedded PostgreSQL under RECTIFY_VAR",
    )
    migrate_url: SecretStr | None = Field(
        default=None, description="a login that may SET ROLE rectify_owner; unset: DATABASE_URL migrates too"
    )
    prepared: bool = Field(default=True, description="off for poolers that do not know prepared statements")
    pool_size: int = Field(default=10, ge=2, le=200, description="database connections of one process")

    host: str = Field(default="127.0.0.1", description="0.0.0.0 to be reached from other machines")
    port: int = Field(default=8000, ge=0, le=65535, validation_alias="PORT")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(default=(), description="comma-separated origins")
    json_limit: int = Field(default=1024 * 1024, ge=1024, description="bytes of a JSON body")
    upload_limit: int = Field(default=50 * 1024 * 1024, ge=1024, description="bytes of an uploaded file")

    stream_heartbeat: float = Field(
        default=15.0, ge=0.1, le=300, description="seconds after which a quiet event stream shows that it is alive"
    )

    webhook_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="host names, *.suffix and networks that may be called, each with :port where it is unusual",
    )
    var: Path = Field(default=Path("var"), description="local state: pg/, files/, keys/, demo.json")
    worker: bool = Field(default=True, description="off where `rectify worker` numbers, seals and finishes instead")
    publish_to: Path | None = Field(
        default=None, description="a folder, best on another machine, that gets a copy of every signed checkpoint"
    )
    trial_mode: bool = Field(
        default=False, description="one person may hold all three administrator roles; a banner says so"
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"

    @field_validator("database_url", "migrate_url")
    @classmethod
    def _one_spelling(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else SecretStr(normalise_url(value.get_secret_value()))

    @field_validator("cors_origins", "webhook_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("var", "publish_to")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    def app_dsn(self) -> str:
        """The address the service itself connects to; the embedded server fills it in before anybody asks."""
        if self.database_url is None:
            raise ValueError("no database yet: set DATABASE_URL, or start through `rectify serve`")
        return self.database_url.get_secret_value()

    def migrate_dsn(self) -> str:
        """The address migrations run on: a separate login where there is one, else the service's own."""
        return self.migrate_url.get_secret_value() if self.migrate_url else self.app_dsn()
