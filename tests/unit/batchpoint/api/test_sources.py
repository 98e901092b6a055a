"""Models, code, inputs and outputs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from batchpoint.api.sources import Code, CodeConfiguration, Input
from batchpoint_runner.contract import InputType


@pytest.mark.parametrize(
    "given", [{"uri": "s3://b/c"}, {"config_map": "c"}, {"image_path": "/opt/code"}]
)
def test_code_has_one_source(given: dict[str, str]) -> None:
    """Any of the three."""
    assert given == Code(**given).model_dump(exclude_none=True)


@pytest.mark.parametrize("given", [{}, {"uri": "s3://b/c", "config_map": "c"}])
def test_code_has_not_two_sources_nor_none(given: dict[str, str]) -> None:
    """Exactly one."""
    with pytest.raises(ValidationError, match="exactly one of"):
        Code(**given)


def test_a_script_may_lie_in_a_folder_of_a_store() -> None:
    """But not of a config map, which has none."""
    script = "src/score.py"
    assert (
        script == CodeConfiguration(code=Code(uri="s3://b/c"), scoring_script=script).scoring_script
    )
    with pytest.raises(ValidationError, match="no folders"):
        CodeConfiguration(code=Code(config_map="c"), scoring_script=script)


def test_a_folder_is_the_default_input() -> None:
    """All files below it, recursively."""
    given = Input(uri="s3://b/in")
    assert (InputType.FOLDER, (), (), True) == (
        given.type,
        given.include,
        given.exclude,
        given.recursive,
    )


def test_one_public_file_may_be_an_input() -> None:
    """A folder over plain HTTP cannot be listed."""
    assert InputType.FILE is Input(uri="https://h/a.csv", type=InputType.FILE).type
    with pytest.raises(ValidationError, match="cannot list a folder"):
        Input(uri="https://h/a/")
