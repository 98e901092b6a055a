"""Pydantic's errors → faults: the path of a field, what was found, and what is allowed, in words.

Files, the gateway's requests and objects read from a cluster are all checked here, so that one mistake
is told in one way. Unknown names get the nearest right one, Azure's snake_case names included.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from batchpoint.api.base import REFUSED
from batchpoint.api.masking import shown

Path = tuple[str | int, ...]
_M = TypeVar("_M", bound=BaseModel)

UNKNOWN = "unknown field"
MISSING = "missing"

_RENAMED = {
    "endpoint_name": "endpoint",
    "deployment_name": "deployment",
    "timeout": "timeoutSeconds",
    "path": "uri",
    "schedule": "cron",
    "expression": "cron",
    "nodeName": "nodeSelector",
    "secretName": "credentialsSecret",
    "imagePullPolicy": "pullPolicy",
    "imagePullSecrets": "pullSecrets",
    "env": "environmentVariables",
}
"""Names from Azure and Kubernetes whose meaning is another name here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with one field."""

    path: Path
    """From the root of the object; numbers are positions in lists."""
    found: str
    allowed: str

    @property
    def field(self) -> str:
        """The path as text: ``spec.schedules[0].cron``."""
        return as_text(self.path)

    def __str__(self) -> str:
        return f"{self.found}; {self.allowed}"


def as_text(path: Path) -> str:
    """Return a path as people write it; keys that are no plain words stand in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z_$][A-Za-z0-9_-]*", part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part)}]"
    return text


def check(
    model: type[_M], value: Mapping[str, Any], *, lenient: bool = False
) -> tuple[_M | None, list[Fault]]:
    """Return the model, or None and everything that is wrong with the value.

    Args:
        model: A kind, or any part of one.
        value: Plain data as JSON knows it. It is checked strictly: text is no number. A field that is
            null is absent, as it is for the API server.
        lenient: Ignore fields that are not known, as one must with objects from a cluster whose
            CRD may be newer.
    """
    value = _without_nulls(value)
    try:
        return _validated(model, value, lenient=lenient), []
    except ValidationError as exc:
        faults = [_fault(error, model) for error in exc.errors(include_url=False)]
    pruned = _pruned(value, [fault.path for fault in faults], ())
    wrong = [fault.path for fault in faults if fault.found != UNKNOWN]
    return None, [*_once(faults), *_hidden_faults(model, pruned, wrong)]


def _once(faults: Sequence[Fault]) -> Iterable[Fault]:
    """Leave out missing fields that are there under a name which is already told to be wrong."""
    meant = {
        (*fault.path[:-1], str(close[1]))
        for fault in faults
        if fault.found == UNKNOWN
        and (close := re.fullmatch(r'did you mean "(.*)"\?', fault.allowed))
    }
    return (fault for fault in faults if fault.found != MISSING or fault.path not in meant)


def _validated(model: type[_M], value: object, *, lenient: bool) -> _M:
    return model.model_validate_json(
        json.dumps(value),
        strict=True,
        by_alias=True,
        by_name=False,
        extra="ignore" if lenient else "forbid",
    )


def _hidden_faults(model: type[BaseModel], value: object, wrong: Sequence[Path]) -> Iterable[Fault]:
    """Yield what is wrong *between* fields, which pydantic looks at only when each field is right.

    ``value`` has no wrong fields any more. Objects of which a field was wrong are left out: it might have
    been what is missing now.
    """
    try:
        _validated(model, value, lenient=True)
    except ValidationError as exc:
        for error in exc.errors(include_url=False):
            fault = _fault(error, model)
            if error["type"] == REFUSED and not any(
                path[:-1] == error["loc"]
                or fault.path[: len(path)] == path
                or path[: len(fault.path)] == fault.path
                for path in wrong
            ):
                yield fault


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _pruned(value: Any, wrong: Sequence[Path], path: Path) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _pruned(item, wrong, (*path, key))
            for key, item in value.items()
            if (*path, key) not in wrong
        }
    if isinstance(value, list):
        return [
            _pruned(item, wrong, (*path, position))
            for position, item in enumerate(value)
            if (*path, position) not in wrong
        ]
    return value


def _fault(error: ErrorDetails, model: type[BaseModel]) -> Fault:
    path: Path = tuple(part for part in error["loc"] if part != "[key]")
    context = error.get("ctx", {})
    if error["type"] == REFUSED:
        if context["field"]:
            path = (*path, *_parts(context["field"]))
        is_key = error["loc"][-1:] == ("[key]",)
        found = context["found"] or shown(error["input"], () if is_key else path)
        return Fault(path=path, found=found, allowed=context["allowed"])
    if error["type"] == "extra_forbidden":
        return Fault(path=path, found=UNKNOWN, allowed=_nearest_field(model, path))
    if error["type"] == "missing":
        return Fault(path=path, found=MISSING, allowed=f"must be given{_purpose(model, path)}")
    found = shown(error["input"], path)
    if error["type"] == "enum":
        return Fault(path=path, found=found, allowed=one_of(_choices(model, path), error["input"]))
    words = _LENGTHS.get(error["type"])
    if words:
        return Fault(
            path=path,
            found=f"{context['actual_length']} {_unit(error['input'])}",
            allowed=words.format(**context),
        )
    words = _WORDS.get(error["type"])
    return Fault(path=path, found=found, allowed=words.format(**context) if words else error["msg"])


_WORDS = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text; put it in quotes",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "model_type": "must be a map",
    "model_attributes_type": "must be a map",
    "dict_type": "must be a map",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "datetime_parsing": "must be a time, such as 2026-11-20T08:00:00Z",
    "datetime_type": "must be a time, such as 2026-11-20T08:00:00Z",
}
_LENGTHS = {
    "too_long": "must be at most {max_length}",
    "too_short": "must be at least {min_length}",
}


def _unit(value: object) -> str:
    return "entries" if isinstance(value, Mapping | list | tuple) else "characters"


def _parts(field: str) -> list[str | int]:
    found = re.findall(r'\["([^"]+)"\]|\[(\d+)\]|([^.\[\]]+)', field)
    return [int(position) if position else quoted or name for quoted, position, name in found]


def one_of(choices: Sequence[str], given: object) -> str:
    """Return what is allowed in place of a word, with the one that was probably meant."""
    words = ", ".join(choices[:-1]) + f" or {choices[-1]}" if len(choices) > 1 else choices[0]
    meant = nearest(given, choices) if isinstance(given, str) else None
    return f"must be {words}" + (f"; did you mean {meant}?" if meant and len(choices) > 1 else "")


def nearest(given: str, choices: Iterable[str]) -> str | None:
    """Return the choice that was probably meant, or None.

    Case, - and _ count for nothing; the beginning of a single choice stands for it.
    """
    plain = {re.sub("[-_ ]", "", choice).lower(): choice for choice in choices}
    word = re.sub("[-_ ]", "", given).lower()
    if word in plain:
        return plain[word]
    begun = [choice for choice in plain if choice.startswith(word)]
    if len(word) >= 4 and len(begun) == 1:
        return plain[begun[0]]
    close = difflib.get_close_matches(word, plain, n=1, cutoff=0.7)
    return plain[close[0]] if close else None


def _nearest_field(model: type[BaseModel], path: Path) -> str:
    given = str(path[-1])
    parent = _model_at(model, path[:-1])
    known = _aliases(parent) if parent else []
    meant = _RENAMED.get(given)
    if meant not in known:
        meant = nearest(to_camel(given), known)
    if meant:
        return f'did you mean "{meant}"?'
    wanted = {to_camel(given), _RENAMED.get(given, given)}
    for elsewhere in _all_paths(model, (), ("spec",)):
        if elsewhere[-1] in wanted and elsewhere[0] == "spec":
            return f'did you mean "{as_text(elsewhere)}"?'
    return f"known here: {', '.join(known)}" if known else "must be left out"


def _purpose(model: type[BaseModel], path: Path) -> str:
    """The first sentence of a field's description, to tell what to write."""
    parent = _model_at(model, path[:-1])
    for field in parent.model_fields.values() if parent else ():
        if field.alias == path[-1] and field.description:
            sentence = re.sub(r"\s+", " ", field.description).split(". ", maxsplit=1)[0]
            return f": {sentence[0].lower()}{sentence[1:]}".rstrip(".")
    return ""


def _aliases(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _choices(model: type[BaseModel], path: Path) -> list[str]:
    kind = _type_at(model, path)
    return [str(member.value) for member in kind] if _is_class(kind, Enum) else []


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    kind = _type_at(model, path)
    return kind if _is_class(kind, BaseModel) else None


def _is_class(kind: Any, parent: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, parent)


def _type_at(kind: Any, path: Path) -> Any:
    """Return the type that stands at a path below a type; None where there is none."""
    kind = _bare(kind)
    if not path:
        return kind
    if _is_class(kind, BaseModel):
        for field in kind.model_fields.values():
            if field.alias == path[0]:
                return _type_at(field.annotation, path[1:])
        return None
    arguments = get_args(kind)
    return (
        _type_at(arguments[0 if get_origin(kind) is tuple else -1], path[1:]) if arguments else None
    )


def _bare(kind: Any) -> Any:
    """Return a type without Annotated and without None."""
    while get_origin(kind) in {Annotated, Union, UnionType}:
        choices = [choice for choice in get_args(kind) if choice is not type(None)]
        kind = choices[0]
    return kind


def _all_paths(model: type[BaseModel], path: Path, roots: Sequence[str] = ()) -> Iterable[Path]:
    """Yield the paths of all fields that lie in plain nested objects, outer ones first."""
    nested = []
    for name, field in model.model_fields.items():
        alias = field.alias or name
        if roots and alias not in roots:
            continue
        yield (*path, alias)
        child = _bare(field.annotation)
        if _is_class(child, BaseModel):
            nested.append((child, (*path, alias)))
    for child, below in nested:
        yield from _all_paths(child, below)
