"""Partial changes: what is left out stays, null empties only what may be empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import model_validator

from app.core.errors import Text
from app.core.messages import refusal
from app.core.models import Api
from app.core.openapi_schemas import without_null

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

_NOT_NULL = Text("不得为 null；不修改时请不要发送该字段", "Must not be null; leave the field out to keep its value")


class Patch(Api):
    """Base of PATCH bodies; `NULLABLE` names the fields that null may empty."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="after")
    def _refuse_nulls(self) -> Self:
        if any(getattr(self, name) is None for name in self.model_fields_set - self.NULLABLE):
            raise refusal("not_null", _NOT_NULL)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The API description offers null only where it is taken."""
        reference = handler(core_schema)
        for name, part in handler.resolve_ref_schema(reference)["properties"].items():
            if name not in cls.NULLABLE:
                without_null(part)
        return reference

    def changes(self) -> dict[str, Any]:
        """Only what was sent."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
