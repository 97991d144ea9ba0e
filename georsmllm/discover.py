"""Plug-ins by their file: names without importing anything, then one import for the one that is used."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
import sys
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast

from georsmllm.contracts import Converter, Dialect, Task
from georsmllm.errors import UsageError


def converter_names() -> tuple[str, ...]:
    """Built-in and installed third-party readers (entry-point group `georsmllm.converters`), sorted."""
    installed = {entry.name for entry in entry_points(group="georsmllm.converters")}
    return tuple(sorted({*_module_names("georsmllm.converters"), *installed}))


def task_names() -> tuple[str, ...]:
    return _module_names("georsmllm.instruct_data.tasks")


def converter(name: str) -> Converter:
    """The reader of that name, or of a person's own file when the name is a path that ends in .py."""
    if name.endswith(".py"):
        return cast(Converter, _from_file(Path(name), "CONVERTER"))
    if name in _module_names("georsmllm.converters"):
        return cast(Converter, importlib.import_module(f"georsmllm.converters.{name}").CONVERTER)
    for entry in entry_points(group="georsmllm.converters", name=name):
        return cast(Converter, entry.load())
    raise UsageError(f"no converter is called {name!r}; {nearest(name, converter_names())}")


def task(name: str) -> Task:
    if name not in task_names():
        raise UsageError(f"no task is called {name!r}; {nearest(name, task_names())}")
    return cast(Task, importlib.import_module(f"georsmllm.instruct_data.tasks.{name}").TASK)


@cache
def dialect_names() -> tuple[str, ...]:
    return _module_names("georsmllm.dialects")


@cache
def dialect(name: str) -> Dialect:
    """Asked for every record, and so looked for once."""
    if name not in dialect_names():
        raise UsageError(f"no dialect is called {name!r}; {nearest(name, dialect_names())}")
    return cast(Dialect, importlib.import_module(f"georsmllm.dialects.{name}").DIALECT)


def export_names() -> tuple[str, ...]:
    return _module_names("georsmllm.instruct_data.export")


def nearest(name: str, names: tuple[str, ...]) -> str:
    """The tail of an error: the three names most like the one that came, or all of them."""
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    return f"did you mean {', '.join(close)}?" if close else f"there are: {', '.join(names)}"


def _module_names(package: str) -> tuple[str, ...]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise UsageError(f"the package {package} is not installed whole; reinstall georsmllm")
    return tuple(
        sorted(
            m.name for m in pkgutil.iter_modules(list(spec.submodule_search_locations)) if not m.name.startswith("_")
        )
    )


def _from_file(path: Path, attribute: str) -> object:
    if not path.is_file():
        raise UsageError(f"no such file: {path}")
    name = f"georsmllm_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise UsageError(f"{path}:{error.lineno}: {error.msg}") from None
    except ImportError as error:
        raise UsageError(f"{path} cannot be imported: {error}") from None
    if attribute not in vars(module):
        raise UsageError(f"{path} has no {attribute}; a converter file ends with CONVERTER = Converter(...)")
    return vars(module)[attribute]
