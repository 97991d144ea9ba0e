"""Three floors: the library knows no wing, a wing knows no other wing, nobody imports in a circle."""

from __future__ import annotations

import ast

import pytest
from modules import FLOORS, ROOT, WINGS, Import, Module, imports, modules

MODULES = modules()
NAMES = {module.name for module in MODULES}
IRON = {"torch", "transformers", "peft", "accelerate", "deepspeed", "trl", "safetensors"}
BARE = {"converters", "instruct_data", "parser", "scripts"}
BINDERS = {"georsmllm.__main__", "georsmllm.loading"}
"""The door for launchers that start modules, and the function that binds the default planner and executor."""
UNWANTED = {"torchvision", "timm", "sam2"}  # a CPU torchvision beside torch breaks every image import of transformers
LAZILY = {"georsmllm.sam_meta": "sam2"}  # the one file that may ask for it, inside a function: it brings torchvision


def complaints(module: Module) -> list[str]:
    return [f"{module.path}:{one.line}: {why}" for one in module.imports if (why := complaint(module, one))]


def complaint(module: Module, one: Import) -> str:
    """Why an import breaks the floors, "" when it does not."""
    root = one.name.split(".")[0]
    if not one.relative and root in BARE:
        return f"the bare name {root} would make a second copy of the module; import georsmllm.{root}"
    if root in UNWANTED and (one.top or LAZILY.get(module.name) != root):
        return f"{root} must not be needed anywhere"
    floor = floor_of(one.name)
    if module.floor == "scripts" or module.name in BINDERS:
        return ""
    if floor == "scripts":
        return "only the doors know the doors"
    if module.floor == "georsmllm":
        return f"the library knows no wing, got {one.name}" if floor in WINGS else ""
    if root in IRON:
        return f"a wing installs and runs without {root}"
    if floor in WINGS and floor != module.floor:
        return f"one wing does not know another, got {one.name}"
    if floor == module.floor and not one.relative:
        return f"siblings are imported relatively, got {one.name}"
    if floor == "georsmllm" and one.relative:
        return "the library is imported absolutely, as georsmllm.<module>"
    return ""


def floor_of(name: str) -> str | None:
    below = [floor for floor, package in FLOORS.items() if name == package or name.startswith(f"{package}.")]
    return max(below, key=lambda floor: len(FLOORS[floor]), default=None)


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_imports_only_what_it_may(floor: str) -> None:
    assert [line for module in MODULES if module.floor == floor for line in complaints(module)] == []


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("georsmllm.images", "import numpy", ""),
        ("georsmllm.images", "from georsmllm.converters import dota", "the library knows no wing"),
        ("georsmllm.images", "def f():\n    import georsmllm.scripts.cli", "only the doors"),
        ("georsmllm.converters.dota", "from georsmllm.types import Ring", ""),
        ("georsmllm.converters.dota", "from georsmllm import images", ""),
        ("georsmllm.converters.dota", "from . import coco", ""),
        ("georsmllm.converters.dota", "from ..types import Ring", "imported absolutely"),
        ("georsmllm.converters.dota", "from georsmllm.converters.coco import find", "relatively"),
        ("georsmllm.converters.dota", "from ..instruct_data import build", "one wing does not know another"),
        ("georsmllm.converters.dota", "import georsmllm.parser", "one wing does not know another"),
        ("georsmllm.converters.dota", "def f():\n    import torch.nn", "without torch"),
        ("georsmllm.scripts.build", "from converters import dota", "second copy"),
        ("georsmllm.scripts.build", "import georsmllm.converters.dota", ""),
        ("georsmllm.scripts.build", "import torchvision", "must not be needed"),
        ("georsmllm.sam_meta", "def f():\n    import sam2.build_sam", ""),
        ("georsmllm.sam_meta", "import sam2.build_sam", "must not be needed"),
        ("georsmllm.sam_meta", "def f():\n    import torchvision", "must not be needed"),
        ("georsmllm.sam", "def f():\n    import sam2.build_sam", "must not be needed"),
    ],
)
def test_the_rules_see_what_they_forbid(name: str, line: str, expected: str) -> None:
    floor = floor_of(name)
    assert floor is not None
    module = Module(name, floor, ROOT, tuple(imports(ast.parse(line), name.rpartition(".")[0])))
    assert [expected in text for text in complaints(module)] == ([True] if expected else [])


def edges() -> dict[str, set[str]]:
    """Module -> modules of ours that it imports, at the top or inside a function."""
    graph: dict[str, set[str]] = {module.name: set() for module in MODULES}
    for module in MODULES:
        for one in module.imports:
            names = (one.name, one.name.rpartition(".")[0])  # `from a.b import c`: c may be a module or a name in a.b
            graph[module.name].update([name for name in names if name in NAMES][:1])
    return graph


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of the graph, [] when there is none."""
    done: set[str] = set()

    def visit(name: str, road: list[str]) -> list[str]:
        if name in road:
            return [*road[road.index(name) :], name]
        if name in done:
            return []
        for after in sorted(graph[name] - {name}):
            if found := visit(after, [*road, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := visit(name, []))), [])


def test_no_module_is_imported_in_a_circle() -> None:
    assert circle(edges()) == []


def test_a_circle_would_be_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_tests_and_benchmarks_use_no_bare_name() -> None:
    found = []
    for path in sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]):
        for one in imports(ast.parse(path.read_text(encoding="utf-8")), "tests"):
            if not one.relative and one.name.split(".")[0] in BARE | UNWANTED:
                found.append(f"{path}:{one.line}: {one.name}")  # noqa: PERF401 - two loops and a condition read better so
    assert found == []
