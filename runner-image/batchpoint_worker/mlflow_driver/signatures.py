"""The model's input columns, and making a frame fit them (AZURE.md §5).

A value fits when nothing of it is lost: 5 is a double and 5.0 a long, 5.5 is no long and text is no
number. A missing value fits what can be missing: double, float, string, datetime, binary and boolean,
never long or integer. What does not fit is named by column, type and row, never by value.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
from typing import Any, Dict, List, NamedTuple, NoReturn, Optional, Sequence, Tuple, Union

from batchpoint_worker.mlflow_driver.problems import SignatureMismatch

NUMBERS = {"integer": "int32", "long": "int64", "float": "float32", "double": "float64"}
"""MLflow's numeric types and numpy's."""

_EXACT_INTEGERS = 2**53
"""Above it a double no longer holds every whole number."""


class Column(NamedTuple):
    """One column of a column-based signature."""

    name: Optional[str]
    """None where the signature tells only the order."""
    kind: str
    """MLflow's name: "long", "double", …; "other" for objects, arrays and maps, which mlflow checks."""
    required: bool


class Tensor(NamedTuple):
    """One input of a tensor-based signature."""

    name: Optional[str]
    dtype: str
    shape: Tuple[int, ...]
    """-1 is any size; the first axis counts rows."""


class Signature(NamedTuple):
    """What the model wants. Both empty: it has not said."""

    columns: Sequence[Column] = ()
    tensors: Sequence[Tensor] = ()

    @property
    def is_absent(self) -> bool:
        """Whether the model has no signature."""
        return not self.columns and not self.tensors

    @property
    def texts(self) -> List[Union[str, int]]:
        """Names, or places, of columns that a reader must not take for numbers: 007 stays 007."""
        kinds = ("string", "binary", "other", "datetime")
        return [
            at if one.name is None else one.name
            for at, one in enumerate(self.columns)
            if one.kind in kinds
        ]


def of(metadata: Any) -> Signature:
    """Read the signature of an `mlflow.models.Model`."""
    schema = metadata.get_input_schema()
    if schema is None or not schema.inputs:
        return Signature()
    if schema.is_tensor_spec():
        return Signature(
            tensors=[Tensor(one.name, str(one.type), tuple(one.shape)) for one in schema.inputs]
        )
    known = set(NUMBERS) | {"boolean", "string", "datetime", "binary"}
    columns = []
    for one in schema.inputs:
        kind = getattr(one.type, "name", "")
        required = bool(getattr(one, "required", True))
        columns.append(Column(one.name, kind if kind in known else "other", required))
    return Signature(columns=columns)


def fit(frame: Any, columns: Sequence[Column], first_row: int, from_text: bool) -> Any:
    """Return the frame with the signature's columns alone, in their order and types.

    Args:
        frame: One row per input row. Not modified; returned itself when it fits as it is.
        columns: Of the signature, at least one. Further columns of the frame are dropped.
        first_row: Number of the frame's first row in its file, from 0.
        from_text: The frame comes from text, so numbers have no width of their own.

    Raises:
        SignatureMismatch: A column is missing, or a value does not fit; names column, type and row.
    """
    import pandas

    found: Dict[Any, Any] = {}
    is_changed = False
    for column, name in _placed(frame, columns):
        values = frame[name]
        found[name] = fit_column(values, column._replace(name=str(name)), first_row, from_text)
        is_changed = is_changed or found[name] is not values
    if is_changed:
        return pandas.DataFrame(found, index=frame.index)
    return frame if list(found) == list(frame.columns) else frame[list(found)]


def fit_column(values: Any, column: Column, first_row: int, from_text: bool) -> Any:
    """Return one pandas Series in the column's type.

    Raises:
        SignatureMismatch: Names the first row that does not fit.
    """
    if column.kind == "other":
        return values
    kind = values.dtype.kind
    if column.kind in NUMBERS and kind in "iuf":
        return _number(values, column, first_row, from_text)
    if column.kind == "boolean" and kind == "b":
        return values
    if column.kind == "datetime" and kind == "M":
        return _without_zone(values)
    if column.kind in NUMBERS and from_text and kind == "O":
        return _number(_numbers_of_text(values, column, first_row), column, first_row, True)
    if column.kind == "boolean" and from_text and kind in "iuf":
        return _zero_or_one(values, column, first_row)
    return _of_objects(values, column, first_row, from_text)


def _placed(frame: Any, columns: Sequence[Column]) -> List[Tuple[Column, Any]]:
    """Pair the signature's columns with the frame's, by name or else by place."""
    if columns[0].name is None:
        if len(frame.columns) < len(columns):
            raise SignatureMismatch(
                "The file has %d columns, the model's signature asks for %d."
                % (len(frame.columns), len(columns))
            )
        return list(zip(columns, frame.columns))
    there = set(frame.columns)
    missing = [one for one in columns if one.required and one.name not in there]
    if missing:
        raise missing_columns(missing, [str(name) for name in frame.columns])
    return [(one, one.name) for one in columns if one.name in there]


def missing_columns(missing: Sequence[Column], there: Sequence[str]) -> SignatureMismatch:
    """Return the error for columns that the file lacks."""
    names = ", ".join('"%s" (%s)' % (one.name, one.kind) for one in missing[:10])
    more = " and %d more" % (len(missing) - 10) if len(missing) > 10 else ""
    return SignatureMismatch(
        "%s %s%s %s missing, which the model's signature asks for; the file has the columns %s."
        % (
            "Column" if len(missing) == 1 else "Columns",
            names,
            more,
            "is" if len(missing) == 1 else "are",
            ", ".join(there[:30]) + (", …" if len(there) > 30 else "") or "none",
        )
    )


def _number(values: Any, column: Column, first_row: int, from_text: bool) -> Any:
    import numpy

    target = numpy.dtype(NUMBERS[column.kind])
    if values.dtype == target:
        return values
    raw = values.to_numpy()
    with numpy.errstate(invalid="ignore", over="ignore"):
        if target.kind == "f":
            bad = _lost_as_float(raw, target, from_text)
        else:
            limits = numpy.iinfo(target)
            bad = ~((raw >= limits.min) & (raw <= limits.max))
            if raw.dtype.kind == "f":
                # The largest long is no double: its neighbour above would pass the comparison.
                bad = bad | (raw != numpy.trunc(raw)) | (numpy.abs(raw) >= 2.0**63)
        if bad.any():
            at = int(bad.argmax())
            _refuse(column, first_row + at, raw[at])
        return values.astype(target)


def _lost_as_float(raw: Any, target: Any, from_text: bool) -> Any:
    """Mark numbers that the target does not hold. Text has no width: its digits are rounded."""
    import numpy

    if raw.dtype.kind in "iu":
        limit = _EXACT_INTEGERS if target.itemsize == 8 else 2**24
        return (raw > limit) | (raw < -limit) if not from_text else numpy.zeros(len(raw), bool)
    if from_text or target.itemsize >= raw.dtype.itemsize:
        return numpy.zeros(len(raw), bool)
    return (raw.astype(target).astype(raw.dtype) != raw) & ~numpy.isnan(raw)


def _numbers_of_text(values: Any, column: Column, first_row: int) -> Any:
    """Convert what the reader left as text because not all of it is a number."""
    import pandas

    found = pandas.to_numeric(values, errors="coerce")
    bad = (found.isna() & values.notna()).to_numpy()
    bad = bad | values.map(lambda value: isinstance(value, bool)).to_numpy(dtype=bool)
    if bad.any():
        at = int(bad.argmax())
        _refuse(column, first_row + at, values.iloc[at])
    return found


def _zero_or_one(values: Any, column: Column, first_row: int) -> Any:
    bad = (~values.isin([0, 1]) & values.notna()).to_numpy()
    if bad.any():
        at = int(bad.argmax())
        _refuse(column, first_row + at, values.iloc[at])
    if values.isna().any():
        return values.map({0: False, 1: True}).astype(object)
    return values.astype(bool)


def _without_zone(values: Any) -> Any:
    """Bring moments with a zone to UTC: the signature knows no zones."""
    if getattr(values.dtype, "tz", None) is not None:
        return values.dt.tz_convert("UTC").dt.tz_localize(None)
    return values


def _of_objects(values: Any, column: Column, first_row: int, from_text: bool) -> Any:
    """Check values one by one: of object columns, text columns and whatever has the wrong type."""
    listed = values.astype(object).where(values.notna(), None).tolist()
    fitted = fit_values(listed, column, first_row, from_text)
    if column.kind == "string" and str(values.dtype) in ("str", "object", "string"):
        return values
    fitted.index = values.index
    return fitted


def fit_values(values: List[Any], column: Column, first_row: int, from_text: bool) -> Any:
    """Return Python values, of JSON for example, as a pandas Series in the column's type.

    Args:
        values: None for a missing one. Types are exact: "5" is no number, true is no 1.
        column: Where they belong.
        first_row: Number of the first value's row in its file.
        from_text: Binary values come as base64 text.

    Raises:
        SignatureMismatch: Names the first row that does not fit.
    """
    import pandas

    if column.kind == "other":
        return pandas.Series(values, dtype=object)
    fitted, bad = _checked(values, column, from_text)
    if bad is not None:
        _refuse(column, first_row + bad, values[bad])
    if column.kind == "datetime":
        return _without_zone(_parsed_dates(pandas.Series(fitted, dtype=object), column, first_row))
    if column.kind in ("double", "float"):
        return _number(pandas.Series(fitted, dtype="float64"), column, first_row, from_text)
    if column.kind in NUMBERS:
        return _integers(fitted, column, first_row)
    if column.kind == "boolean" and None not in fitted:
        return pandas.Series(fitted, dtype=bool)
    return pandas.Series(fitted, dtype=object)


def _integers(values: List[Any], column: Column, first_row: int) -> Any:
    import numpy
    import pandas

    limits = numpy.iinfo(NUMBERS[column.kind])
    for at, value in enumerate(values):
        if value != value // 1 or not limits.min <= value <= limits.max:
            _refuse(column, first_row + at, value)
    return pandas.Series([int(value) for value in values], dtype=NUMBERS[column.kind])


_ACCEPTED = {
    "string": (str,),
    "boolean": (bool,),
    "datetime": (str, datetime.date),
    "binary": (bytes, bytearray, str),
}


def _checked(values: List[Any], column: Column, from_text: bool) -> Tuple[List[Any], Optional[int]]:
    """Check Python values, None for missing ones.

    Returns:
        The values (base64 text decoded for ``binary``) and the position of the first that does not
        fit, or None.
    """
    accepted = _ACCEPTED.get(column.kind, (int, float, decimal.Decimal))
    plain = set(map(type, values))
    numeric = column.kind in NUMBERS
    needs_all = column.kind in ("integer", "long")
    if not plain <= set(accepted) | ({type(None)} if not needs_all else set()):
        for at, value in enumerate(values):
            missing_fits = value is None and not needs_all
            wrong = not isinstance(value, accepted) or (numeric and isinstance(value, bool))
            if wrong and not missing_fits:
                return values, at
    if numeric and decimal.Decimal in plain:
        return [float(one) if isinstance(one, decimal.Decimal) else one for one in values], None
    if column.kind == "binary" and str in plain:
        return _decoded(values) if from_text else (values, _first_text(values))
    return values, None


def _decoded(values: List[Any]) -> Tuple[List[Any], Optional[int]]:
    found: List[Any] = []
    for at, value in enumerate(values):
        try:
            found.append(
                base64.b64decode(value, validate=True) if isinstance(value, str) else value
            )
        except (binascii.Error, ValueError):
            return values, at
    return found, None


def _first_text(values: List[Any]) -> int:
    return [isinstance(value, str) for value in values].index(True)


def _parsed_dates(values: Any, column: Column, first_row: int) -> Any:
    import pandas

    try:
        found = pandas.to_datetime(values, format="ISO8601", errors="coerce", utc=True)
    except ValueError:  # pandas before 2.0 has no such format; it guesses per value
        found = pandas.to_datetime(values, errors="coerce", utc=True)
    bad = (found.isna() & values.notna()).to_numpy()
    if bad.any():
        at = int(bad.argmax())
        _refuse(column, first_row + at, values.iloc[at])
    return found


def _refuse(column: Column, row: int, value: Any) -> NoReturn:
    raise SignatureMismatch(
        'Column "%s" must be %s by the model\'s signature, but row %d holds %s (rows count from 0).'
        % (column.name, column.kind, row, _found(value, column))
    )


def _found(value: Any, column: Column) -> str:
    """Say what a value is, without showing it."""
    if value is None or value != value:
        return "a missing value"
    name = type(value).__name__
    if isinstance(value, str):
        if column.kind == "binary" and _decoded([value])[1] is not None:
            return "a string that is not base64"
        return "a string that is no date" if column.kind == "datetime" else "a string"
    if name in ("bool", "bool_"):
        return "a boolean"
    if isinstance(value, (datetime.date, datetime.datetime)) or name == "Timestamp":
        return "a datetime"
    if isinstance(value, (bytes, bytearray)):
        return "binary"
    if hasattr(value, "dtype") or isinstance(value, (int, float, decimal.Decimal)):
        return _found_number(value, column)
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, (list, tuple)) else "a value of type %s" % name


def _found_number(value: Any, column: Column) -> str:
    if getattr(value, "shape", ()) != ():
        return "an array"
    whole = float(value) == float(value) // 1
    if column.kind in ("integer", "long") and not whole:
        return "a double that is not whole"
    if column.kind in NUMBERS:
        return "a %s that %s cannot hold" % ("long" if whole else "double", column.kind)
    return "a long" if isinstance(value, int) or "int" in type(value).__name__ else "a double"
