"""What the texts say is there: commands, links, recipes; and what must not be in them: paths of somebody's machine."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
from modules import FLOORS, ROOT

from georsmllm.discover import converter_names, task_names
from georsmllm.pointtext import decode, encode
from georsmllm.recipe import load
from georsmllm.scripts.cli import COMMANDS

MAKERS = {"asking.py", "__init__.py", "cli.py", "progress.py", "demo_world.py", "demo_paint.py", "demo_scenes.py"}
MARKDOWN = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RECIPES = sorted((ROOT / "scripts" / "recipes").glob("*.yaml"))
SHELL = sorted((ROOT / "scripts").rglob("*.sh"))
TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".sh", ".cff", ".json", ".html", ".css", ".js", ""}
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|tmp/[\w.]+)/")
POINT_TEXT = re.compile(r"\[\(\d[^`\s]*\)\]")
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)#\s]+)(?:#[^)]*)?\)")


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a git clone")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


def shell_lines(text: str) -> list[str]:
    """The command lines in the indented or fenced shell blocks of a Markdown text, continuation lines joined."""
    blocks = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [
        line.removeprefix("$ ").split(" #")[0].strip() for line in lines if line.strip() and not line.startswith("#")
    ]


def test_the_table_of_commands_is_the_folder() -> None:
    found = {path.stem for path in (ROOT / "scripts").glob("*.py") if path.name not in MAKERS}
    assert set(COMMANDS) == found


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_one_file_and_says_what_its_row_says(name: str) -> None:
    command = importlib.import_module(f"georsmllm.scripts.{name}").command
    assert isinstance(command, click.Command)
    assert (command.help or "").strip() != ""


def assert_command_exists(line: str) -> None:
    """Of the word georsmllm: its command, and the options that the line gives it."""
    words = shlex.split(line)
    if words[1].startswith("-"):
        return
    assert words[1] in COMMANDS, line
    command = importlib.import_module(f"georsmllm.scripts.{words[1]}").command
    if isinstance(command, click.Group):
        command = command.commands[words[2]]
    flags = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    used = {word.split("=")[0] for word in words[2:] if word.startswith("-")}
    assert used <= flags | {"--help", "-h"}, line


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.name)
def test_every_command_in_the_texts_exists(path: Path) -> None:
    for line in shell_lines(path.read_text(encoding="utf-8")):
        words = shlex.split(line)
        if words[0] == "georsmllm":
            assert_command_exists(line)
        elif words[0].startswith(("scripts/", "./scripts/", ".ci/")):
            assert (ROOT / words[0]).is_file(), line
        elif words[0] == "make":
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), line


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_every_command_of_the_shell_scripts_exists(path: Path) -> None:
    for line in re.findall(
        r"^(?:srun \S+ )?(georsmllm [^|&\n]+?)(?: \|\|.*)?$", path.read_text(encoding="utf-8"), re.MULTILINE
    ):
        assert_command_exists(line)


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [link for link in LINK.findall(text) if not (path.parent / link).exists()] == []


def test_the_readme_names_every_command_reader_and_task() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([a-z_]+)` ", text, re.MULTILINE))
    assert {*COMMANDS, *converter_names(), *task_names()} - named == set()


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.name)
def test_every_point_text_in_the_texts_is_heard_and_said_again(path: Path) -> None:
    for text in POINT_TEXT.findall(path.read_text(encoding="utf-8").replace("\\|", "|")):
        assert encode(decode(text, (1000, 1000)), (1000, 1000)) == text


def test_the_architecture_names_every_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    modules_of_ours = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    missing = [
        path.relative_to(ROOT).as_posix()
        for path in modules_of_ours
        if not path.name.startswith("_") and path.parent != ROOT / "scripts" and f"{path.name}`" not in text
    ]
    assert missing == []


def test_ci_runs_the_readme_s_own_test_command() -> None:
    command = "scripts/test.sh"
    assert command in shell_lines((ROOT / "README.md").read_text(encoding="utf-8"))
    assert re.search(rf"^{command}\b", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)


def test_no_file_names_a_place_on_somebody_s_machine() -> None:
    found = []
    for path in tracked():
        if path.suffix in TEXT and path.is_file() and path.name != "LICENSE":
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
                if MACHINE.search(line):
                    found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert found == []


@pytest.mark.parametrize(
    ("parts", "seen"),  # in parts, so that this file does not hold what it forbids
    [
        (("in ", "home", "ann", "data"), True),
        (("", "work", "main"), True),
        (("see ", "data", "DOTA"), False),
        (("a", "work", "b"), False),
    ],
)
def test_a_place_on_a_machine_would_be_seen(parts: tuple[str, ...], seen: bool) -> None:
    assert bool(MACHINE.search("/".join(parts))) is seen


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_recipe_loads_and_names_what_exists(path: Path) -> None:
    recipe = load(path)
    assert {source.dataset for source in recipe.sources} <= set(converter_names())
    assert set(recipe.tasks) <= set(task_names())


def test_the_demo_recipe_shows_every_task() -> None:
    assert sorted(load(ROOT / "scripts" / "recipes" / "demo.yaml").tasks) == sorted(task_names())


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_shell_scripts_parse(path: Path) -> None:
    subprocess.run(["bash", "-n", path], check=True)


def test_no_group_of_a_pattern_is_possessive() -> None:
    """Python 3.11.0 to 3.11.4 match `(...)*+` wrongly where the group itself backtracks (CPython gh-106052); `(?>(...)*)` is
    the same and right."""
    possessive = re.compile(r"""[^\\]\)(?:[*+?]|\{\{?[0-9,]+\}?\})\+[^ =]""")
    found = [
        f"{path}:{number}"
        for path in sorted(p for folder in FLOORS for p in (ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if possessive.search(line)
    ]
    assert found == []
