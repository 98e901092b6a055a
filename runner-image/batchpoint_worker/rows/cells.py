"""One value → its canonical text. Standard library only, and the definition of the output's bytes.

==================== =============================== ==============================
value                CSV                             JSON Lines
==================== =============================== ==============================
None, NaN, NaT, NA   nothing                         ``null``
bool                 ``True`` ``False``              ``true`` ``false``
int                  digits                          digits
float                shortest that reads back        the same; ±infinity is ``null``
Decimal              its digits                      its digits, as a number
date, time           ISO 8601                        ISO 8601, a string
timedelta            seconds                         seconds
bytes                base64                          base64
list, array, mapping JSON                            JSON
other                ``str(value)``                  ``str(value)``, a string
==================== =============================== ==============================

float32 and float16 are written with the digits that read back as such: 0.1, not 0.10000000149.
CSV quotes a cell that holds the separator, a double quote or a line break; nothing else.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import enum
import json.encoder
import math
import re
from collections.abc import Mapping
from typing import Any, Optional

json_string = json.encoder.encode_basestring
"""Text → JSON string with its quotes; everything but quotes, backslashes and controls as it is."""

_AS_THEY_ARE = (str, int, bool, type(None))
_MISSING = ("NAType", "NaTType")  # pandas' own, known by name since pandas may not be there


def csv_text(value: Any) -> str:
    """Return the cell's text before quoting."""
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (list, dict)):
        return json_text(value)
    return str(value)


def quoted(text: str, special: re.Pattern[str]) -> str:
    """Put a CSV cell into quotes if ``special``, the pattern of `special_characters`, occurs in it."""
    if special.search(text) is None:
        return text
    return '"%s"' % text.replace('"', '""')


def special_characters(sep: str) -> re.Pattern[str]:
    """Return the pattern of the characters for which a cell is quoted."""
    return re.compile('[%s"\r\n]' % re.escape(sep))


def json_text(value: Any) -> str:
    """Return the value as compact JSON, characters beyond ASCII as they are."""
    value = plain(value)
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return json_string(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "null"
    if isinstance(value, decimal.Decimal):
        return str(value) if value.is_finite() else "null"
    if isinstance(value, list):
        return "[%s]" % ",".join([json_text(element) for element in value])
    if isinstance(value, dict):
        return "{%s}" % ",".join(
            ["%s:%s" % (json_string(key), json_text(cell)) for key, cell in value.items()]
        )
    return str(value)


def plain(value: Any) -> Any:
    """Reduce a value to None, bool, int, float, str, Decimal, list or dict; missing ones to None.

    The elements of lists and dicts are left as they are.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is float:
        return value if value == value else None
    if kind.__name__ in _MISSING:
        return None
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, (str, int, float)):
        return _of_subclass(value)
    if hasattr(value, "dtype"):
        return _of_numpy(value)
    return _of_library(value)


def _of_subclass(value: Any) -> Any:
    """Of a class derived from str, int or float, numpy's float64 among them: the bare value."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    return plain(float(value))


def _of_library(value: Any) -> Any:
    """Of the standard library's types, and the text of anything else."""
    if isinstance(value, decimal.Decimal):
        return None if value.is_nan() else value
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, Mapping):
        return {str(plain(key)): cell for key, cell in value.items()}
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, (set, frozenset)):
        # A set has no order of its own, and the output must not depend on hashing.
        return sorted(value, key=json_text)
    return str(value)


def _of_numpy(value: Any) -> Any:
    """Of anything with a dtype: numpy's scalars and arrays, series, indexes."""
    if getattr(value, "shape", ()) != ():
        return list(value)
    kind = getattr(value.dtype, "kind", "O")
    if kind == "f":
        return plain(float(str(value)))  # its own shortest digits, read as a Python float
    if kind == "M":
        return _iso(str(value))
    if kind == "m":
        return (
            None
            if str(value) == "NaT"
            else float(value.astype("timedelta64[ns]").astype("int64")) / 1e9
        )
    if kind in "biuSUV" or (kind == "O" and hasattr(value, "item")):
        return plain(value.item())
    return str(value)


def _iso(text: str) -> Optional[str]:
    """Write numpy's ISO text as datetime does: no fraction if zero, else 6 digits, 9 if needed."""
    if text == "NaT":
        return None
    whole, dot, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if not fraction:
        return whole
    return whole + dot + fraction.ljust(6 if len(fraction) <= 6 else 9, "0")
