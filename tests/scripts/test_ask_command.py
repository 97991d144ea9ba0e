"""`georsmllm ask` and `chat` on a model of 0.2 M parameters that knows nothing: what it says is chance, its form is not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from blobs import painted
from click.testing import CliRunner

import georsmllm
from georsmllm.errors import UsageError
from georsmllm.model import tiny
from georsmllm.scripts.ask import command
from georsmllm.scripts.chat import command as chat

pytestmark = pytest.mark.filterwarnings("default")
SHIP = (220, 60, 60)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("ask")
    tiny.make("mini", home / "model", seed=3)
    painted((160, 120), [(SHIP, (20, 20, 60, 40))]).save(home / "scene.png")
    return home


def ask(home: Path, *words: str, model: str = "model"):
    line = [*words, "-m", str(home / model), "--max-new-tokens", "64"]
    return CliRunner().invoke(command, line, catch_exceptions=False)


def test_an_answer_is_shown_step_by_step_and_kept(home, tmp_path):
    out = [tmp_path / name for name in ("a.geojson", "a.png", "a.tif", "a.json")]
    words = [word for path in out for word in ("-o", str(path))]
    result = ask(home, str(home / "scene.png"), "the largest ship", *words)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "  s1  Detect all ships."
    assert lines[2].startswith("  s2  From s1, ")
    assert [line for line in lines if line.startswith("wrote ")] == [f"wrote {path}" for path in out]
    assert all(path.stat().st_size > 100 for path in out)
    told = json.loads((tmp_path / "a.geojson").read_text())
    assert told["type"] == "FeatureCollection"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in out)  # the journal is gone


def test_a_crs_is_of_those_files_that_hold_one(home, tmp_path):
    out = [str(tmp_path / name) for name in ("a.geojson", "a.png")]
    result = ask(home, str(home / "scene.png"), "ships", "-o", out[0], "-o", out[1], "--crs", "source")
    assert [line for line in result.stdout.splitlines() if line.startswith("wrote ")] == [f"wrote {one}" for one in out]


def test_json_is_all_that_stands_on_stdout(home):
    result = ask(home, str(home / "scene.png"), "ships", "--json")
    told = json.loads(result.stdout)
    assert told["query"] == "ships"
    assert [step["id"] for step in told["steps"]] == ["s1"]
    assert "no affine and no CRS" in result.stderr


def test_a_tag_goes_to_the_model_as_it_is(home):
    result = ask(home, str(home / "scene.png"), "[caption] Describe the image.")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "  s1  Describe the image."


def test_a_plan_that_was_parsed_and_changed_is_walked(home, tmp_path):
    parsed = subprocess.run(
        [sys.executable, "-m", "georsmllm", "parse", "ships", "--json"], capture_output=True, text=True, check=True
    )
    (tmp_path / "plan.json").write_text(parsed.stdout.replace("Detect all ships.", "Detect the ships."))
    result = ask(home, str(home / "scene.png"), "whatever", "--plan", str(tmp_path / "plan.json"))
    assert result.stdout.splitlines()[0] == "  s1  Detect the ships."


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.png", "ships"], "no such image file"),
        (["scene.png", "ships", "-o", "a.xyz"], r"to end in \.geojson"),
        (["scene.png", "ships", "--crs", "EPSG:4326", "-o", "a.png"], "can be asked of"),
        (["scene.png", "ships", "--crs", "EPSG:4326", "-o", "a.gpkg"], "need an image with a place on Earth"),
        (["scene.png", "ships", "--crs", "nonsense", "-o", "a.gpkg"], "expected a CRS such as"),
        (["scene.png", "ships", "--box", "1,2"], "expected x1,y1,x2,y2"),
        (["scene.png", "ships", "--box", "300,2,400,9"], "less than a pixel"),
        (["scene.png", "ships", "--overlap", "2000"], "not less than --tile-size"),
        (["scene.png", "ships", "--percentiles", "9"], "expected two numbers"),
        (["scene.png", "ships", "--planner", "llm"], "--llm-url and --llm-model"),
        (["scene.png", "ships", "--plan", "missing.json"], "cannot read the plan"),
        (["scene.png", "ships", "--sam", "nowhere"], "nowhere"),
        (["scene.png", "scene.png", "scene.png", "ships"], "3 images"),
        (["scene.png", " "], "an empty query"),
        (["https://example.org/a.png", "ships"], "nothing is fetched"),
    ],
)
def test_a_mistake_is_one_line(home, monkeypatch, words, message):
    monkeypatch.chdir(home)
    with pytest.raises(UsageError, match=message) as mistake:
        ask(home, *words)
    assert "\n" not in str(mistake.value)


def test_a_killed_ask_goes_on_where_it_was(home, tmp_path, monkeypatch):
    """The first run is broken off between its questions; the second asks only what is left."""
    from georsmllm.recalling import Recalling

    asked: list[int] = []
    learn = Recalling._learn

    def broken(self, keys, answers):
        learn(self, keys, answers)
        asked.append(len(keys))
        if len(asked) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Recalling, "_learn", broken)
    words = (str(home / "scene.png"), "ships near the building", "-o", str(tmp_path / "a.json"))
    with pytest.raises(click.Abort):
        CliRunner().invoke(command, [*words, "-m", str(home / "model")], catch_exceptions=False, standalone_mode=False)
    (journal,) = tmp_path.iterdir()
    assert journal.name.startswith(".a.json.")
    kept = journal.read_bytes()
    result = CliRunner().invoke(command, [*words, "-m", str(home / "model")], catch_exceptions=False)
    assert result.exit_code == 0
    assert kept.count(b"\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json"]


def test_a_conversation_reads_lines_and_survives_mistakes(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = "ships\n/nonsense\n/mask\n/say Hello?\n/quit\nnever\n"
    result = CliRunner().invoke(
        chat, [str(home / "scene.png"), "-m", str(home / "model"), "--max-new-tokens", "32"], input=lines,
        catch_exceptions=False,
    )  # fmt: skip
    assert result.exit_code == 0
    assert "Detect all ships." in result.stdout
    assert "wrote answer.png" in result.stdout
    assert "no command is called /nonsense" in result.stderr
    assert "never" not in result.stdout
    assert (tmp_path / "answer.png").exists()


def test_load_is_the_package_s_own_name_and_costs_nothing_before_it_is_used(home):
    from georsmllm.looking import Viewing

    session = georsmllm.load(home / "model", viewing=Viewing(max_new_tokens=64))
    result = session.ask(home / "scene.png", "ships")
    assert repr(result).startswith("Result('ships' -> ")
    assert result._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        georsmllm.lode  # noqa: B018
    light = "import sys, georsmllm; assert not {'torch', 'numpy', 'shapely', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", light], check=True)


def test_help_teaches():
    result = CliRunner().invoke(command, ["--help"])
    assert "east bank of the river" in result.output
    assert ".gpkg" in result.output
