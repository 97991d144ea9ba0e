"""`georsmllm model` makes folders that load, shows them without torch, and says in one line what was wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hand_made_set import write_set

from georsmllm.errors import UsageError
from georsmllm.model import adapters, load, spec
from georsmllm.model.anyres import published
from georsmllm.model.tiny import SIZES
from georsmllm.model.tokens import Chat
from georsmllm.scripts.model import command, parameter_table, token_table
from georsmllm.train.recipe import Lora

pytestmark = pytest.mark.filterwarnings("default")


def run(*words: object) -> str:
    result = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("command") / "mini"
    assert run("tiny", "mini", "--out", out) == f"{out}: 205,488 parameters\n"
    return out


def test_a_tiny_tokenizer_learns_the_texts_of_a_set(mini: Path, tmp_path: Path) -> None:
    data = write_set(tmp_path / "set")
    run("tiny", "mini", "--set", data, "--out", tmp_path / "taught", "--dtype", "bfloat16")
    plain, taught = Chat.of_folder(mini), Chat.of_folder(tmp_path / "taught")
    assert plain.tokenizer.get_vocab() != taught.tokenizer.get_vocab()
    assert str(load.model(tmp_path / "taught").dtype) == "torch.bfloat16"


def test_a_model_is_shown_by_module_and_image_size(mini: Path) -> None:
    lines = run("show", mini, "--size", "100x60", "--size", "28x28").splitlines()
    assert lines[:5] == [
        "module          parameters       bf16",
        "projector            7,360      0 MiB",
        "llm                131,648      0 MiB",
        "vision              66,480      0 MiB",
        "all                205,488      0 MiB",
    ]
    assert lines[-4:] == [
        "      image   grid  crops  visual tokens",
        "     100x60    3x2      7             32",
        "      28x28    1x1      2             10",
        "each of two      -      1              5",
    ]


def test_the_published_model_as_a_table() -> None:
    table = "\n".join([*parameter_table(spec.published("7b")), *token_table(published(), [(512, 512), (1024, 1024)])])
    assert "all          8,030,807,584 15,318 MiB" in table
    assert "    512x512    2x2      5           3699" in table
    assert "  1024x1024    3x3     10           7371" in table
    assert "each of two      -      1            730" in table


def test_showing_needs_no_torch(mini: Path) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from georsmllm.scripts.model import command\n"
        f"assert CliRunner().invoke(command, ['show', {str(mini)!r}]).exit_code == 0\n"
        "print(sorted({'torch', 'transformers', 'numpy'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_published_form_is_prepared_and_an_adapter_merged(mini: Path, tmp_path: Path) -> None:
    run("assemble", "--from", mini, "--out", tmp_path / "start")
    model = adapters.attach(load.model(tmp_path / "start"), Lora(r=2), ("llm",))
    adapter = adapters.save_adapter(model, tmp_path / "start", tmp_path / "adapter")
    (tmp_path / "start").rename(tmp_path / "moved")
    with pytest.raises(UsageError, match="is --base"):
        run("merge", adapter, "--out", tmp_path / "merged")
    said = run("merge", adapter, "--out", tmp_path / "merged", "--base", tmp_path / "moved")
    assert said == f"{tmp_path / 'merged'}: 205,488 parameters\n"
    load.model(tmp_path / "merged")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tiny", "maxi", "--out", "new"), "no tiny model is called 'maxi'; did you mean mini"),
        (("assemble", "--out", "new"), "made of --llm and --vision, or of --from alone"),
        (("assemble", "--llm", "a", "--out", "new"), "made of --llm and --vision, or of --from alone"),
        (("assemble", "--from", "a", "--dtype", "float32", "--out", "new"), "which takes no other option"),
        (
            ("assemble", "--from", "./nowhere", "--out", "new"),
            "no such folder: nowhere; expected the folder of a model",
        ),
        (("merge", ".", "--out", "new"), r"has no adapter_config\.json; expected an adapter"),
        (("merge", "nowhere", "--out", "new"), "no such folder: nowhere; expected the folder of an adapter"),
        (("show", "."), r"no such file: config\.json; expected the folder of a model"),
        (
            ("tiny", "mini", "--out", "taken"),
            "taken is there already and holds a.txt; choose another place, or remove it",
        ),
        (("assemble", "--from", "a", "--out", "taken"), "taken is there already"),
        (("merge", "a", "--out", "taken"), "taken is there already"),
        (("consolidate", "a", "--out", "taken"), "taken is there already"),
    ],
)
def test_a_mistake_is_one_line(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "a.txt").touch()
    with pytest.raises(UsageError, match=said):
        run(*words)
    assert not (tmp_path / "new").exists()


def test_a_size_that_is_none_is_named(mini: Path) -> None:
    result = CliRunner().invoke(command, ["show", str(mini), "--size", "1024"])
    assert result.exit_code == 2
    assert "expected a size like 1024x768, got '1024'" in result.output


@pytest.mark.parametrize("name", ["assemble", "tiny", "merge", "show", "consolidate"])
def test_every_command_says_what_it_does(name: str) -> None:
    assert "Options:" in run(name, "--help")
    assert name in run("--help")


def test_the_help_knows_how_large_tiny_is() -> None:
    lines = [line.split() for line in run("tiny", "--help").splitlines()]
    said = {words[0]: words[1] for words in lines if len(words) > 2 and words[2].startswith("M")}
    assert said == {name: f"{one.spec.num_parameters / 1e6:.1f}" for name, one in SIZES.items()}
