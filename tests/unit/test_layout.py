"""The tree is what CONTRIBUTING.md says: mirrors, layers, source roots, and nothing that does not belong."""

from __future__ import annotations

import ast
import operator
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchpoint.api import crd
from support import repository
from support.repository import PACKAGES, ROOT

WITHOUT_MIRROR = {
    "batchpoint.planning.observed": "records without behaviour",
    "batchpoint.planning.plan": "records without behaviour",
    "batchpoint_runner.__main__": "calls main; every integration test starts it",
    "batchpoint_worker.__main__": "calls main; every integration test starts it",
    "batchpoint_runner.records": "records without behaviour",
    "batchpoint_runner.storage.base": "a Protocol; tests/contract runs every store through it",
}
"""Modules that have no test file of their own, and why."""

STANDARD_MODULES_HIDDEN_BY_A_FILE = {
    "operator",
    "types",
    "logging",
    "queue",
    "struct",
    "calendar",
    "secrets",
    "signal",
    "platform",
}
"""A file or folder of such a name, first on the path, hides a module that Python itself needs."""

YOUNGER_THAN_PYTHON_3_8 = {"graphlib", "tomllib", "zoneinfo"}
"""Standard modules that the oldest Python of user code does not have."""

OLDEST_PYTHON_OF_USER_CODE = (3, 8)

REGISTRY_HOSTS = re.compile(
    r"(pypi|pythonhosted|npmjs|golang|debian|ubuntu|docker|jfrog|artifactory|nexus)[a-z.-]*\.(org|com|io)/",
)
NAMED_BY_IMPORT_PATH = ("/go.mod", "/go.sum")
"""Files in which something like an address is the name of a package: Go's own begin with a host."""
INDEX_OPTIONS = re.compile(r"--(extra-)?index-url|--find-links|--trusted-host")

PLACES = ["/root", "/Users", *([str(ROOT)] if len(ROOT.parts) > 2 else [])]
"""Folders of people and of this checkout; one directly below ``/`` has too common a name to be looked for."""
PATHS_OF_A_MACHINE = re.compile(rf"(?<![\w.~$}}/-])({'|'.join(map(re.escape, PLACES))})/\w")

MODULES = repository.modules()


def test_standard_library_operator_is_untouched() -> None:
    """The source root of the same name must not hide the standard module."""
    assert Path(operator.__file__).parent == Path(re.__file__).parents[1]


def test_standard_library_operator_is_untouched_from_the_root() -> None:
    """Not even for a process that has the repository's root first on its path."""
    program = "import operator, collections; print(operator.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert operator.__file__ == found.stdout.strip()


@pytest.mark.parametrize("root", ["operator", "runner-image"])
def test_source_roots_hold_no_modules(root: str) -> None:
    """A source root holds packages, never a module of its own."""
    assert [] == sorted((ROOT / root).glob("*.py"))


def test_tests_are_no_packages() -> None:
    """Test folders have no __init__.py: the import mode finds each file by its path."""
    assert [] == [
        path for path in (ROOT / "tests").rglob("__init__.py") if "support" not in path.parts
    ]


def test_no_file_hides_a_standard_module() -> None:
    """No folder or module has the name of a standard module, except the one source root.

    The chart's templates are no Python, and Helm's users look for a folder named for the part.
    """
    relative = [path.relative_to(ROOT) for path in repository.files()]
    hiding = {
        str(path)
        for path in relative
        if path.parts[0] != "charts"
        for part in (*path.parts[1:-1], path.name.removesuffix(".py"))
        if part in STANDARD_MODULES_HIDDEN_BY_A_FILE
    }
    assert set() == hiding


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_mirror(module: str) -> None:
    """The test of a module stands at the mirrored path, so that nobody has to search."""
    if module in WITHOUT_MIRROR or _holds_only_words(MODULES[module]):
        return
    *folders, name = module.split(".")
    if not folders:
        folders, name = [module], "init"
    mirror = ROOT.joinpath("tests", "unit", *folders, f"test_{name.strip('_')}.py")
    assert mirror.exists(), f"{module} has no test at {mirror.relative_to(ROOT)}"


def test_modules_without_mirror_exist() -> None:
    """The list of exceptions names nothing that is gone."""
    assert set() == WITHOUT_MIRROR.keys() - MODULES.keys()


def test_every_mirror_has_its_module() -> None:
    """No test file is left of a module that is gone or was renamed."""
    stale = []
    for package in PACKAGES:
        folder = ROOT / "tests" / "unit" / package
        for path in folder.rglob("test_*.py"):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            name = ".".join((*parts[:-1], parts[-1].removeprefix("test_")))
            candidates = {name, name.replace(".main", ".__main__"), name.removesuffix(".init")}
            if not candidates & MODULES.keys():
                stale.append(str(path.relative_to(ROOT)))
    assert [] == stale


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module: str) -> None:
    """A module opens with its responsibility."""
    assert ast.get_docstring(_parsed(MODULES[module]))


def test_every_module_is_named_by_an_import_contract() -> None:
    """No module may import what it likes."""
    named = set(_names_in_contracts())
    free = [
        module
        for module in MODULES
        if not any(module == name or module.startswith(f"{name}.") for name in named)
    ]
    assert [] == free


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name.startswith("batchpoint_worker")]
)
def test_worker_host_imports_only_the_standard_library(module: str) -> None:
    """It runs in the user's Python, where nothing of ours and nothing else may be expected."""
    allowed = sys.stdlib_module_names - YOUNGER_THAN_PYTHON_3_8 | {"batchpoint_worker"}
    imported = {name.split(".")[0] for name in _imported_at_once(_parsed(MODULES[module]))}
    assert set() == imported - allowed


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name.startswith("batchpoint_worker")]
)
def test_worker_host_is_written_for_the_oldest_python(module: str) -> None:
    """Its syntax is that of the oldest Python that user code may have."""
    source = MODULES[module].read_text()
    ast.parse(source, feature_version=OLDEST_PYTHON_OF_USER_CODE)


@pytest.mark.parametrize("folder", ["crds", "charts/batchpoint/files/crds"])
def test_custom_resource_definitions_are_fresh(folder: str) -> None:
    """What is committed, the chart's copy too, is what the models say; `make crds` writes it."""
    committed = {path.name: path.read_text() for path in (ROOT / folder).glob("*.yaml")}
    assert crd.render() == committed


def test_no_address_of_a_package_registry_is_committed() -> None:
    """Locks hold versions and hashes; where packages come from is everybody's own business."""
    holding = [
        name
        for name, text in repository.texts().items()
        if (REGISTRY_HOSTS.search(text) and not name.endswith(NAMED_BY_IMPORT_PATH))
        or (name.startswith("requirements/") and INDEX_OPTIONS.search(text))
        or (name.startswith("requirements/") and "://" in text)
    ]
    assert [] == holding


def test_no_path_of_a_machine_is_committed() -> None:
    """Nothing depends on where somebody's checkout lies."""
    here = Path(__file__).resolve().relative_to(ROOT)
    found = [
        f"{name}: {match[0]}"
        for name, text in repository.texts().items()
        if name != str(here)
        for match in PATHS_OF_A_MACHINE.finditer(text)
    ]
    assert [] == found


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _holds_only_words(path: Path) -> bool:
    """Whether a module is a docstring, constants of plain text and nothing that could be wrong."""
    if path.name != "__init__.py":
        return False
    return all(
        isinstance(node, ast.Expr | ast.Assign | ast.ImportFrom) for node in _parsed(path).body
    )


def _imported_at_once(node: ast.AST) -> Iterator[str]:
    """Yield names of modules that are imported when the module is, not later inside functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.level == 0:
            yield child.module or ""
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _imported_at_once(child)


def _names_in_contracts() -> Iterator[str]:
    """Yield packages and modules whose imports some contract restricts."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for contract in settings["tool"]["importlinter"]["contracts"]:
        yield from (name.removesuffix(".**") for name in contract.get("source_modules", ()))
        for container in contract.get("containers", ()):
            yield container
            for layer in contract["layers"]:
                yield from (f"{container}.{name.strip(' ()')}" for name in re.split(r"[|:]", layer))
