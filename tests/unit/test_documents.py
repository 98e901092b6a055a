"""What README and docs say holds: links, blocks, manifests, tables and the lists of codes."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

import pytest
import yaml

from batchpoint.api import meta, parsing
from batchpoint.api.kinds import KINDS
from batchpoint.api.reasons import Reason
from batchpoint_runner import contract, errors
from support import documents, repository
from support.documents import Block
from support.repository import ROOT

PAGES = documents.pages()
BLOCKS = [block for page in PAGES for block in documents.blocks(page)]
CONSOLES = [block for block in BLOCKS if block.language == "console"]
FENCE = "`" * 3


def pythons() -> list[Block]:
    """Return all blocks of Python."""
    return [block for block in BLOCKS if block.language == "python"]


def tables() -> ModuleType:
    """Return the program that writes the tables of docs/."""
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("block", CONSOLES, ids=str)
def test_console_blocks_are_run_or_say_why_not(block: Block) -> None:
    """A command that nobody runs will be wrong one day."""
    assert block.exit_code is not None or block.runs_in_cluster or block.reason_not_to_run


@pytest.mark.parametrize("block", CONSOLES, ids=str)
def test_console_blocks_begin_with_a_prompt(block: Block) -> None:
    """What is typed can be told from what is printed."""
    assert block.text.startswith("$ ")


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_names_its_language(block: Block) -> None:
    """So that no block slips past the tests that look for a language."""
    assert block.language in {"console", "python", "yaml", "text"}


@pytest.mark.parametrize("block", pythons(), ids=str)
def test_python_blocks_compile(block: Block) -> None:
    """In the syntax of the oldest Python that user code may have."""
    ast.parse(block.text, feature_version=(3, 8))


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "yaml"], ids=str)
def test_manifests_are_valid(block: Block) -> None:
    """Every object of ours in the documentation is one that users may apply."""
    for manifest in yaml.safe_load_all(block.text):
        if str(manifest.get("apiVersion", "")).startswith(meta.GROUP):
            parsing.parse(KINDS[manifest["kind"]], manifest)


@pytest.mark.parametrize("block", documents.blocks(ROOT / "README.md"), ids=str)
def test_example_of_the_readme_is_that_of_the_quickstart(block: Block) -> None:
    """The first example that people see is the one that a test executes."""
    if block.language in {"python", "yaml"}:
        quickstart = documents.blocks(ROOT / "docs" / "quickstart.md")
        assert block.text in {other.text for other in quickstart}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link inside the project has a file, and its anchor a heading."""
    broken = []
    for link in documents.links(page.read_text()):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if "://" in link:
            continue
        if not target.exists() or (anchor and anchor not in documents.anchors(target.read_text())):
            broken.append(link)
    assert [] == broken


def test_every_page_is_reached_from_the_readme() -> None:
    """No page can only be found by those who know that it is there."""
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [
            (page.parent / link.partition("#")[0]).resolve()
            for link in documents.links(page.read_text())
            if "://" not in link and not link.startswith("#")
        ]
    assert set(PAGES) == reached


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_tables_are_fresh(page: Path) -> None:
    """Tables that are made from the code are what the code says; `make docs` writes them."""
    text = page.read_text()
    assert tables().rewritten(text) == text


def test_every_exit_code_is_explained() -> None:
    """Whoever sees a code finds it in the table."""
    page = (ROOT / "docs" / "failures.md").read_text()
    assert [] == [code for code in contract.ExitCode if f"\n| {code} | " not in page]


def test_every_reason_is_explained() -> None:
    """Whoever sees a reason finds it in the table."""
    page = (ROOT / "docs" / "failures.md").read_text()
    assert [] == sorted(reason for reason in reasons() if f"`{reason}`" not in page)


def test_every_reason_of_the_cluster_has_advice() -> None:
    """Whoever sees one in a status finds what to do about it, not only what it means."""
    page = (ROOT / "docs" / "failures.md").read_text()
    advice = page.partition("### What to do about them\n")[2].partition("\n## ")[0]
    first_cells = " ".join(line.split(" | ")[0] for line in advice.splitlines())
    assert sorted(Reason) == sorted(re.findall(r"`(\w+)`", first_cells))


def reasons() -> set[str]:
    """Return the reasons that a runner may give, as its sources hold them."""
    found = {
        name.default_reason
        for name in vars(errors).values()
        if isinstance(name, type) and issubclass(name, errors.RunnerError)
    }
    for name, path in repository.modules().items():
        if name.startswith("batchpoint_runner"):
            found |= {
                node.value.value
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.keyword)
                and node.arg == "reason"
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            }
    return found


def test_every_type_of_a_failed_file_is_explained() -> None:
    """Whoever finds a type of ours in the failures file finds it in the table."""
    page = (ROOT / "docs" / "failures.md").read_text()
    assert [] == sorted(kind for kind in failure_types() if f"`{kind}`" not in page)


def failure_types() -> set[str]:
    """Return the types that runner and worker host give to failures, as their sources hold them."""
    found: set[object] = set()
    for name, path in repository.modules().items():
        if not name.startswith(("batchpoint_runner", "batchpoint_worker")):
            continue
        module = ast.parse(path.read_text())
        given = [node.value for node in module.body if isinstance(node, ast.Assign)]
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                given += [word.value for word in node.keywords if word.arg == "type"]
                if isinstance(node.func, ast.Attribute) and node.func.attr == "error":
                    given += node.args[:1]
        found |= {each.value for each in given if isinstance(each, ast.Constant)}
    return {kind for kind in found if is_constant_for_programs(kind)}


def is_constant_for_programs(value: object) -> TypeGuard[str]:
    """Say whether a value is one like ``ShortResult``: of two words at least."""
    return isinstance(value, str) and bool(re.fullmatch(r"([A-Z][a-z]+){2,}", value))


def test_blocks_are_found_with_their_markers() -> None:
    """The finder sees the marker right above a block, and no other comment."""
    text = (
        f"<!-- run, exits with 11 -->\n{FENCE}console\n$ false\n{FENCE}\n\n"
        f"<!-- far away -->\n\n{FENCE}text\nx\n{FENCE}\n"
    )
    first, second = documents.blocks(ROOT / "x.md", text)
    assert (2, 11, "$ false\n") == (first.line, first.exit_code, first.text)
    assert (8, None, "") == (second.line, second.exit_code, second.marker)


def test_commands_are_told_from_their_output() -> None:
    """A line with a prompt is a command; the lines below are what it prints."""
    text = f"{FENCE}console\n$ echo a\na\n$ true\n{FENCE}\n"
    found = documents.commands(documents.blocks(ROOT / "x.md", text)[0])
    assert [("echo a", "a\n"), ("true", "")] == [(each.text, each.expected) for each in found]


@pytest.mark.parametrize(
    ("expected", "output", "verdict"),
    [
        pytest.param("a\n…\nc\n", "a\nb\nb\nc\n", True, id="any lines between"),
        pytest.param("a\n…", "a\nb\n", True, id="any lines at the end"),
        pytest.param("took … s", "took 1.2 s", True, id="any word"),
        pytest.param("a\n", "b\n", False, id="another line"),
        pytest.param("a\n", "a\nb\n", False, id="a line too many"),
    ],
)
def test_output_matches_with_gaps(expected: str, output: str, verdict: bool) -> None:
    """An ellipsis stands for anything; everything else must be there."""
    assert verdict == documents.matches(expected, output)
