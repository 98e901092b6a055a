"""A datastore for trying things out is a Secret that the operator and the runner understand."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchpoint.api import meta
from batchpoint_runner.storage.urls import locate
from cluster import datastores
from cluster.errors import Unavailable


def test_the_secret_has_the_name_and_label_that_jobs_look_for() -> None:
    """By the rules of the project, which this module only repeats."""
    found = datastores.secret("demo", "team")
    assert {
        "name": meta.datastore_secret_name("demo"),
        "namespace": "team",
        "labels": {meta.DATASTORE_LABEL: "demo"},
    } == found["metadata"]


def test_the_secret_is_a_datastore_of_the_runner(tmp_path: Path) -> None:
    """Mounted as files, it opens."""
    entries = datastores.secret("demo", "team")["stringData"]
    assert isinstance(entries, dict)
    (tmp_path / "demo").mkdir()
    for name, text in entries.items():
        (tmp_path / "demo" / name).write_text(text)
    assert "team/datastores/demo/images" == locate("datastore://demo/images", tmp_path).path


def test_namespaces_do_not_share_files() -> None:
    """Two people can try the same example."""
    one, other = (datastores.secret("demo", name)["stringData"] for name in ("ada", "eric"))
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    assert one["uri"] != other["uri"]


def test_an_empty_folder_removes_nothing(tmp_path: Path) -> None:
    """A mistyped folder is told before the datastore is emptied."""
    with pytest.raises(Unavailable, match="There are no files in"):
        datastores.put("demo", tmp_path / "mistyped", "team")


def test_without_a_cluster_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In words, with the command that starts one."""
    monkeypatch.setenv("BATCHPOINT_CLUSTER_DIR", str(tmp_path))
    with pytest.raises(Unavailable, match="make cluster-up"):
        datastores.get("demo", "predictions.csv", "team")
