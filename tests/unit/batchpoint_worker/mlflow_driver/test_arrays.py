"""Images and number files as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from batchpoint_worker.mlflow_driver import arrays
from batchpoint_worker.mlflow_driver.signatures import Column, Signature, Tensor

PIXELS = np.arange(18, dtype="uint8").reshape(2, 3, 3)


def picture(
    folder: Path, name: str = "a.png", pixels: Any = PIXELS, mode: str | None = None
) -> str:
    """Write an image."""
    path = folder / name
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return str(path)


def tensor(dtype: str, *shape: int, name: str | None = None) -> Signature:
    """Return a signature of one tensor."""
    return Signature(tensors=[Tensor(name, dtype, shape)])


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff", "a.tif"])
def test_without_a_signature_an_image_is_an_array_with_a_leading_axis(
    tmp_path: Path, name: str
) -> None:
    """Of bytes, as Azure's driver gives it."""
    found = arrays.image(picture(tmp_path, name), Signature())
    assert ("uint8", (1, 2, 3, 3)) == (str(found.dtype), found.shape)
    assert np.array_equal(PIXELS, found[0])


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.gif"])
def test_lossy_formats_are_read_too(tmp_path: Path, name: str) -> None:
    """A palette becomes colours."""
    assert (1, 2, 3, 3) == arrays.image(picture(tmp_path, name), Signature()).shape


@pytest.mark.parametrize(
    ("signature", "shape", "dtype"),
    [
        (tensor("float32", -1, 2, 3, 3), (1, 2, 3, 3), "float32"),
        (tensor("float64", -1, -1, -1, 3), (1, 2, 3, 3), "float64"),
        (tensor("uint8", -1, 18), (1, 18), "uint8"),
        (tensor("uint8", -1, 2, 3), (1, 2, 3), "uint8"),
        (tensor("uint8", -1, 2, 3, 1), (1, 2, 3, 1), "uint8"),
        (tensor("uint8", -1, 2, 3, 4), (1, 2, 3, 4), "uint8"),
    ],
    ids=["same", "any size", "flat", "grey", "one channel", "transparency"],
)
def test_a_tensor_signature_shapes_the_image(
    tmp_path: Path, signature: Signature, shape: tuple[int, ...], dtype: str
) -> None:
    """Cast and reshaped, with the number of channels that it asks for."""
    found = arrays.image(picture(tmp_path), signature)
    assert (shape, dtype) == (found.shape, str(found.dtype))


def test_a_shape_of_rows_alone_gets_an_array_of_one_image(tmp_path: Path) -> None:
    """Images of any size fit such a model."""
    found = arrays.image(picture(tmp_path), tensor("object", -1))
    assert (1, "object") == (len(found), str(found.dtype))
    assert np.array_equal(PIXELS, found[0])


def test_a_named_tensor_is_a_dict(tmp_path: Path) -> None:
    """As mlflow wants it; it counts as one row."""
    found = arrays.image(picture(tmp_path), tensor("uint8", -1, 2, 3, 3, name="x"))
    assert ["x"] == list(found)
    assert 1 == arrays.row_count(found)


def test_a_binary_column_gets_the_bytes(tmp_path: Path) -> None:
    """Of the file, not of the pixels."""
    path = picture(tmp_path)
    found = arrays.image(path, Signature(columns=[Column("image", "binary", True)]))
    assert [Path(path).read_bytes()] == found["image"].tolist()


@pytest.mark.parametrize(
    ("mode", "shape"), [("P", (1, 2, 3, 3)), ("1", (1, 2, 3)), ("L", (1, 2, 3))]
)
def test_palettes_become_what_they_stand_for(
    tmp_path: Path, mode: str, shape: tuple[int, ...]
) -> None:
    """Their numbers alone mean nothing."""
    found = arrays.image(picture(tmp_path, mode=mode), Signature())
    assert ("uint8", shape) == (str(found.dtype), found.shape)


def of(frame: pd.DataFrame, spec: Tensor) -> Any:
    """Turn one frame into what the model gets."""
    return next(arrays.of_frames(iter([frame]), [spec]))


def test_columns_are_laid_side_by_side() -> None:
    """Cast and reshaped."""
    frame = pd.DataFrame({"a": [1, 2], "b": [3.5, 4.5], "c": [5, 6], "d": [7, 8]})
    found = of(frame, Tensor(None, "float32", (-1, 2, 2)))
    assert ("float32", [[[1, 3.5], [5, 7]], [[2, 4.5], [6, 8]]]) == (
        str(found.dtype),
        found.tolist(),
    )


def test_a_column_of_arrays_is_stacked() -> None:
    """As Parquet may hold them."""
    found = of(pd.DataFrame({"a": [[1.0, 2.0], [3.0, 4.0]]}), Tensor(None, "float64", (-1, 2)))
    assert [[1.0, 2.0], [3.0, 4.0]] == found.tolist()


def test_named_tensors_are_columns() -> None:
    """Mlflow casts and shapes them itself."""
    found = of(pd.DataFrame({"y": [1], "x": [2]}), Tensor("x", "float64", (-1,)))
    assert {"x": [2]} == found.to_dict("list")
