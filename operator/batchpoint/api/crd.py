"""Writes the CustomResourceDefinitions: ``python -m batchpoint.api.crd`` (see ``--help``).

The models are the only source; what this writes is committed, and ``--check`` says whether it is fresh.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from batchpoint.api import schema, yaml_text
from batchpoint.api.kinds import KINDS
from batchpoint.api.meta import CATEGORY, GROUP, VERSION
from batchpoint.api.resource import Column, Resource

HEADER = (
    "# Generated from operator/batchpoint/api by `python -m batchpoint.api.crd`. Do not edit.\n"
)
DIRECTORY = Path("crds")


def definition(name: str, model: type[Resource]) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind."""
    kind = model.definition
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            "labels": {"app.kubernetes.io/part-of": "batchpoint"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": name,
                "listKind": f"{name}List",
                "plural": kind.plural,
                "singular": name.lower(),
                "shortNames": [kind.short_name],
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(column) for column in kind.columns],
                    "selectableFields": [{"jsonPath": path} for path in kind.selectable],
                    "schema": {"openAPIV3Schema": schema.structural(model)},
                }
            ],
        },
    }


def _column(column: Column) -> dict[str, Any]:
    shown = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return shown | ({"priority": 1} if column.wide else {})


def render() -> dict[str, str]:
    """Return file name → text of every CRD, the same text for the same models."""
    return {
        f"{name.lower()}.yaml": HEADER + yaml_text.dump(definition(name, model))
        for name, model in KINDS.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the files; return 0, or 1 when ``--check`` finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m batchpoint.api.crd", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if files differ")
    parser.add_argument(
        "--directory",
        type=Path,
        action="append",
        help="where the files are; may be given several times (default: crds)",
    )
    options = parser.parse_args(arguments)
    stale = [
        directory / name
        for directory in options.directory or [DIRECTORY]
        for name, text in render().items()
        if _differs(directory / name, text, write=not options.check)
    ]
    if options.check and stale:
        names = ", ".join(str(path) for path in stale)
        sys.stderr.write(f"{names}: not what the models say; run python -m batchpoint.api.crd\n")
        return 1
    return 0


def _differs(path: Path, text: str, *, write: bool) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return True


if __name__ == "__main__":
    sys.exit(main())
