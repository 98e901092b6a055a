"""From the model folder to a scorer, or a sentence that says why not."""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from batchpoint_worker import faults, mlflow_driver
from batchpoint_worker.mlflow_driver import loading
from support.mlflow_models import Models, columns, setup_of


def copied(model: Path, target: Path, **changes: tuple[str, str]) -> Path:
    """Copy a model directory, replacing text in files of the model (``MLmodel=("old", "new")``)."""
    shutil.copytree(model, target)
    for name, (old, new) in changes.items():
        path = target / "model" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
    return target


def refused(directory: Path | str | None) -> faults.Unusable:
    """Load a directory that cannot be loaded."""
    with pytest.raises(faults.Unusable) as caught:
        mlflow_driver.load(setup_of(directory))
    return caught.value


@pytest.mark.parametrize("form", ["one entry", "the folder itself", "one level deeper"])
def test_the_model_is_found_in_each_form(linear: Path, tmp_path: Path, form: str) -> None:
    """A logged model has its files in `artifacts`; a one-folder model lies there directly."""
    places = {"one entry": "model", "the folder itself": "", "one level deeper": "m-1/artifacts"}
    target = tmp_path / "dir" / places[form]
    shutil.copytree(linear / "model", target)
    assert str(target).rstrip("/") == loading.find(str(tmp_path / "dir"))
    assert mlflow_driver.load(setup_of(tmp_path / "dir")) is not None


@pytest.mark.parametrize("directory", [None, "/nowhere"])
def test_no_model_is_a_wrong_configuration(directory: str | None) -> None:
    """There is nothing to score with."""
    found = refused(directory)
    assert (14, "ModelMissing") == (found.code, found.reason)
    assert "set model.uri" in found.message


def test_a_folder_without_a_description_is_no_model(tmp_path: Path) -> None:
    """What is there instead is named."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.pkl").touch()
    found = refused(tmp_path)
    assert (14, "NotAnMLflowModel") == (found.code, found.reason)
    assert (
        "The model is no MLflow model: it has no file MLmodel (there: model.pkl). Point model.uri at the "
        "folder that holds it, or score the model with a script."
    ) == found.message


def test_a_missing_package_is_named(linear: Path, tmp_path: Path) -> None:
    """With the version that the model asks for."""
    model = copied(
        linear,
        tmp_path / "m",
        MLmodel=("loader_module: mlflow.sklearn", "loader_module: lightgbm.mlflow"),
        **{"requirements.txt": ("mlflow", "lightgbm==4.5.0")},
    )
    found = refused(model)
    assert (10, "ModelUnloadable") == (found.code, found.reason)
    assert (
        'The model cannot be loaded: the package "lightgbm" is not in the image (the model asks for '
        "lightgbm 4.5.0). Add it to the image, or to environment.pip of the deployment."
    ) == found.message
    assert found.error is not None
    assert "ModuleNotFoundError" == found.error["type"]


def test_a_missing_mlflow_is_named(linear: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images for scripts often lack it."""
    monkeypatch.setitem(sys.modules, "mlflow.pyfunc", None)
    found = refused(linear)
    assert (10, "ModelUnloadable") == (found.code, found.reason)
    assert 'the package "mlflow" is not in the image' in found.message


@pytest.mark.parametrize(
    ("spoil", "code", "reason", "message"),
    [
        (
            lambda model: (model / "model.pkl").write_bytes(b"no pickle"),
            10,
            "ModelUnloadable",
            "The model cannot be loaded: UnpicklingError",
        ),
        (
            lambda model: (model / "model.pkl").unlink(),
            10,
            "ModelUnloadable",
            "The model cannot be loaded: FileNotFoundError",
        ),
        (
            lambda model: (model / "MLmodel").write_text("flavors: {sklearn: {}}"),
            10,
            "ModelUnloadable",
            'Model does not have the "python_function" flavor',
        ),
        (
            lambda model: (model / "MLmodel").write_text("["),
            10,
            "ModelUnloadable",
            ' in "MLmodel", line 1, column 2.',
        ),
    ],
    ids=["pickle", "file", "flavour", "description"],
)
def test_a_broken_model_is_described(
    linear: Path,
    tmp_path: Path,
    spoil: Callable[[Path], object],
    code: int,
    reason: str,
    message: str,
) -> None:
    """In the words of what failed."""
    model = copied(linear, tmp_path / "m")
    spoil(model / "model")
    found = refused(model)
    assert (code, reason) == (found.code, found.reason)
    assert message in found.message


def test_what_differs_is_told_when_a_model_does_not_load(linear: Path, tmp_path: Path) -> None:
    """It is the likely reason."""
    model = copied(linear, tmp_path / "m", **{"requirements.txt": ("mlflow", "scikit-learn==0.1")})
    (model / "model" / "model.pkl").write_bytes(b"no pickle")
    assert "The model asks for scikit-learn 0.1, the image has " in refused(model).message


def test_a_signature_that_cannot_be_read_is_a_wrong_configuration(
    linear: Path, tmp_path: Path
) -> None:
    """It is not ignored: what it would have refused would be scored."""
    model = copied(linear, tmp_path / "m", MLmodel=('"type": "double"', '"type": "quadruple"'))
    found = refused(model)
    assert found.code in (10, 14)
    assert "quadruple" in found.message


def test_notes_tell_what_differs_and_what_is_missing(models: Models) -> None:
    """One sentence each."""
    model = models.python(len, pip_requirements=["mlflow", "numpy==0.1"])
    notes = mlflow_driver.load(setup_of(model)).notes
    assert 1 == sum(note.startswith("The model has no signature: ") for note in notes)
    assert 1 == sum(
        note.startswith("The model asks for numpy 0.1, the image has ") for note in notes
    )


def test_a_model_that_fits_has_no_notes_of_its_own(models: Models) -> None:
    """But for byte code, which is the image's business."""
    model = models.python(len, columns(a="double"))
    assert [] == [
        note for note in mlflow_driver.load(setup_of(model)).notes if "byte code" not in note
    ]


def test_beginning_without_mlflow_leaves_the_explanation_to_loading(
    linear: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And garbage is looked for again afterwards."""
    monkeypatch.setitem(sys.modules, "mlflow.pyfunc", None)
    notes = mlflow_driver.begin()
    assert (True, []) == (gc.isenabled(), [note for note in notes if "byte code" not in note])
    assert 'the package "mlflow" is not in the image' in refused(linear).message


def test_what_was_found_at_the_beginning_is_told_with_the_model(linear: Path) -> None:
    """Behind what the model itself gives rise to."""
    assert "as begun" == mlflow_driver.load(setup_of(linear), ["as begun"]).notes[-1]
