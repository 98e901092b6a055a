"""The worker host as one file, which user code's own Python runs where nothing of ours is installed.

The host starts as soon as it is there, so the runner writes it before anything else.
"""

from __future__ import annotations

import importlib.util
import marshal
import zipfile
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

ARCHIVE = "host.pyz"
_PACKAGE = "batchpoint_worker"


def write(folder: Path) -> Path:
    """Write the worker host as one zip application into ``folder``, whole or not at all, unless it is there.

    User code runs `PYTHON host.pyz --socket runner.sock` in its own image, where nothing of ours is
    installed.
    """
    target = folder / ARCHIVE
    if target.exists():
        return target
    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None, f"{_PACKAGE} belongs to this distribution"
    assert spec.submodule_search_locations, f"{_PACKAGE} is a package"
    package = Path(spec.submodule_search_locations[0])
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{ARCHIVE}"
    with zipfile.ZipFile(unfinished, "w") as archive:
        archive.write(package / "__main__.py", "__main__.py")
        for path in sorted(package.rglob("*.py")):
            name = path.relative_to(package.parent)
            archive.write(path, name)
            archive.writestr(f"{name}c", _byte_code(path, str(target / name)))
    unfinished.replace(target)
    return target


def _byte_code(path: Path, shown_as: str) -> bytes:
    """Return a module's byte code in the form that is used without a look at the source (PEP 552).

    It saves a user's Python of our own version 0.3 s at each start; any other takes the source.

    Args:
        path: Of the source.
        shown_as: Its name in tracebacks, from which the worker host takes out its own frames.
    """
    code = SourceFileLoader(path.stem, str(path)).get_code(path.stem)
    assert code is not None, f"{path} is a source file"
    unchecked_hash = (0b01).to_bytes(4, "little") + bytes(8)
    return importlib.util.MAGIC_NUMBER + unchecked_hash + marshal.dumps(_named(code, shown_as))


def _named(code: CodeType, name: str) -> CodeType:
    inner = (_named(one, name) if isinstance(one, CodeType) else one for one in code.co_consts)
    return code.replace(co_filename=name, co_consts=tuple(inner))
