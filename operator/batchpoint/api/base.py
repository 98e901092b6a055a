"""The base of all API models, CEL rules that stand beside them, and how a validator refuses a value.

JSON is camelCase and Python is snake_case; the alias generator is the one place where one becomes the
other. Every field carries a docstring: it becomes the description that ``kubectl explain`` prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

REFUSED = "batchpoint_refused"
"""Type of the errors that our own validators raise; `faults` prints their words as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One CEL rule of the schema, checked by the API server (KUBERNETES.md §9)."""

    cel: str
    message: str
    """What is wrong and what to do."""
    field: str = ""
    """Name of the field below the object that the rule stands on; empty: the object itself."""

    def as_schema(self) -> dict[str, str]:
        """Return the entry of ``x-kubernetes-validations``."""
        schema = {"rule": self.cel, "message": self.message}
        return schema | ({"fieldPath": f".{self.field}"} if self.field else {})


class ApiModel(BaseModel):
    """Base of all API models: frozen, camelCase in JSON, unknown fields refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    """What the schema alone cannot say about this object. Validators below say the same in Python."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core_schema)
        if cls.rules:
            target = handler.resolve_ref_schema(schema)
            target["x-kubernetes-validations"] = [rule.as_schema() for rule in cls.rules]
        return schema

    def as_manifest(self) -> dict[str, Any]:
        """Return the JSON form: aliases as keys, absent fields left out, enums as strings."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def refusal(allowed: str, *, found: str = "", field: str = "") -> PydanticCustomError:
    """Return the error to raise from a validator.

    Args:
        allowed: What would be right, such as ``must be at most 52 characters``.
        found: What is there. Empty: the value itself, as far as it may be shown.
        field: The culprit below the validated object, such as ``codeConfiguration``.
    """
    context = {"allowed": allowed, "found": found, "field": field}
    return PydanticCustomError(REFUSED, "{allowed}", context)
