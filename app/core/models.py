"""The two bases of all wire models, free of the web framework so that pure modules may use them."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema

_OPAQUE = frozenset({"metadata", "serialization", "default", "expected", "config"})
"""Parts of a schema that hold no schema; a default is a value and stays the very object it is."""


def _exact(schema: Any) -> Any:
    """The same schema with every integer and boolean strict."""
    if isinstance(schema, (list, tuple)):
        return type(schema)(_exact(part) for part in schema)
    if type(schema) is not dict:
        return schema
    kept = {key: part if key in _OPAQUE else _exact(part) for key, part in schema.items() if key != "fields"}
    if "fields" in schema:  # by name, and a field may have any name
        fields = schema["fields"]
        kept["fields"] = {n: _exact(f) for n, f in fields.items()} if isinstance(fields, dict) else _exact(fields)
    return kept | {"strict": True} if kept.get("type") in ("int", "bool") else kept


class Api(BaseModel):
    """Base of every input model: what we do not know is refused, and outer spaces are no content.

    A number is a number and yes is `true`: the description says `integer` and `boolean`, so `"5"` and `1` are refused.
    Pydantic's strict mode as a whole would refuse dates and identifiers, which JSON can only write as strings.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True, populate_by_name=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return cast("CoreSchema", _exact(handler(source)))


class Out(BaseModel):
    """Base of every output model: each field is always present, null when empty."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True, frozen=True, serialize_by_alias=True)
