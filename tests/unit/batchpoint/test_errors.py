"""The control plane's errors."""

from __future__ import annotations

from batchpoint import errors


def test_only_what_may_pass_by_itself_is_retryable() -> None:
    """Errors that a person must act on are not tried again."""
    tree = {
        cls.__name__
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, errors.BatchpointError) and cls.retryable
    }
    assert {"NotReady", "Conflict", "AlreadyExists", "Unavailable"} == tree


def test_a_spec_error_names_its_field() -> None:
    """People read where to edit before what is wrong."""
    error = errors.SpecError("OutputMissing", "spec.output.uri", "missing. Set it.")
    assert "spec.output.uri: missing. Set it." == str(error)
    assert "OutputMissing" == error.reason


def test_an_error_of_the_whole_object_has_no_field() -> None:
    """No colon stands before the message then."""
    assert "wrong." == str(errors.SpecError("SpecInvalid", "", "wrong."))


def test_cluster_errors_carry_what_was_tried() -> None:
    """Verb, kind and name are fields, not only words."""
    error = errors.Conflict("changed meanwhile.", verb="patch", kind="BatchJob", name="ns/first")
    assert ("patch", "BatchJob", "ns/first") == (error.verb, error.kind, error.name)


def test_not_ready_says_when_to_look_again() -> None:
    """In seconds."""
    assert 5.0 == errors.NotReady("the model is being registered.", after_seconds=5.0).after_seconds
