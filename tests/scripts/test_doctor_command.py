from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from georsmllm.errors import UsageError
from georsmllm.instruct_data.build import build
from georsmllm.layout import manifest
from georsmllm.recipe import Recipe, Source
from georsmllm.records import walk
from georsmllm.scripts.doctor import command

DATA = Path(__file__).parents[1] / "data"


def run(*arguments: object) -> str:
    result = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Boxes in thousandths with y before x, beside their gold in pixels."""
    path = tmp_path / "answers.jsonl"
    rows = []
    for i in range(12):
        x, y, w, h = 20 * i + 5, 300 - 20 * i, 60, 30 + 5 * i
        told = [round(v / side * 1000) for v, side in ((y, 500), (x, 400), (y + h, 500), (x + w, 400))]
        rows.append({"id": f"r{i}", "answer": str(told), "width": 400, "height": 500, "gold": [x, y, x + w, y + h]})
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


def test_it_names_the_fault_and_the_formula(answers: Path) -> None:
    text = run(answers, "--gold", "gold")
    assert "y stands before x" in text
    assert "x = (n_y / 1000) * width" in text


def test_json_holds_the_transform(answers: Path) -> None:
    best = json.loads(run(answers, "--gold", "gold", "--json"))["options"][0]
    assert best["transform"]["is_swapped"] is True
    assert best["iou"] > 0.95


def test_mended_answers_are_written_in_the_form_that_is_asked_for(answers: Path, tmp_path: Path) -> None:
    out = tmp_path / "mended.jsonl"
    assert "12 of 12 answers said anew" in run(answers, "--gold", "gold", "--mend", out, "--to", "teochat")
    first = json.loads(out.read_text().splitlines()[0])
    assert (first["id"], first["text"], first["refused"]) == ("r0", "[1, 60, 16, 66]", "")


@pytest.fixture(scope="module", params=["georsmllm", "qwen2_5_vl"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set in a dialect, with questions about the Earth in it, too, and its own gold texts as predictions."""
    out = tmp_path_factory.mktemp("doctor") / request.param
    recipe = Recipe(
        sources=tuple(
            Source(dataset=name, path=str(DATA / name / "world")) for name in ("dota", "coco", "openearthmap")
        ),
        tasks=("det", "geoloc"),
        dialect=request.param,
        max_bad_share=1.0,
    )
    build(recipe, out)
    rows = [json.dumps({"id": record.id, "text": record.gold_text}) for _, record in walk(out, manifest(out))]
    (out.parent / "answers.jsonl").write_text("\n".join(rows) + "\n")
    return out


def test_answers_to_a_built_set_are_judged_by_its_gold(built: Path) -> None:
    found = json.loads(run(built.parent / "answers.jsonl", "--set", built, "--json"))
    assert built.name in found["options"][0]["dialects"]
    assert found["options"][0]["iou"] > 0.9
    geoloc = sum(record.task == "geoloc" for _, record in walk(built, manifest(built)))
    assert geoloc
    assert found["answers"] == sum(1 for _ in walk(built, manifest(built))) - geoloc


def test_an_answer_to_no_record_of_the_set_is_refused(built: Path, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"id": "nobody", "text": "none"}\n')
    with pytest.raises(UsageError, match=":1: no record of the set is called 'nobody'"):
        CliRunner().invoke(command, [str(path), "--set", str(built)], catch_exceptions=False)


@pytest.mark.parametrize(
    ("text", "arguments", "complaint"),
    [
        ("", (), "is empty"),
        ("{", (), ":1: not JSON"),
        ("[1]", (), "entry 1: expected an object with an answer, got int"),
        ('{"x": "1"}', (), ":1: no answer in any of text, answer"),
        ('{"answer": "[1, 2, 3, 4]", "width": 0, "height": 5}', (), ":1: expected the width and height"),
        ('{"answer": "[1, 2, 3, 4]", "gt": "[1, 2, 3, 4]"}', ("--gold", "gt"), "say in which form by --gold-dialect"),
        ('{"answer": "[1, 2, 3, 4]", "gt": [[1, 2]]}', ("--gold", "gt"), "expected gold boxes of 4 or 8 numbers"),
        ('{"answer": "[1, 2, 3, 4]"}', ("--images", "."), "no image is named"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, text: str, arguments: tuple[str, ...], complaint: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        CliRunner().invoke(command, [str(path), *arguments], catch_exceptions=False)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
