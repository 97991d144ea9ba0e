"""One wheel with one top-level name that holds every package and every data file; the data side needs no torch."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution, requires
from importlib.resources import files
from pathlib import Path

import pytest
from modules import FLOORS, ROOT

import georsmllm

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
NOT_SHIPPED = {".sh"}  # they belong to a clone: they install the repository that they lie in
FROM_SOURCE = Path(georsmllm.__file__).parent == ROOT / "georsmllm"
FORBIDDEN = {"torchvision", "timm", "sam2"}
IRON = {"torch", "transformers", "peft", "accelerate", "deepspeed", "trl"}


def packages_of_the_tree() -> dict[str, Path]:
    """Package -> folder, for every folder that holds Python files."""
    found = {}
    for floor, package in FLOORS.items():
        for folder in sorted({path.parent for path in (ROOT / floor).rglob("*.py")}):
            found[".".join((package, *folder.relative_to(ROOT / floor).parts))] = folder
    return found


def data_files_of_the_tree() -> list[tuple[str, str]]:
    """(package, path below it) of every file that is no Python file."""
    packages = packages_of_the_tree()
    found = []
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*")):
            if not path.is_file() or path.suffix in {".py", ".pyc", ".nbi", ".nbc", *NOT_SHIPPED}:
                continue
            package, folder = max(
                ((name, folder) for name, folder in packages.items() if path.is_relative_to(folder)),
                key=lambda item: len(item[1].parts),
            )
            found.append((package, path.relative_to(folder).as_posix()))
    return found


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9_.-]", text, maxsplit=1)[0].lower().replace("_", "-") for text in requirements}


def test_the_list_of_packages_is_the_tree() -> None:
    assert sorted(SETUPTOOLS["packages"]) == sorted(packages_of_the_tree())


def test_every_floor_is_mapped_to_its_folder() -> None:
    assert SETUPTOOLS["package-dir"] == {package: floor for floor, package in FLOORS.items()}


def test_every_package_says_what_it_is() -> None:
    assert [name for name, folder in packages_of_the_tree().items() if not (folder / "__init__.py").is_file()] == []


def test_every_data_file_is_in_package_data() -> None:
    shipped = {
        (package, path.relative_to(folder).as_posix())
        for package, folder in packages_of_the_tree().items()
        for pattern in SETUPTOOLS["package-data"].get(package, [])
        for path in folder.glob(pattern)
        if path.is_file()
    }
    assert set(data_files_of_the_tree()) - shipped == set()


def test_no_pattern_of_package_data_is_empty() -> None:
    folders = packages_of_the_tree()
    empty = [
        (package, pattern)
        for package, patterns in SETUPTOOLS["package-data"].items()
        for pattern in patterns
        if not list(folders[package].glob(pattern))
    ]
    assert empty == []


@pytest.mark.parametrize(("package", "path"), data_files_of_the_tree())
def test_every_data_file_opens_where_it_is_installed(package: str, path: str) -> None:
    at_home = packages_of_the_tree()[package] / path
    assert files(package).joinpath(path).read_bytes() == at_home.read_bytes()


@pytest.mark.skipif(
    FROM_SOURCE, reason="only an installed wheel has a list of its files; scripts/test.sh runs this on it"
)
def test_the_wheel_has_one_top_level_name() -> None:
    listed = distribution("georsmllm").files
    assert listed is not None
    tops = {path.parts[0] for path in listed if path.parts[0] != ".."}  # "..": the console script
    assert {name for name in tops if not name.endswith(".dist-info")} == {"georsmllm"}


@pytest.mark.skipif(FROM_SOURCE, reason="an editable install has the files of the tree")
def test_the_wheel_holds_the_modules_of_the_tree_and_no_others() -> None:
    listed = {path.as_posix() for path in distribution("georsmllm").files or () if path.suffix == ".py"}
    home = {
        f"{package.replace('.', '/')}/{path.name}"
        for package, folder in packages_of_the_tree().items()
        for path in folder.glob("*.py")
    }
    assert listed == home


def test_what_is_tested_is_not_a_mixture_of_source_and_wheel() -> None:
    folder = Path(georsmllm.__file__).parent
    expected = {
        package: ROOT / floor if FROM_SOURCE else folder.joinpath(*package.split(".")[1:])
        for floor, package in FLOORS.items()
    }
    assert {package: Path(str(files(package))) for package in expected} == expected


def test_the_data_side_installs_without_torch() -> None:
    core = names([text for text in requires("georsmllm") or [] if "extra ==" not in text])
    assert core == names(PROJECT["project"]["dependencies"])
    assert core & IRON == set()


def test_nothing_asks_for_what_breaks_transformers() -> None:
    asked = [*PROJECT["project"]["dependencies"]]
    for name, extra in PROJECT["project"].get("optional-dependencies", {}).items():
        asked += [
            text for text in extra if not (name == "sam2" and names([text]) == {"sam2"})
        ]  # who asks for it by name
    lines = (ROOT / "constraints-cpu.txt").read_text(encoding="utf-8").splitlines()
    assert names(asked + [line for line in lines if line and not line.startswith("#")]) & FORBIDDEN == set()


def test_every_dependency_is_pinned_for_the_cpu_and_the_ranges_are_open() -> None:
    lines = (ROOT / "constraints-cpu.txt").read_text(encoding="utf-8").splitlines()
    pinned = names([line for line in lines if "==" in line and not line.startswith("#")])
    asked = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]]
    assert names(asked) - pinned == set()
    assert [text for text in asked if not re.fullmatch(r"[A-Za-z0-9_.-]+>=[0-9.]+(,<\d+)?", text)] == []


def test_the_version_is_told_once() -> None:
    assert distribution("georsmllm").version == georsmllm.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == georsmllm.__version__  # type: ignore[index]
