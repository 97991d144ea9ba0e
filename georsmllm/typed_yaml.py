"""YAML files that a person writes as one typed value: what is wrong in them is one line with its place in the file."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from georsmllm.discover import nearest
from georsmllm.errors import UsageError
from georsmllm.overrides import Plain, loader, set_key

if TYPE_CHECKING:
    import yaml

T = TypeVar("T", bound=msgspec.Struct)


def load(
    type_: type[T],
    path: Path | None,
    overrides: Sequence[str] = (),
    flags: Mapping[str, Plain] | None = None,
    *,
    anchor: Callable[[dict[str, Plain], Path], None],
) -> T:
    """The value of a YAML file (or of nothing), then dotted `key=value` overrides, then flags; raises UsageError.

    anchor(tree, folder) makes the relative paths of a tree absolute: those of the file from its folder, all others from
    the working directory.
    """
    tree, root = _from_file(type_, path) if path is not None else ({}, None)
    if path is not None:
        anchor(tree, path.absolute().parent)
    for override in overrides:
        set_key(tree, override)
    tree.update(flags or {})
    anchor(tree, Path.cwd())
    try:
        return msgspec.convert(tree, type_)
    except msgspec.ValidationError as error:
        raise UsageError(_explain(type_, str(error), path, root)) from None


def dump(value: msgspec.Struct) -> str:
    """A value as YAML, every key in its place; `load` reads it back."""
    import yaml

    return yaml.safe_dump(msgspec.to_builtins(value), sort_keys=False, allow_unicode=True)


def _from_file(type_: type[msgspec.Struct], path: Path) -> tuple[dict[str, Plain], yaml.Node | None]:
    import yaml

    text = _read(path)
    try:
        root = yaml.compose(text, Loader=loader())
        loaded = yaml.load(text, Loader=loader())  # noqa: S506 - a safe loader of our own
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(loaded, dict):
        first = msgspec.structs.fields(type_)[0].encode_name
        raise UsageError(f"{path}: expected keys like `{first}:`, got {type(loaded).__name__}")
    _refuse_twins(root, path)
    return cast(dict[str, Plain], loaded), root


def _refuse_twins(node: yaml.Node | None, path: Path) -> None:
    """YAML keeps the last of two equal keys and says nothing; we say where."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise UsageError(f"{path}:{key.start_mark.line + 1}: the key {key.value!r} stands there a second time")
            seen.add(key.value)
            _refuse_twins(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_twins(item, path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"no such recipe: {path}") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise UsageError(f"{path}: expected a YAML text file") from None


_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`(?: - at `\$(?P<at>[^`]*)`)?")
_AT = re.compile(r" - at (?:`key` in )?`\$(?P<at>[^`]*)`$")


def _explain(type_: type[msgspec.Struct], message: str, path: Path | None, root: yaml.Node | None) -> str:
    unknown = _UNKNOWN.match(message)
    at = unknown["at"] if unknown else (found["at"] if (found := _AT.search(message)) else "")
    steps = [name or number for name, number in re.findall(r"\.([^.\[]+)|\[([0-9]+)\]", at or "")]
    if unknown:
        known = tuple(f.encode_name for f in msgspec.structs.fields(_struct_at(type_, steps)))
        place = ".".join(steps)
        message = (
            f"unknown key {unknown['key']!r}"
            + (f" in {place}" if place else "")
            + f"; {nearest(unknown['key'], known)}"
        )
        steps = [*steps, unknown["key"]]
    else:
        message = _plain(_AT.sub("", message)).replace("Object missing", "missing") + _choices(type_, message, steps)
        message += f" at {'.'.join(steps)}" if steps else ""
    line = _line(root, steps)
    return f"{path or 'recipe'}{f':{line}' if line else ''}: {message}"


def _choices(type_: type[msgspec.Struct], message: str, steps: Sequence[str]) -> str:
    """The values that a key takes, where the one that came is none of them."""
    if not message.startswith("Invalid enum value"):
        return ""
    *_, key = (step for step in steps if not step.isdigit())
    hint: object = get_type_hints(_struct_at(type_, steps[: steps.index(key)]))[key]
    while get_origin(hint) is not Literal and get_args(hint):  # a list of words, or a word that may be absent
        hint = next(one for one in get_args(hint) if get_args(one))
    return f"; it is one of {', '.join(map(str, get_args(hint)))}"


_WORDS = {"`object`": "a group of keys", "`array`": "a list", "`str`": "text", "`int`": "a whole number",
          "`float`": "a number", "`bool`": "yes or no", "`null`": "nothing"}  # fmt: skip


def _plain(message: str) -> str:
    """The codec's words for types in a person's."""
    for word, plain in _WORDS.items():
        message = message.replace(word, plain)
    return message


def _struct_at(type_: type[msgspec.Struct], steps: Sequence[str]) -> type[msgspec.Struct]:
    """The innermost typed group of keys on the way that these steps take."""
    found, current = type_, cast(object, type_)
    for step in steps:
        if isinstance(current, type) and issubclass(current, msgspec.Struct):
            current = get_type_hints(current, include_extras=False).get(step)
        else:
            current = _inside(current)
        inner = _group(current)
        if inner is not None:
            found = current = inner
    return found


def _inside(hint: object) -> object:
    """What a list or a table of that type holds."""
    held = [one for one in get_args(hint) if one is not Ellipsis]
    return held[-1] if held else None


def _group(hint: object) -> type[msgspec.Struct] | None:
    """The group of keys that a hint means, also where it may be absent."""
    if get_origin(hint) in (Union, types.UnionType):
        return next((found for one in get_args(hint) if (found := _group(one)) is not None), None)
    return hint if isinstance(hint, type) and issubclass(hint, msgspec.Struct) else None


def _line(root: yaml.Node | None, steps: Sequence[str]) -> int:
    """The line of a key in the file, 0 where it does not stand in it."""
    import yaml

    node, line = root, 0
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == step), None)
            if pair is None:
                return line
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
            line = node.start_mark.line + 1
    return line
