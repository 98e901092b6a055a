"""Faults as lines."""

from __future__ import annotations

from batchpoint.cli.manifests.faulty import ManifestFault, ManifestsInvalid


def test_a_fault_is_one_line() -> None:
    """Editors jump to what stands before the first blank."""
    fault = ManifestFault(
        file="a.yaml", line=3, subject="BatchJob/j", field="spec.x", found="0", allowed="must be 1"
    )
    assert "a.yaml:3: BatchJob/j spec.x: 0; must be 1" == str(fault)


def test_a_fault_of_a_whole_file_has_no_line() -> None:
    """Nor an object."""
    fault = ManifestFault(file="a.yaml", line=0, found="not UTF-8 text", allowed="must be YAML")
    assert "a.yaml: not UTF-8 text; must be YAML" == str(fault)


def test_faults_are_told_in_the_order_of_files_and_lines() -> None:
    """Whatever the order in which they were found; line 9 comes before line 10."""
    faults = [
        ManifestFault(file=file, line=line, found="x", allowed="y")
        for file, line in (("b.yaml", 1), ("a.yaml", 10), ("a.yaml", 9))
    ]
    assert "a.yaml:9: x; y\na.yaml:10: x; y\nb.yaml:1: x; y" == ManifestsInvalid(faults).message
