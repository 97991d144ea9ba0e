"""The project's modules as they lie in the tree: name, floor, and what each imports, read with `ast`, never imported."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FLOORS = {
    "georsmllm": "georsmllm",
    "converters": "georsmllm.converters",
    "instruct_data": "georsmllm.instruct_data",
    "parser": "georsmllm.parser",
    "scripts": "georsmllm.scripts",
}
WINGS = ("converters", "instruct_data", "parser")


class Import(NamedTuple):
    """One imported name in absolute form. relative: written with dots. top: at the top of the file, run on import."""

    name: str
    relative: bool
    top: bool
    line: int


class Module(NamedTuple):
    name: str
    floor: str
    path: Path
    imports: tuple[Import, ...]


def modules(root: Path = ROOT) -> tuple[Module, ...]:
    return tuple(_module(root, floor, path) for floor in FLOORS for path in sorted((root / floor).rglob("*.py")))


def _module(root: Path, floor: str, path: Path) -> Module:
    below = path.relative_to(root / floor).with_suffix("").parts
    package = below[-1:] == ("__init__",)
    name = ".".join((FLOORS[floor], *(below[:-1] if package else below)))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return Module(name, floor, path, tuple(imports(tree, name if package else name.rpartition(".")[0])))


def imports(tree: ast.Module, package: str) -> list[Import]:
    """What a file imports, except under `if TYPE_CHECKING:`, which never runs."""
    found: list[Import] = []

    def walk(node: ast.AST, top: bool) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, False, top, node.lineno) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            origin = ".".join(part for part in (base, node.module or "") if part)
            found.extend(Import(f"{origin}.{alias.name}", node.level > 0, top, node.lineno) for alias in node.names)
        inner = top and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            walk(child, inner)

    walk(tree, True)
    return found


MODULES_BY_NAME = {module.name: module for module in modules()}
