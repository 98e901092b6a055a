"""One column → the text of each cell: a list of str, or an Arrow array where pyarrow is quicker.

The slow way asks `cells` for each value and defines the bytes. The quick way covers floats, integers,
booleans and text; whatever it is not sure of goes the slow way. pyarrow is used only if it is in the
image, and on one thread.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Union

from batchpoint_worker.rows import cells

Texts = Union[List[str], Any]
"""A list, or an Arrow large_string array in which a missing cell is null."""


class Flavour(NamedTuple):
    """What differs between the texts of CSV and of JSON."""

    missing: str
    true: str
    false: str
    infinity: str
    """Of positive infinity."""
    cell: Callable[[Any], str]
    """Any value → its finished text, quotes included."""
    special: re.Pattern[bytes]
    """If a text column holds one of these bytes, its cells are looked at one by one."""
    quotes: str
    """Around every text."""


def csv_flavour(sep: str) -> Flavour:
    """Return the flavour of CSV with this separator."""
    pattern = cells.special_characters(sep)
    return Flavour(
        missing="",
        true="True",
        false="False",
        infinity="inf",
        cell=lambda value: cells.quoted(cells.csv_text(value), pattern),
        special=re.compile(pattern.pattern.encode()),
        quotes="",
    )


JSON = Flavour(
    missing="null",
    true="true",
    false="false",
    infinity="null",
    cell=cells.json_text,
    special=re.compile(rb'["\\\x00-\x1f]'),
    quotes='"',
)


def texts(column: Any, flavour: Flavour) -> Texts:
    """Return the text of each cell, quoted as the flavour wants."""
    arrow = arrow_or_none()
    if arrow is not None and not isinstance(column, list):
        quick = _quick(arrow, column, flavour)
        if quick is not None:
            return quick
    return _slow(column, flavour)


def clean(text: str) -> str:
    r"""Make text encodable: half characters (of file names that are not UTF-8) become ``\udc80``."""
    return text.encode("utf-8", "backslashreplace").decode()


def as_arrow(values: Texts, arrow: Any) -> Any:
    """Return texts as an Arrow array."""
    if not isinstance(values, list):
        return values
    try:
        return arrow.array(values, arrow.large_string())
    except UnicodeEncodeError:
        return arrow.array([clean(text) for text in values], arrow.large_string())


def as_list(column: Any) -> List[Any]:
    """Return the values of a column as `cells` reads them best."""
    if isinstance(column, list):
        return column
    if hasattr(column, "to_pylist"):
        return list(column.to_pylist())
    dtype: Any = getattr(column, "dtype", None)
    if getattr(dtype, "kind", "O") == "f" and dtype.itemsize != 8:
        import numpy

        # tolist would widen a float32 and show digits that it does not have.
        if hasattr(column, "to_numpy"):
            column = column.to_numpy(dtype="float%d" % (8 * dtype.itemsize), na_value=numpy.nan)
        return list(column)
    if hasattr(column, "iloc") or getattr(dtype, "kind", "O") in "biufOUS":
        return list(column.tolist())
    return list(column)  # dates: numpy's tolist would give bare integers


def _slow(column: Any, flavour: Flavour) -> List[str]:
    cell = flavour.cell
    if type(getattr(column, "dtype", None)).__name__ == "CategoricalDtype":
        known = [cell(value) for value in as_list(column.cat.categories.to_series())]
        known.append(cell(None))  # the code -1 is a missing value
        return [known[code] for code in column.cat.codes.tolist()]
    return [cell(value) for value in as_list(column)]


def _quick(arrow: Any, column: Any, flavour: Flavour) -> Optional[Any]:
    """Return an Arrow array of texts, or None when only the slow way gives the exact text."""
    values = _as_array(arrow, column)
    if values is None:
        return None
    kinds = arrow.types
    if kinds.is_boolean(values.type):
        return arrow.compute.if_else(values, *_scalars(arrow, flavour.true, flavour.false))
    if kinds.is_integer(values.type):
        return values.cast(arrow.large_string())
    if kinds.is_float64(values.type) or kinds.is_float32(values.type):
        return _floats(arrow, values, flavour)
    is_text = kinds.is_string(values.type) or kinds.is_large_string(values.type)
    return _strings(arrow, values, flavour) if is_text else None


def _as_array(arrow: Any, column: Any) -> Optional[Any]:
    kind = getattr(getattr(column, "dtype", None), "kind", "O")
    if kind in "mMc" or type(getattr(column, "dtype", None)).__name__ == "CategoricalDtype":
        return None
    try:
        if hasattr(column, "to_pylist"):
            values = column
        else:
            values = arrow.array(column, from_pandas=True)
        if isinstance(values, arrow.ChunkedArray):
            values = values.combine_chunks()
        if arrow.types.is_dictionary(values.type):
            values = values.dictionary_decode()
    except (arrow.ArrowException, TypeError, ValueError, OverflowError):
        return None
    if kind == "O" and hasattr(column, "dtype") and not _is_extension(column):
        # Of bare objects Arrow guesses the type, and turns 1 into 1.0 beside 2.5.
        is_text = arrow.types.is_string(values.type) or arrow.types.is_large_string(values.type)
        return values if is_text else None
    return values


def _is_extension(column: Any) -> bool:
    """Tell whether pandas itself knows the column's type, though numpy would call it object."""
    return type(column.dtype).__module__.split(".")[0] == "pandas"


def _floats(arrow: Any, values: Any, flavour: Flavour) -> Optional[Any]:
    """Write floats as `repr` does. Arrow writes the same digits, but 1 for 1.0, 1e+10, and 1e-7."""
    if not _writes_shortest(arrow):
        return None
    try:
        import numpy
    except ImportError:
        return None
    compute, text = arrow.compute, values.cast(arrow.large_string())
    numbers = values.to_numpy(zero_copy_only=False)
    size = numpy.abs(numbers)
    odd = (size >= 1e10) | ((size < 1e-4) & (numbers != 0))
    whole = (numbers == numpy.trunc(numbers)) & ~odd
    if whole.any():
        zero, empty = _scalars(arrow, ".0", "")
        with_zero = compute.binary_join_element_wise(text, zero, empty)
        text = compute.if_else(arrow.array(whole), with_zero, text)
    if odd.any():
        own = [flavour.cell(number) for number in numbers[odd]]
        text = compute.replace_with_mask(text, arrow.array(odd), as_arrow(own, arrow))
    missing = numpy.isnan(numbers)
    if missing.any() and text.null_count != missing.sum():
        text = compute.if_else(arrow.array(missing), *_nulls(arrow, text))
    return text


def _nulls(arrow: Any, text: Any) -> Any:
    return arrow.scalar(None, arrow.large_string()), text


def _strings(arrow: Any, values: Any, flavour: Flavour) -> Optional[Any]:
    values = values.cast(arrow.large_string())
    content = values.buffers()[2]
    if content is not None and flavour.special.search(content) is not None:
        return as_arrow([flavour.cell(value) for value in values.to_pylist()], arrow)
    if flavour.quotes:
        around, empty = _scalars(arrow, flavour.quotes, "")
        return arrow.compute.binary_join_element_wise(around, values, around, empty)
    return values


def _scalars(arrow: Any, *values: str) -> Any:
    return [arrow.scalar(value, arrow.large_string()) for value in values]


_PROBE = (1.0, -0.0, 0.1, 123456.789, 0.0001, 2 / 3, 9876543210.0, -1.5, 100.0)
_PROBE_TEXT = [
    "1",
    "-0",
    "0.1",
    "123456.789",
    "0.0001",
    repr(2 / 3),
    "9876543210",
    "-1.5",
    "100",
]
_modules: Dict[str, Any] = {}


def arrow_or_none() -> Any:
    """Return pyarrow with its functions loaded, or None. Looked for once per process."""
    if "arrow" not in _modules:
        try:
            import pyarrow
            import pyarrow.compute
        except Exception:  # noqa: BLE001 - a broken pyarrow must cost speed, not the job
            _modules["arrow"] = None
        else:
            _modules["arrow"] = pyarrow
    return _modules["arrow"]


def _writes_shortest(arrow: Any) -> bool:
    """Tell whether this version of Arrow writes floats in the form that `_floats` knows to mend."""
    if "shortest" not in _modules:
        written = arrow.array(_PROBE).cast(arrow.large_string()).to_pylist()
        _modules["shortest"] = written == _PROBE_TEXT
    return bool(_modules["shortest"])
