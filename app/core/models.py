"""The two bases of all wire models, free of the web framework so that pure modules may use them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Api(BaseModel):
    """Base of every input model: what we do not know is refused, and outer spaces are no content."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True, populate_by_name=True)


class Out(BaseModel):
    """Base of every output model: each field is always present, null when empty."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True, frozen=True, serialize_by_alias=True)
