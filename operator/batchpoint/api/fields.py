"""The kinds of values that several models share: names, paths, URIs, quantities and bounded numbers.

`Text` puts a pattern into the schema *and* checks it here in words that say what is right; pydantic's
own words for a pattern are the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from batchpoint.api.base import Rule, refusal
from batchpoint_runner.contract import RESERVED_NAMES

MAP_BY_NAME: dict[str, Any] = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
}
"""Schema extras of a list whose entries are told apart by ``name``, so that appliers merge them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Annotation of a string field: bounds, a pattern, and the words for a value that is wrong."""

    expected: str = "must be text"
    """What would be right, in words; follows the offending value in a message."""
    longest: int
    """Characters."""
    shortest: int = 1
    """Characters; 0 allows the empty string."""
    pattern: str | None = None
    """Must match as a whole. Kept to what Python and RE2 read alike."""
    problem: Callable[[str], str | None] | None = None
    """A closer look: returns what would be right, or None when all is well."""
    schema_pattern: str | None = None
    """For the API server alone, where ``problem`` says the same in better words."""
    rules: tuple[Rule, ...] = field(default=())

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        result = handler(schema)
        result["maxLength"] = self.longest
        if self.shortest:
            result["minLength"] = self.shortest
        if pattern := self.pattern or self.schema_pattern:
            result["pattern"] = f"^({pattern})$"
        if self.rules:
            result["x-kubernetes-validations"] = [rule.as_schema() for rule in self.rules]
        return result

    def check(self, value: str) -> str:
        """Return the value unchanged, or raise a refusal."""
        if len(value) < self.shortest:
            raise refusal(self.expected)
        if len(value) > self.longest:
            raise refusal(
                f"must be at most {self.longest} characters", found=f"{len(value)} characters"
            )
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise refusal(self.expected)
        if self.problem and (allowed := self.problem(value)):
            raise refusal(allowed)
        return value


VERSION_PATTERN = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
"""Of a data asset: it is part of a ConfigMap's name, so lower case."""
LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
NAME_WORDS = "must be lower-case letters, digits and -, with a letter or digit first and last"

Name = Annotated[str, Text(longest=63, pattern=LABEL, expected=NAME_WORDS)]
"""Of an object of ours: a DNS label, because pods and host names are made from it."""

ObjectName = Annotated[
    str,
    Text(
        longest=253,
        pattern=rf"{LABEL}(\.{LABEL})*",
        expected="must be lower-case letters, digits, - and ., with a letter or digit first and last",
    ),
]
"""Of a Kubernetes object of another kind: a DNS subdomain."""

Sentence = Annotated[str, Text(longest=1024, shortest=0)]
"""Free text for people."""

ShortText = Annotated[str, Text(longest=253, shortest=0)]
"""Words that a program wrote: reasons, displays, identifiers."""

LongText = Annotated[str, Text(longest=2048, shortest=0)]
"""URIs in a status."""

ImageName = Annotated[
    str,
    Text(longest=512, pattern=r"[^\s]+", expected="must be an image reference without white space"),
]


def _path_problem(path: str) -> str | None:
    if path.startswith("/"):
        return "must be a relative path"
    if ".." in path.split("/"):
        return "must not contain .."
    return None


ScriptPath = Annotated[
    str,
    Text(
        longest=512,
        pattern=r"[^/\\].*\.py",
        expected="must be the relative path of a Python file, such as score.py",
        problem=_path_problem,
        rules=(
            Rule(cel="!self.split('/').exists(part, part == '..')", message="must not contain .."),
        ),
    ),
]
AbsolutePath = Annotated[
    str, Text(longest=1024, pattern=r"/.*", expected="must be an absolute path, such as /opt/code")
]
GlobPattern = Annotated[
    str,
    Text(
        longest=256,
        pattern=r"[^/].*",
        expected="must be a pattern relative to the input folder, such as **/*.csv",
    ),
]


def _file_name_problem(name: str) -> str | None:
    if name in RESERVED_NAMES:
        return (
            f"must not be one of the names that the job itself writes: {', '.join(RESERVED_NAMES)}"
        )
    return "must be a file name" if name in {".", ".."} else None


FileName = Annotated[
    str,
    Text(
        longest=200,
        pattern=r'[^~"#%&*:<>?/\\{}|]+',
        expected='must be a file name without any of ~ " # % & * : < > ? / \\ { } |',
        problem=_file_name_problem,
        rules=(
            Rule(
                cel=f"!(self in {['.', '..', *RESERVED_NAMES]})",
                message="must not be a name that the job itself writes",
            ),
        ),
    ),
]
"""The characters are those that Azure refuses (AZURE.md §3.1)."""

QUANTITY = r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?"


def _as_quantity(value: object) -> object:
    """A bare whole number is a quantity too: ``cpu: 2``."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    Text(longest=32, pattern=QUANTITY, expected="must be a quantity, such as 500m, 2 or 4Gi"),
    BeforeValidator(_as_quantity),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 32,
            "pattern": f"^{QUANTITY}$",
            "x-kubernetes-int-or-string": True,
        }
    ),
]
"""A Kubernetes quantity, kept as written."""

ResourceName = Annotated[
    str,
    Text(
        longest=317,
        pattern=r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?",
        expected="must be a resource name, such as cpu, memory or nvidia.com/gpu",
    ),
]
Resources = Annotated[dict[ResourceName, Quantity], Field(max_length=16)]

LONGEST_SECONDS = 2**31 - 1
"""About 68 years: what Kubernetes itself takes for deadlines."""

InstanceCount = Annotated[int, Field(ge=1, le=1000)]
Concurrency = Annotated[int, Field(ge=1, le=256)]
MiniBatchSize = Annotated[int, Field(ge=1, le=100_000)]
MaxRetries = Annotated[int, Field(ge=0, le=100)]
TimeoutSeconds = Annotated[int, Field(ge=1, le=259_200)]
"""Up to three days, as in Azure (AZURE.md §3.1)."""
ErrorThreshold = Annotated[int, Field(ge=-1, le=2**31 - 1)]
DeadlineSeconds = Annotated[int, Field(ge=1, le=LONGEST_SECONDS)]
Count = Annotated[int, Field(ge=0)]
