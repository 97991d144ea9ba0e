"""`georsmllm train` at the door: what is wrong is one line, before anything heavy is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = """
model: {tiny: mini}
data: {sources: [{path: set}]}
stages: [{name: all}]
"""


def run(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """With no torch to be found."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    code = "import sys; sys.modules['torch'] = None\nfrom georsmllm.scripts.cli import main\nmain()"
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("seeds=1",), "unknown key 'seeds'"),
        (("stages.0.train=[head]",), "projector, llm, vision"),
        (("deepspeed=zero4",), "no settings are called 'zero4'"),
        (("world=8",), "the recipe counts on 8 processes, 1 is here"),
    ],
)
def test_what_a_person_got_wrong_is_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = run(tmp_path, "train", "recipe.yaml", "--out", "run", *words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr
    assert said in done.stderr
    assert not (tmp_path / "run").exists()


def test_deepspeeds_launcher_may_say_the_rank_before_the_command(tmp_path: Path) -> None:
    done = run(tmp_path, "--local_rank=0", "train", "recipe.yaml", "--out", "run", "world=2")
    assert done.stderr.startswith("georsmllm: the recipe counts on 2 processes")


def test_help_teaches_every_launcher(tmp_path: Path) -> None:
    done = run(tmp_path, "train", "--help")
    assert done.returncode == 0
    for launcher in ("torchrun", "deepspeed", "accelerate", "srun"):
        assert launcher in done.stdout
