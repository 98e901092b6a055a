"""Images, and number files for models whose signature is a tensor → numpy arrays (AZURE.md §5).

========================== ===========================================================
signature                  what the model gets for an image
========================== ===========================================================
tensor                     cast and reshaped; one row
tensor of shape (-1,)      an object array that holds one image
columns                    only a single ``binary`` column: the file's bytes
none                       uint8 with a leading axis of 1
========================== ===========================================================
"""

from __future__ import annotations

from typing import Any, Iterator, Sequence, Tuple

from batchpoint_worker.mlflow_driver.problems import SignatureMismatch, UnreadableFile
from batchpoint_worker.mlflow_driver.signatures import Signature, Tensor

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Channels, when a signature ends in their number, and Pillow's name for such an image."""


def row_count(batch: Any) -> int:
    """Return the number of rows of what `predict` is given."""
    return len(next(iter(batch.values()))) if isinstance(batch, dict) else len(batch)


def image(path: str, signature: Signature) -> Any:
    """Return one image as the model wants it.

    Raises:
        UnreadableFile: It is no image, or Pillow is not in the image of the scorer.
        SignatureMismatch: The signature asks for something else.
    """
    if signature.columns:
        return _bytes_of(path, signature)
    if not signature.tensors:
        return _pixels(path, None)[None]
    if len(signature.tensors) > 1:
        raise SignatureMismatch(
            "The model's signature asks for %d tensors, an image is one." % len(signature.tensors)
        )
    tensor = signature.tensors[0]
    array = _shaped(_pixels(path, _mode(tensor)), tensor)
    return array if tensor.name is None else {tensor.name: array}


def of_frames(frames: Iterator[Any], tensors: Sequence[Tensor]) -> Iterator[Any]:
    """Turn frames into arrays of an unnamed tensor; named ones mlflow takes from columns itself.

    Raises:
        SignatureMismatch: A row has another size than the signature says, or holds text.
    """
    first_row = 0
    for frame in frames:
        if tensors[0].name is None:
            yield _matrix(frame, tensors[0], first_row)
        else:
            missing = [one.name for one in tensors if one.name not in frame.columns]
            if missing:
                raise SignatureMismatch(
                    'Column "%s" is missing, which the model\'s signature asks for.' % missing[0]
                )
            yield frame[[one.name for one in tensors]]
        first_row += len(frame)


def _bytes_of(path: str, signature: Signature) -> Any:
    import pandas

    column = signature.columns[0]
    if len(signature.columns) != 1 or column.kind != "binary":
        raise SignatureMismatch(
            "The model's signature has columns; an image fits only a single column of type binary."
        )
    with open(path, "rb") as file:
        return pandas.DataFrame({column.name or 0: [file.read()]})


def _pixels(path: str, mode: Any) -> Any:
    try:
        import PIL
        from PIL import Image
    except ImportError as exc:
        raise UnreadableFile(
            "Reading images needs Pillow in the image of the scorer, and it is not there; add pillow."
        ) from exc
    import numpy

    try:
        with Image.open(path) as picture:
            if mode is None and picture.mode in ("P", "PA", "1"):
                # Palettes and bits: their numbers mean nothing without the colours.
                mode = "L" if picture.mode == "1" else "RGB"
            found = picture if mode is None or picture.mode == mode else picture.convert(mode)
            return numpy.asarray(found)
    except PIL.UnidentifiedImageError as exc:
        raise UnreadableFile("The file is no image that Pillow can read.") from exc
    except (OSError, SyntaxError, ValueError) as exc:
        raise UnreadableFile("The image is broken: %s." % str(exc).rstrip(".")) from exc


def _mode(tensor: Tensor) -> Any:
    """Tell which kind of image a signature of (…, height, width, channels) asks for."""
    if len(tensor.shape) == 4:
        return _MODES.get(tensor.shape[3])
    return "L" if len(tensor.shape) == 3 else None


def _shaped(pixels: Any, tensor: Tensor) -> Any:
    import numpy

    if tensor.shape == (-1,):
        held: Any = numpy.empty(1, dtype=object)
        held[0] = pixels
        return held
    wanted = tensor.shape[1:]
    if len(pixels.shape) == len(wanted):
        free = all(want in (-1, has) for want, has in zip(wanted, pixels.shape))
        target: Tuple[int, ...] = pixels.shape if free else wanted
    else:
        target = wanted
    try:
        shaped = pixels.reshape(target)
    except ValueError as exc:
        raise SignatureMismatch(
            "The image has the shape %s (height, width, channels), the model's signature asks for %s."
            % (pixels.shape, tensor.shape)
        ) from exc
    return shaped[None].astype(tensor.dtype)


def _matrix(frame: Any, tensor: Tensor, first_row: int) -> Any:
    """Lay the columns of a frame side by side, then cast and reshape."""
    import numpy

    raw = frame.to_numpy()
    if raw.ndim == 2 and raw.shape[1] == 1 and len(raw) and hasattr(raw[0, 0], "__len__"):
        raw = numpy.stack([numpy.asarray(cell) for cell in raw[:, 0]])
    per_row = 1
    for size in tensor.shape[1:]:
        per_row *= size
    has = raw[0].size if len(raw) else per_row
    if -1 not in tensor.shape[1:] and has != per_row:
        raise SignatureMismatch(
            "A row has %d values, the model's signature asks for %d (shape %s)."
            % (has, per_row, tensor.shape)
        )
    shape = raw.shape if -1 in tensor.shape[1:] else (len(raw),) + tensor.shape[1:]
    return _cast(raw, tensor, first_row).reshape(shape)


def _is_number(cell: Any) -> bool:
    """Tell whether numpy's reader of text would take the cell for a number."""
    if isinstance(cell, bool) or cell is None:
        return False
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _cast(raw: Any, tensor: Tensor, first_row: int) -> Any:
    import numpy

    dtype = numpy.dtype(tensor.dtype)
    if dtype.kind not in "iufb" or raw.dtype == dtype:
        return raw.astype(dtype)
    for at, row in enumerate(raw if raw.dtype == object else []):
        for place, cell in enumerate(numpy.ravel(row)):
            if not _is_number(cell):
                raise SignatureMismatch(
                    "Row %d, column %d is no number (both count from 0); the model's signature asks for "
                    "a tensor of %s." % (first_row + at, place, dtype)
                )
    numbers = raw.astype("float64") if raw.dtype == object else raw
    bad = (
        numpy.isnan(numbers).any(axis=tuple(range(1, numbers.ndim)))
        if numbers.dtype.kind == "f"
        else None
    )
    if dtype.kind in "iu" and bad is not None and bad.any():
        raise SignatureMismatch(
            "Row %d has a missing value (rows count from 0); the model's signature asks for a tensor of "
            "%s." % (first_row + int(bad.argmax()), dtype)
        )
    return numbers.astype(dtype)
