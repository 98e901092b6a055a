"""YAML text → plain data that knows the line of every field.

Composed, not loaded: nodes carry their place, and nothing is constructed but what JSON knows. Scalars
mean what Kubernetes takes them for: times stay text, and ``1:30`` is no number. A key given twice is a
fault, because the server would silently take one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from batchpoint.api.faults import Path, as_text
from batchpoint.cli.manifests.faulty import ManifestFault
from batchpoint.cli.manifests.reading import Source

MOST_NODES = 100_000
"""Per document, aliases unfolded: a few lines of nested aliases can stand for billions."""

_BOOLEANS = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0o?[0-7_]+|0b[01_]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NULLS = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of a file."""

    source: Source
    line: int
    """Of its first content, from 1."""
    value: Any
    """What JSON knows: maps with text as keys, lists, text, numbers, booleans, None."""
    lines: dict[Path, int]
    """Line of every field and list entry."""

    def line_of(self, path: Path) -> int:
        """Return the line of a field; for one that is not there, of the nearest map around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.line)


def parse(source: Source) -> tuple[list[Document], list[ManifestFault]]:
    """Return the documents of a file, empty ones left out, and its faults of syntax.

    After a fault of YAML itself the rest of the file is not read; the documents before it are.
    """
    documents: list[Document] = []
    faults: list[ManifestFault] = []
    text = source.text.replace("\t", " ") if source.file.endswith(".json") else source.text
    try:
        for node in yaml.compose_all(text, Loader=_Loader):
            if node is not None:
                builder = _Builder(source)
                value = builder.build(node, (), ())
                faults += (replace(fault, subject=subject(value)) for fault in builder.faults)
                if value is not None:
                    line = node.start_mark.line + 1
                    documents.append(
                        Document(source=source, line=line, value=value, lines=builder.lines)
                    )
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = mark.line + 1 if mark else 0
        faults.append(_fault(source, line, f"no YAML ({exc.problem or exc.context})"))
    except yaml.YAMLError as exc:
        faults.append(_fault(source, 0, f"no YAML ({str(exc).splitlines()[0]})"))
    except RecursionError:
        faults.append(_fault(source, 0, "nested too deeply"))
    except _TooLarge as exc:
        faults.append(_fault(source, exc.line, f"more than {MOST_NODES} values"))
    return documents, faults


def _fault(source: Source, line: int, found: str) -> ManifestFault:
    allowed = "must be YAML or JSON documents"
    return ManifestFault(file=source.file, line=line, found=found, allowed=allowed)


_PLAIN = "!plain"
_TEXT = "tag:yaml.org,2002:str"


class _Loader(yaml.SafeLoader):
    """Leaves the meaning of plain scalars to `_scalar`: PyYAML knows YAML 1.1 alone."""

    yaml_implicit_resolvers = {None: [(_PLAIN, re.compile(""))]}  # noqa: RUF012  (as in its base)


class _TooLarge(Exception):
    """The document has more values than any manifest."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _Builder:
    """Turns the nodes of one document into plain data and notes lines and faults."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.lines: dict[Path, int] = {}
        self.faults: list[ManifestFault] = []
        self.count = 0

    def build(self, node: Node, path: Path, above: tuple[Node, ...]) -> Any:
        self.count += 1
        if self.count > MOST_NODES:
            raise _TooLarge(node.start_mark.line + 1)
        if any(node is outer for outer in above):
            self._note(node, path, "an alias of what it lies in", "must not contain itself")
            return None
        if isinstance(node, MappingNode):
            return self._map(node, path, (*above, node))
        if isinstance(node, SequenceNode):
            return self._list(node, path, (*above, node))
        return _scalar(node)

    def _map(self, node: MappingNode, path: Path, above: tuple[Node, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        own: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _PLAIN and key_node.value == "<<":
                self._merge(value_node, result, path, above)
                continue
            if not isinstance(key_node, ScalarNode):
                self._note(key_node, path, "a key that is no text", "must be text")
                continue
            key = _text(key_node)
            if key in own:
                words = f"given twice, first on line {own[key]}"
                self._note(key_node, (*path, key), words, "must be given once")
                continue
            own[key] = self.lines[*path, key] = line
            result[key] = self.build(value_node, (*path, key), above)
        return result

    def _merge(
        self, node: Node, result: dict[str, Any], path: Path, above: tuple[Node, ...]
    ) -> None:
        """Take over the keys of an aliased map (``<<: *defaults``) that are not there already."""
        for source in node.value if isinstance(node, SequenceNode) else (node,):
            value = self.build(source, path, above)
            if not isinstance(value, dict):
                self._note(node, path, "<< with something else than a map", "must be a map")
                return
            for key, item in value.items():
                result.setdefault(key, item)

    def _list(self, node: SequenceNode, path: Path, above: tuple[Node, ...]) -> list[Any]:
        items = []
        for position, item in enumerate(node.value):
            self.lines[*path, position] = item.start_mark.line + 1
            items.append(self.build(item, (*path, position), above))
        return items

    def _note(self, node: Node, path: Path, found: str, allowed: str) -> None:
        self.faults.append(
            ManifestFault(
                file=self.source.file,
                line=node.start_mark.line + 1,
                field=as_text(path),
                found=found,
                allowed=allowed,
            )
        )


def _scalar(node: Node) -> str | int | float | bool | None:
    text = _text(node)
    if node.tag == _TEXT:
        return text
    if text in _NULLS:
        return None
    if text.lower() in _BOOLEANS and text in {text.lower(), text.title(), text.upper()}:
        return _BOOLEANS[text.lower()]
    if _INTEGER.fullmatch(text):
        return _integer(text.replace("_", ""))
    return float(text) if _FLOAT.fullmatch(text) else text


def _text(node: Node) -> str:
    """JSON escapes what lies beyond 16 bits as two halves, which YAML does not put together."""
    text: str = node.value
    if text.isascii() or not re.search("[\ud800-\udfff]", text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    if digits.startswith("0") and digits.isdigit():
        value = int(digits, 8) if digits.strip("0") else 0
    else:
        value = int(digits, 0)
    return -value if text.startswith("-") else value


def subject(value: object) -> str:
    """Return ``KIND/NAME`` of plain data, with ``?`` for what is not there; empty for no object."""
    return f"{_word(value.get('kind'))}/{name_of(value)}" if isinstance(value, dict) else ""


def name_of(value: Mapping[str, Any]) -> str:
    """Return the name in an object's metadata, or ``?``."""
    metadata = value.get("metadata")
    names = metadata if isinstance(metadata, dict) else {}
    return _word(names.get("name") or names.get("generateName"))


def _word(value: object) -> str:
    return value if isinstance(value, str) and value else "?"


def unfolded(document: Document) -> Iterator[tuple[Path, Any]]:
    """Yield the objects of a document with their paths: itself, or the items of a ``kind: List``."""
    value = document.value
    if isinstance(value, dict) and value.get("kind") == "List" and value.get("apiVersion") == "v1":
        items = value.get("items")
        if isinstance(items, list):
            yield from ((("items", position), item) for position, item in enumerate(items))
            return
    yield (), value
