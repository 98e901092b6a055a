"""Writes the tables of docs/ that are made from the code: `make docs`.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; everything else of a page is left
as it is. `make verify` writes them again and fails when that changes anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from batchpoint import settings as operator_settings
from batchpoint.api import schema
from batchpoint.api.kinds import KINDS
from batchpoint.api.reasons import Reason
from batchpoint.cli.run import run
from batchpoint.cluster import access
from batchpoint.metrics import Metrics
from batchpoint_runner import settings
from batchpoint_runner.storage import datastores

DOCS = Path(__file__).resolve().parent

_TABLE = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def environment_variables(model: type[BaseModel]) -> Iterable[tuple[str, ...]]:
    """Yield one row for each variable of a process."""
    yield "variable", "default", "meaning"
    for name, field in model.model_fields.items():
        meaning = _one_line(field.description or "")
        yield f"`{settings.PREFIX}{name.upper()}`", _default(field), meaning


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    if field.default in (None, (), {}):
        return "none"
    shown = json.dumps(field.default) if isinstance(field.default, dict) else field.default
    return f"`{shown}`"


def operator_rights() -> Iterable[tuple[str, ...]]:
    """Yield one row for each kind that the operator asks for at its start."""
    yield "resource", "API group", "verbs", "where"
    for where, rules in (
        ("wherever it looks after objects", access.RULES),
        ("the same, only with `operator.checkSecrets`", access.SECRET_RULES),
        ("its own namespace", access.OWN_RULES),
    ):
        for rule in rules:
            resource = "/".join(filter(None, (rule.kind.plural, rule.subresource)))
            yield f"`{resource}`", rule.kind.group or "core", ", ".join(sorted(rule.verbs)), where


def operator_metrics() -> Iterable[tuple[str, ...]]:
    """Yield one row for each metric of the operator."""
    yield "metric", "labels", "meaning"
    metrics = Metrics()
    metrics.watch_queue(lambda: 0, lambda: 0)
    metrics.watch_jobs(lambda: {("", ""): 0})
    # The library tells labels and unused metrics only by its private fields.
    for collector in dict.fromkeys(metrics.registry._names_to_collectors.values()):
        (family,) = collector.describe() or collector.collect()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = getattr(collector, "_labelnames", None) or list(
            family.samples and family.samples[0].labels
        )
        yield f"`{name}`", ", ".join(labels), _one_line(family.documentation)


def datastore_files() -> Iterable[tuple[str, ...]]:
    """Yield one row for each file that a datastore of some kind may have."""
    yield "kind", "file", "meaning"
    for scheme, files in datastores.SETTINGS.items():
        for file in files:
            yield f"`{scheme}://`", f"`{file.name}`", _one_line(file.meaning)


def fields(kind: str) -> Iterable[tuple[str, ...]]:
    """Yield one row for each field that users write of a kind."""
    yield "field", "type", "default", "meaning"
    spec = schema.structural(KINDS[kind])["properties"]["spec"]
    for path, node in _walk(spec):
        default = f"`{_as_yaml(node['default'])}`" if node.get("default") not in (None, {}) else ""
        if path.rsplit(".", 1)[-1] in _required(spec, path):
            default = "**required**"
        yield f"`{path}`", _type_of(node), default, _one_line(node.get("description", ""))


def condition_reasons() -> Iterable[tuple[str, ...]]:
    """Yield one row for each reason of conditions and events."""
    yield "reason", "meaning"
    for reason in Reason:
        yield f"`{reason}`", _one_line(reason.explanation)


def options() -> Iterable[tuple[str, ...]]:
    """Yield one row for each option of `batchpoint run`."""
    yield "option", "meaning"
    for parameter in run.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            names = ", ".join(f"`{name}`" for name in parameter.opts)
            value = "" if parameter.is_flag else f" `{parameter.metavar or parameter.name}`"
            yield names + value, _one_line(parameter.help or "")


def _walk(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the fields below an object with their dotted paths, in the order of the models."""
    for name, child in node.get("properties", {}).items():
        yield path + name, child
        if name == "jobTemplate":  # its fields are those of a BatchJob
            continue
        yield from _walk(child, f"{path}{name}.")
        yield from _walk(child.get("items", {}), f"{path}{name}[].")


def _required(spec: Mapping[str, Any], path: str) -> list[str]:
    """Return the names of required fields beside the field of this path."""
    node: Any = spec
    for part in path.split(".")[:-1]:
        node = node["properties"][part.removesuffix("[]")]
        node = node["items"] if part.endswith("[]") else node
    return list(node.get("required", ()))


def _type_of(node: Mapping[str, Any]) -> str:
    if "enum" in node:
        return " \\| ".join(f"`{value}`" for value in node["enum"])
    if node["type"] == "array":
        return f"list of {_plural(node['items']['type'])}"
    if "additionalProperties" in node:
        return "map"
    return str(node["type"])


def _plural(type_name: str) -> str:
    return f"{type_name}s"


def _as_yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


TABLES: Mapping[str, Callable[[], Iterable[tuple[str, ...]]]] = {
    "environment-variables": partial(environment_variables, settings.Settings),
    "operator-variables": partial(environment_variables, operator_settings.Settings),
    "operator-metrics": operator_metrics,
    "operator-rights": operator_rights,
    "datastore-files": datastore_files,
    "reasons": condition_reasons,
    "run-options": options,
    **{f"{kind.lower()}-fields": partial(fields, kind) for kind in KINDS},
}


def rewritten(page: str) -> str:
    """Return the page with each of its tables made anew."""
    return _TABLE.sub(lambda match: f"{match[1]}\n{_markdown(match['name'])}\n{match[3]}", page)


def _markdown(name: str) -> str:
    head, *rows = TABLES[name]()
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _one_line(text: str) -> str:
    """Return text as a cell holds it: what is not code is safe from Markdown and HTML."""
    pieces = " ".join(text.split()).replace("``", "`").replace("|", "\\|").split("`")
    pieces[::2] = [re.sub(r"[*<]", r"\\\g<0>", piece) for piece in pieces[::2]]
    return "`".join(pieces)


def main() -> None:
    """Rewrite every page that holds a table."""
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text()
        if (new := rewritten(page)) != page:
            path.write_text(new)


if __name__ == "__main__":
    main()
