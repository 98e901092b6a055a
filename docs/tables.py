"""Writes the tables of docs/ that are made from the code: `make docs`.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; everything else of a page is left
as it is. `make verify` writes them again and fails when that changes anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from batchpoint_runner import settings
from batchpoint_runner.storage import datastores

DOCS = Path(__file__).resolve().parent

_TABLE = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def environment_variables() -> Iterable[tuple[str, ...]]:
    """Yield one row for each variable of the runner."""
    yield "variable", "default", "meaning"
    for name, field in settings.Settings.model_fields.items():
        default = "none" if field.default is None else f"`{field.default}`"
        yield f"`{settings.PREFIX}{name.upper()}`", default, _one_line(field.description or "")


def datastore_files() -> Iterable[tuple[str, ...]]:
    """Yield one row for each file that a datastore of some kind may have."""
    yield "kind", "file", "meaning"
    for scheme, files in datastores.SETTINGS.items():
        for file in files:
            yield f"`{scheme}://`", f"`{file.name}`", _one_line(file.meaning)


TABLES: Mapping[str, Callable[[], Iterable[tuple[str, ...]]]] = {
    "environment-variables": environment_variables,
    "datastore-files": datastore_files,
}


def rewritten(page: str) -> str:
    """Return the page with each of its tables made anew."""
    return _TABLE.sub(lambda match: f"{match[1]}\n{_markdown(match['name'])}\n{match[3]}", page)


def _markdown(name: str) -> str:
    head, *rows = TABLES[name]()
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _one_line(text: str) -> str:
    words = " ".join(text.split()).replace("``", "`").replace("|", "\\|")
    return words


def main() -> None:
    """Rewrite every page that holds a table."""
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text()
        if (new := rewritten(page)) != page:
            path.write_text(new)


if __name__ == "__main__":
    main()
