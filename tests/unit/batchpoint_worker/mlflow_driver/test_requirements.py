"""What the model asks for against what the image has, in words."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

import pytest

from batchpoint_worker.mlflow_driver import requirements

NUMPY = importlib.metadata.version("numpy")
HERE = platform.python_version()


def folder(path: Path, **files: str) -> str:
    """Write the files of a model folder."""
    for name, text in files.items():
        stem, _, suffix = name.rpartition("_")
        (path / f"{stem}.{suffix}").write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"numpy=={NUMPY}\n", None),
        (f"numpy[extra]=={NUMPY.rsplit('.', 1)[0]}.*  # why\n", None),
        ("numpy>=1\nnumpy\n# numpy==0\n-r other.txt\nnumpy==0; python_version<'3'\n", None),
        ("numpy==0.1\n", f"The model asks for numpy 0.1, the image has {NUMPY}."),
        ("lightgbm==4.5.0\n", "The model asks for lightgbm 4.5.0, the image has none."),
        (
            "numpy==0.1\nlightgbm==4.5.0\n",
            f"The model asks for lightgbm 4.5.0 and numpy 0.1, the image has no lightgbm and numpy {NUMPY}.",
        ),
    ],
    ids=["same", "wildcard", "no pins", "other", "none", "two"],
)
def test_differences_are_one_sentence(tmp_path: Path, text: str, expected: str | None) -> None:
    """Pins are compared; ranges and conditions are pip's business."""
    assert expected == requirements.note(folder(tmp_path, requirements_txt=text), HERE)


def test_the_rest_of_a_long_list_is_counted(tmp_path: Path) -> None:
    """A note is no inventory."""
    text = "\n".join(f"missing-{at:02}==1" for at in range(15))
    found = requirements.note(folder(tmp_path, requirements_txt=text), HERE)
    assert found is not None
    assert found.endswith("and no missing-11 (and 3 more differ).")


def test_the_python_version_is_compared_by_minor_version(tmp_path: Path) -> None:
    """A patch level changes nothing for a model."""
    minor = HERE.rsplit(".", 1)[0]
    assert None is requirements.note(folder(tmp_path), f"{minor}.99")
    expected = f"The model was saved with Python 3.6.1, the image has {HERE}."
    assert expected == requirements.note(str(tmp_path), "3.6.1")


def test_python_env_tells_the_version_where_the_model_does_not(tmp_path: Path) -> None:
    """Both are written by mlflow, not by every version of it."""
    path = folder(tmp_path, python_env_yaml="python: 3.6.1\n")
    assert "3.6.1" == requirements.python_wanted(path, None)


def test_conda_yaml_stands_in_for_requirements(tmp_path: Path) -> None:
    """Models of mlflow 1 have nothing else."""
    text = "dependencies:\n- python=3.8\n- pip:\n  - mlflow\n  - scikit-learn==0.24.1\n"
    assert {"scikit-learn": "0.24.1"} == requirements.wanted(folder(tmp_path, conda_yaml=text))


@pytest.mark.parametrize(
    "text", ["[", "- 1\n", "", "dependencies:\n"], ids=["broken", "list", "empty", "none"]
)
def test_a_broken_file_costs_only_the_note(tmp_path: Path, text: str) -> None:
    """Nothing else depends on it."""
    assert None is requirements.note(folder(tmp_path, conda_yaml=text, python_env_yaml=text), None)
