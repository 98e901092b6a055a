"""YAML for generated files."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from batchpoint.api import yaml_text

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=200)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_what_is_written_is_read_back(value: object) -> None:
    """By a YAML reader that knows nothing of this writer."""
    assert value == yaml.safe_load(yaml_text.dump(value))


def test_words_that_mean_something_else_are_quoted() -> None:
    """YAML 1.1 takes them for truth values."""
    assert 'a: "yes"\nb: "no"\nc: "1"\n' == yaml_text.dump({"a": "yes", "b": "no", "c": "1"})


def test_prose_is_folded() -> None:
    """Long descriptions stay readable, and are the same sentence when read back."""
    text = "many words " * 30 + "end"
    written = yaml_text.dump({"description": text})
    assert written.startswith("description: >-\n  many")
    assert max(len(line) for line in written.splitlines()) <= 96
    assert {"description": text} == yaml.safe_load(written)


def test_lists_of_maps_stand_at_the_depth_of_their_key() -> None:
    """As in the manifests of Kubernetes."""
    assert "a:\n- b: 1\n  c:\n  - x\n- {}\n" == yaml_text.dump({"a": [{"b": 1, "c": ["x"]}, {}]})
