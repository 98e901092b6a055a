"""The base of all API models."""

from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import ValidationError

from batchpoint.api.base import REFUSED, ApiModel, Rule, refusal


class _Shelf(ApiModel):
    """A shelf."""

    book_count: int = 0
    """Books on it."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(cel="self.bookCount < 9", message="too many", field="bookCount"),
    )


def test_rules_stand_in_the_schema_of_their_object() -> None:
    """With the path of the field they are about."""
    assert [
        {"rule": "self.bookCount < 9", "message": "too many", "fieldPath": ".bookCount"}
    ] == _Shelf.model_json_schema()["x-kubernetes-validations"]


def test_docstrings_are_descriptions() -> None:
    """They are what ``kubectl explain`` prints."""
    assert "Books on it." == _Shelf.model_json_schema()["properties"]["bookCount"]["description"]


def test_manifests_are_camel_case() -> None:
    """Python's names stay in Python."""
    assert {"bookCount": 3} == _Shelf(book_count=3).as_manifest()


def test_models_are_frozen() -> None:
    """A spec that was read is never changed."""
    with pytest.raises(ValidationError, match="frozen"):
        _Shelf().book_count = 3  # type: ignore[misc]


def test_a_refusal_carries_its_parts() -> None:
    """For the module that makes lines of them."""
    error = refusal("must be 1", found="2", field="bookCount")
    assert (REFUSED, {"allowed": "must be 1", "found": "2", "field": "bookCount"}) == (
        error.type,
        error.context,
    )
