"""The three kinds."""

from __future__ import annotations

from batchpoint.api.kinds import KINDS


def test_a_kind_is_known_by_its_name() -> None:
    """Name, default of ``kind`` and class are the same word."""
    for name, model in KINDS.items():
        assert (name, name) == (model.__name__, model.model_fields["kind"].default)
        assert "batchpoint.dev/v1alpha1" == model.model_fields["api_version"].default


def test_short_names_and_columns_are_those_of_the_design() -> None:
    """DESIGN §3; the columns of jobs are those of KUBERNETES.md §9."""
    assert ["bep", "bdep", "bj"] == [model.definition.short_name for model in KINDS.values()]
    columns = KINDS["BatchJob"].definition.columns
    assert ["Phase", "Endpoint", "Deployment", "Progress", "Failed", "Age"] == [
        column.name for column in columns if not column.wide
    ]
    assert ["Instances", "Started", "Finished", "Reason"] == [
        column.name for column in columns if column.wide
    ]
