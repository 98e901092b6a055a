"""A scoring script as a scorer: finding it, importing it, and calling its three functions.

The script is imported as a module, so ``__file__`` works and neighbouring modules import by plain
name. Imports write no byte code, because the code folder may be read-only and shared.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import traceback
import types
from typing import Any, Callable, Dict, List, Mapping, Optional

from batchpoint_worker import entry_script, faults, tracebacks

MOST_NAMES = 10
"""Of files that a message names."""

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class MiniBatchContext:
    """Second argument of a two-argument `run` (AZURE.md §4.1)."""

    def __init__(self, minibatch_index: int) -> None:
        self.minibatch_index = minibatch_index
        self.partition_key_value: Dict[str, str] = {}


class ScriptScorer:
    """Calls the functions of one imported script.

    Attributes:
        notes: Sentences for the job's report; grows while loading.
    """

    def __init__(self, module: types.ModuleType, code_directory: Optional[str]) -> None:
        self.notes: List[str] = []
        self._module = module
        self._code_directory = code_directory
        self._run: Callable[..., Any] = module.run
        self._takes_context = _takes_context(module.run)

    def init(self) -> None:
        """Call the script's `init`, where it has one.

        Raises:
            Unusable: With code 10 and the exception of user code.
        """
        function = getattr(self._module, "init", None)
        if function is None:
            self.notes.append("The script has no init(); run() alone is called.")
            return
        try:
            function()
        except BaseException as exc:
            raise failed_to_start("The script's init()", exc, self._code_directory) from exc

    def run(self, paths: List[str], index: int) -> Any:
        """Score one mini-batch; whatever user code raises passes through."""
        if self._takes_context:
            return self._run(paths, MiniBatchContext(index))
        return self._run(paths)

    def shutdown(self) -> None:
        """Call the script's `shutdown`, where it has one."""
        function = getattr(self._module, "shutdown", None)
        if function is not None:
            function()


def failed_to_start(
    what: str, exc: BaseException, code_directory: Optional[str]
) -> faults.Unusable:
    """Return the error for an exception of user code while importing or in `init`."""
    error = tracebacks.describe(exc, code_directory)
    cause = faults.cut(error["message"], 300)
    message = "%s failed with %s: %s%s" % (what, error["type"], cause, _hint(exc))
    return faults.Unusable(faults.CANNOT_START, "ScriptUnusable", message, error)


def _hint(exc: BaseException) -> str:
    """Return what helps with the two mistakes of scripts that come from elsewhere; else nothing."""
    if isinstance(exc, SystemExit) and _is_of_argparse(exc):
        return ". Other arguments than its own are in sys.argv: call parse_known_args(), not parse_args()"
    folder = os.environ.get("AZUREML_MODEL_DIR", "")
    missing = getattr(exc, "filename", None)
    if isinstance(exc, FileNotFoundError) and folder and str(missing).startswith(folder + os.sep):
        found = ", ".join(_entries(folder)) or "nothing"
        return ". AZUREML_MODEL_DIR holds the model below its own name: %s" % found
    return ""


def _is_of_argparse(exc: BaseException) -> bool:
    frames = traceback.walk_tb(exc.__traceback__)
    return any(frame.f_globals.get("__name__") == "argparse" for frame, _ in frames)


def _entries(folder: str) -> List[str]:
    """Return the first files two levels below a folder, relative to it."""
    found = []
    for name in sorted(os.listdir(folder)):
        inner = os.path.join(folder, name)
        names = sorted(os.listdir(inner)) if os.path.isdir(inner) else []
        found.extend([os.path.join(name, one) for one in names] or [name])
    return found[:MOST_NAMES]


def load(setup: Mapping[str, Any]) -> ScriptScorer:
    """Import the scoring script named by ``setup``; `init` is not called yet.

    Raises:
        Unusable: Code 14 when the script is missing, is no file, has a syntax error, or no `run` that can
            be called with a mini-batch and return its rows; code 10 when importing it raises.
    """
    path, code_directory = setup["script"], setup["code_directory"]
    _check_path(path, code_directory)
    entry_script.offer()
    for folder in (os.path.dirname(path), code_directory):
        if folder and folder in sys.path:
            sys.path.remove(folder)
        if folder:
            sys.path.insert(0, folder)
    module = _import(path, code_directory)
    if not callable(getattr(module, "run", None)):
        raise _wrong(
            "The scoring script %s defines no function run(mini_batch); add one that takes a list of"
            " file paths and returns rows" % os.path.basename(path)
        )
    fault = _fault_of(module.run)
    if fault:
        raise _wrong("run() in %s %s" % (os.path.basename(path), fault))
    return ScriptScorer(module, code_directory)


def _check_path(path: Optional[str], code_directory: Optional[str]) -> None:
    if not path:
        raise _wrong("No scoring script is named; set codeConfiguration.scoringScript")
    if code_directory and not os.path.isdir(code_directory):
        raise _wrong("The code folder %s does not exist" % code_directory)
    if not os.path.isfile(path):
        folder = os.path.dirname(path)
        there = sorted(os.listdir(folder))[:10] if os.path.isdir(folder) else []
        raise _wrong(
            "The scoring script %s does not exist in the code folder (there: %s); check"
            " codeConfiguration.scoringScript" % (path, ", ".join(there) or "nothing")
        )


def _import(path: str, code_directory: Optional[str]) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(_module_name(path), path)
    if spec is None or spec.loader is None:
        raise _wrong("The scoring script %s is no Python file; its name must end in .py" % path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as exc:
        error = tracebacks.describe(exc, code_directory)
        # Python leaves out the file's name for some faults.
        name = os.path.basename(path)
        where = "" if exc.filename else " " + name
        message = "The scoring script%s cannot be parsed: %s" % (where, error["message"])
        raise faults.Unusable(
            faults.WRONG_CONFIGURATION, "WrongConfiguration", message, error
        ) from exc
    except BaseException as exc:
        what = "Importing %s" % os.path.basename(path)
        raise failed_to_start(what, exc, code_directory) from exc
    return module


def _module_name(path: str) -> str:
    """The file's plain name, so that pickles find it, unless a module of that name is there."""
    name = os.path.splitext(os.path.basename(path))[0]
    return name if name not in sys.modules else "batchpoint_script_" + name


def _fault_of(function: Callable[..., Any]) -> str:
    """Return why each call of a `run` would fail, and what to do; empty where none need to."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "is async, and nothing awaits it; write def run(mini_batch) without async"
    if inspect.isgeneratorfunction(function):
        return "yields its rows; return all rows of the mini-batch at once, such as a list"
    try:
        # Of a decorator, since that is what is called.
        parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):
        return ""
    if not any(one.kind in (*_POSITIONAL, inspect.Parameter.VAR_POSITIONAL) for one in parameters):
        return "takes no mini-batch; write def run(mini_batch), which gets a list of file paths"
    return ""


def _takes_context(function: Callable[..., Any]) -> bool:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    plain = [one for one in parameters if one.kind in _POSITIONAL]
    return len(plain) > 1 and (
        plain[1].default is inspect.Parameter.empty or plain[1].name == "mini_batch_context"
    )


def _wrong(message: str) -> faults.Unusable:
    return faults.Unusable(faults.WRONG_CONFIGURATION, "WrongConfiguration", message)
