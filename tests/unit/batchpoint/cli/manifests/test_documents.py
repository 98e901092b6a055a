"""YAML text becomes plain data with lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint.cli.manifests import documents
from batchpoint.cli.manifests.documents import Document
from batchpoint.cli.manifests.reading import Source


def _parse(text: str, file: str = "a.yaml") -> tuple[list[Document], list[str]]:
    found, faults = documents.parse(Source(file=file, text=text, named=True))
    return found, [str(fault) for fault in faults]


def _value(text: str) -> Any:
    (document,), faults = _parse(text)
    assert [] == faults
    return document.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", 1),
        ("a: -0x1F", -31),
        ("a: 0o17", 15),
        ("a: 017", 15),
        ("a: 0", 0),
        ("a: 1_000", 1000),
        ("a: 1.5", 1.5),
        ("a: 1e3", 1000.0),
        ("a: yes", True),
        ("a: Off", False),
        ("a: yEs", "yEs"),
        ("a: ~", None),
        ("a:", None),
        ("a: ''", ""),
        ("a: '1'", "1"),
        ('a: "yes"', "yes"),
        ("a: !!str 1", "1"),
        ("a: 2026-11-20", "2026-11-20"),
        ("a: 2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z"),
        ("a: 1:30", "1:30"),
        ("a: |\n  1\n", "1\n"),
        ("a: 1.2.3", "1.2.3"),
    ],
)
def test_scalars_mean_what_kubernetes_takes_them_for(text: str, value: object) -> None:
    """Times and clock readings stay text; old spellings of truth are truth."""
    got = _value(text)["a"]
    assert (value, type(value)) == (got, type(got))


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abc$/. ", max_size=4), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), _JSON, min_size=1, max_size=3))
def test_json_is_read_as_json(value: dict[str, Any]) -> None:
    """Indented with tabs too, which YAML alone would refuse."""
    (document,), faults = _parse(json.dumps(value, indent="\t"), "a.json")
    assert ([], value) == (faults, document.value)


def test_every_field_knows_its_line() -> None:
    """Through documents, lists, flow style and comments."""
    text = "# first\na:\n  b: 1\n---\n\nc:\n- d: 2\n- {e: 3,\n   f: 4}\n"
    one, two = _parse(text)[0]
    assert (2, 3) == (one.line_of(("a",)), one.line_of(("a", "b")))
    assert (6, 7, 8, 9) == (
        two.line_of(("c",)),
        two.line_of(("c", 0, "d")),
        two.line_of(("c", 1, "e")),
        two.line_of(("c", 1, "f")),
    )


def test_the_line_of_what_is_not_there_is_that_of_what_is_around_it() -> None:
    """A missing field is told where it should stand."""
    (document,) = _parse("a: 1\nspec:\n  b: 1\n")[0]
    assert (2, 1) == (document.line_of(("spec", "input", "uri")), document.line_of(("x",)))


def test_empty_documents_are_nothing() -> None:
    """Comments and separators alone."""
    assert ([], []) == _parse("---\n# nothing\n---\n...\n")


def test_a_key_given_twice_is_told_with_both_lines() -> None:
    """The first value is kept, so that the rest can be checked."""
    (document,), faults = _parse("kind: A\nmetadata: {name: n}\nspec:\n  a: 1\n  a: 2\n")
    assert ["a.yaml:5: A/n spec.a: given twice, first on line 4; must be given once"] == faults
    assert {"a": 1} == document.value["spec"]


def test_aliases_and_merged_maps_are_unfolded() -> None:
    """Own keys win over merged ones, earlier maps over later ones."""
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  a: 3\nw: *x\n"
    value = _value(text)
    assert {"a": 3, "b": 1, "c": 2} == value["z"]
    assert {"a": 1, "b": 1} == value["w"]


def test_aliases_that_stand_for_billions_are_refused() -> None:
    """A few lines, and no memory would be enough."""
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"] + [
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)
    ]
    _, faults = _parse("\n".join(lines))
    assert 1 == len(faults)
    assert "more than 100000 values; must be YAML or JSON documents" in faults[0]


def test_deep_nesting_is_refused() -> None:
    """In words, not with the interpreter's own error."""
    _, faults = _parse("[" * 5000)
    assert ["a.yaml: nested too deeply; must be YAML or JSON documents"] == faults


def test_documents_before_a_fault_of_syntax_are_kept() -> None:
    """Their own faults are told as well."""
    found, faults = _parse("a: 1\n---\nb: [\n---\nc: 1\n")
    assert [{"a": 1}] == [document.value for document in found]
    assert 1 == len(faults)


@pytest.mark.parametrize("text", ["a: \x00", "a: *x", "a: &", "\ta: 1", "{a: 1", "a: b: c", "%X\n"])
def test_broken_yaml_is_told_and_never_raises(text: str) -> None:
    """One line."""
    _, faults = _parse(text)
    assert 1 == len(faults)
    assert "\n" not in faults[0]
    assert faults[0].startswith("a.yaml")


def test_a_list_of_kubernetes_is_its_items() -> None:
    """With their paths inside the document."""
    (document,) = _parse("apiVersion: v1\nkind: List\nitems:\n- {a: 1}\n- {b: 2}\n")[0]
    assert [(("items", 0), {"a": 1}), (("items", 1), {"b": 2})] == list(
        documents.unfolded(document)
    )
