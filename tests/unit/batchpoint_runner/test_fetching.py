"""Model and code arrive once, whole, under the names that scripts rely on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from batchpoint_runner.contract import CodeSpec, ModelSpec, ModelType
from batchpoint_runner.errors import AccessDenied, ContractError, StorageUnavailable
from batchpoint_runner.fetching import fetch_code, fetch_model
from batchpoint_runner.registry import Registry
from batchpoint_runner.storage.memory import MemoryStore
from batchpoint_runner.storage.urls import Location


@pytest.fixture
def store() -> MemoryStore:
    """A store with a model folder, a model file and code."""
    store = MemoryStore()
    store.fill(
        {
            "models/forest/MLmodel": b"flavors",
            "models/forest/data/model.pkl": b"trees",
            "models/single.pkl": b"one",
            "code/score.py": b"def run(batch): ...",
            "code/lib/helper.py": b"",
        }
    )
    return store


def _locate(store: MemoryStore) -> Callable[[str], Location]:
    return lambda uri: Location(store=store, path=uri.removeprefix("s3://b/"), uri=uri)


def _no_registry() -> Registry:
    raise AssertionError("nothing here needs a registry")


def _fetch(store: MemoryStore, uri: str, target: Path) -> Path:
    spec = ModelSpec(uri=uri, type=ModelType.CUSTOM)
    return fetch_model(spec, _locate(store), target, _no_registry).path


def _tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_model_folder_is_the_one_entry(store: MemoryStore, tmp_path: Path) -> None:
    """Named by the last segment of its URI, with everything below it."""
    found = _fetch(store, "s3://b/models/forest", tmp_path / "model")
    assert tmp_path / "model" / "forest" == found
    expected = {"forest/MLmodel": b"flavors", "forest/data/model.pkl": b"trees"}
    assert expected == _tree(tmp_path / "model")


def test_a_model_file_is_the_one_entry(store: MemoryStore, tmp_path: Path) -> None:
    """It lies directly in the folder."""
    assert tmp_path / "model/single.pkl" == _fetch(
        store, "s3://b/models/single.pkl", tmp_path / "model"
    )
    assert {"single.pkl": b"one"} == _tree(tmp_path / "model")


def test_a_finished_fetch_is_not_repeated(store: MemoryStore, tmp_path: Path) -> None:
    """A runner that restarts in place asks the store nothing and touches nothing."""
    first = _fetch(store, "s3://b/models/forest", tmp_path / "model")
    calls = dict(store.calls)
    assert first == _fetch(store, "s3://b/models/forest", tmp_path / "model")
    assert calls == dict(store.calls)


def test_an_interrupted_fetch_starts_again(store: MemoryStore, tmp_path: Path) -> None:
    """What a crash left, halfway or complete but unmarked, is replaced."""
    store.fail("download", "*model.pkl")
    with pytest.raises(StorageUnavailable):
        _fetch(store, "s3://b/models/forest", tmp_path / "model")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "stale.pkl").write_text("old")
    _fetch(store, "s3://b/models/forest", tmp_path / "model")
    assert {"forest/MLmodel", "forest/data/model.pkl"} == set(_tree(tmp_path / "model"))
    assert ["model", "model.fetched.json"] == sorted(entry.name for entry in tmp_path.iterdir())


def test_another_model_replaces_the_first(store: MemoryStore, tmp_path: Path) -> None:
    """The marker names what was fetched."""
    _fetch(store, "s3://b/models/forest", tmp_path / "model")
    _fetch(store, "s3://b/models/single.pkl", tmp_path / "model")
    assert {"single.pkl": b"one"} == _tree(tmp_path / "model")


def test_a_model_in_the_image_is_not_fetched(store: MemoryStore, tmp_path: Path) -> None:
    """Its path is the scorer's."""
    assert Path("/opt/model") == _fetch(store, "image:///opt/model", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_pinned_version_is_fetched_without_asking_again(
    store: MemoryStore, tmp_path: Path
) -> None:
    """An alias that moves during a job does not give its instances different models."""
    found = fetch_model(
        ModelSpec(uri="models:/forest@champion", type=ModelType.MLFLOW),
        _locate(store),
        tmp_path / "model",
        lambda: Registry(address="http://127.0.0.1:1"),
        pinned="s3://b/models/forest",
    )
    assert (tmp_path / "model" / "model", "s3://b/models/forest") == (found.path, found.uri)
    assert {"model/MLmodel", "model/data/model.pkl"} == set(_tree(tmp_path / "model"))


def test_a_missing_model_says_what_is_there(store: MemoryStore, tmp_path: Path) -> None:
    """Names beside it."""
    with pytest.raises(ContractError) as caught:
        _fetch(store, "s3://b/models/forset", tmp_path / "model")
    assert caught.value.message == (
        "There is no model at s3://b/models/forset. Beside it there is: forest/, single.pkl. Correct its "
        "URI."
    )
    assert "ModelNotFound" == caught.value.reason


def test_missing_rights_are_named(store: MemoryStore, tmp_path: Path) -> None:
    """With the store's own words."""

    def deny(verb: str, path: str) -> None:
        raise AccessDenied("The server answered 403.", store="s", path=path, operation=verb)

    store.before = deny
    with pytest.raises(ContractError, match=r"cannot be read\. The server answered 403"):
        _fetch(store, "s3://b/models/forest", tmp_path / "model")


def test_a_name_that_leads_out_is_refused(store: MemoryStore, tmp_path: Path) -> None:
    """Objects may be called so; files must not be written there."""
    store.fill({"models/bad/../../../x": b"1"})
    with pytest.raises(ContractError, match="leads out"):
        _fetch(store, "s3://b/models/bad", tmp_path / "model")


def test_a_file_that_is_also_a_folder_is_named(store: MemoryStore, tmp_path: Path) -> None:
    """No disk holds both."""
    store.fill({"models/odd/a": b"1", "models/odd/a/b": b"2"})
    with pytest.raises(ContractError, match="a file and a folder of the same name"):
        _fetch(store, "s3://b/models/odd", tmp_path / "model")


def _code(uri: str = "s3://b/code", script: str = "score.py") -> CodeSpec:
    return CodeSpec(uri=uri, scoring_script=script)


def test_code_is_the_folders_content(store: MemoryStore, tmp_path: Path) -> None:
    """Without a folder of its own between; fetched once."""
    found = fetch_code(_code(), _locate(store), tmp_path / "code")
    assert tmp_path / "code" == found.path
    assert {"score.py", "lib/helper.py"} == set(_tree(tmp_path / "code"))
    calls = dict(store.calls)
    fetch_code(_code(), _locate(store), tmp_path / "code")
    assert calls == dict(store.calls)


def test_code_may_be_one_file(store: MemoryStore, tmp_path: Path) -> None:
    """Then the folder holds that file."""
    fetch_code(_code("s3://b/code/score.py"), _locate(store), tmp_path / "code")
    assert {"score.py"} == set(_tree(tmp_path / "code"))


def test_a_missing_script_says_which_files_there_are(store: MemoryStore, tmp_path: Path) -> None:
    """Before any worker starts."""
    with pytest.raises(
        ContractError, match=r"'main.py' is not in .* it holds: lib, score.py\."
    ) as e:
        fetch_code(_code(script="main.py"), _locate(store), tmp_path / "code")
    assert "ScriptNotFound" == e.value.reason


def test_missing_code_is_named(store: MemoryStore, tmp_path: Path) -> None:
    """As code, not as a model."""
    with pytest.raises(ContractError, match="There is no code at s3://b/cod"):
        fetch_code(_code("s3://b/cod"), _locate(store), tmp_path / "code")


def test_code_in_the_image_is_not_fetched(store: MemoryStore, tmp_path: Path) -> None:
    """Its path is the scorer's."""
    spec = CodeSpec(path="/opt/code", scoring_script="score.py")
    assert Path("/opt/code") == fetch_code(spec, _locate(store), tmp_path / "code").path
