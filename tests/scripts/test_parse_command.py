"""`georsmllm parse` prints the chain and the DAG, says who planned and why, and evaluates planners."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from llm_server import free_url, llm_server, refused, said

from georsmllm.errors import UsageError
from georsmllm.parser.evaluate import read_gold
from georsmllm.parser.plan import read
from georsmllm.parser.prompting import examples
from georsmllm.scripts.parse import command

ORDER = [example for example in examples() if "order-pair" in example.tags]
KEYS = ("schema_valid", "step_count_accuracy", "type_sequence_exact_match", "slot_f1", "dag_edge_f1")
KEY = "sk-very-secret-7431"


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No server, key or cache of the person who runs the tests."""
    for name in ("GEORSMLLM_LLM_URL", "GEORSMLLM_LLM_MODEL", "GEORSMLLM_LLM_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)


def asked_of(server) -> list[str]:
    return ["--llm-url", server.url, "--llm-model", "m1"]


def gold_file(path: Path) -> Path:
    lines = [
        msgspec.to_builtins(example.plan) | {"id": f"x{i}", "query": example.query, "tags": example.tags}
        for i, example in enumerate(examples())
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_the_embedded_planner_needs_nothing():
    done = run("planes on the east bank of the river")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "s1  detect            planes",
        "      Detect all planes.",
        "s2  detect            the river            (anchor)",
        "      Detect the river.",
        "s3  filter_relation   on the east side of  <- s1, anchor s2",
        f"      {done.stdout.splitlines()[5].strip()}",
        "=>  s3 is the answer (boxes)",
        "planner: embedded",
    ]
    assert done.stderr == ""


def test_json_is_a_plan_with_its_query_and_chain():
    done = json.loads(run("segment the lakes", "--json").stdout)
    assert list(done) == ["query", "planner", "notices", "steps", "answer_from", "answer_type", "chain"]
    assert (done["query"], done["planner"], done["notices"]) == ("segment the lakes", "embedded", [])
    assert done["chain"] == [step["text"] for step in done["steps"]]
    read(json.dumps(done))


def test_what_json_prints_can_be_evaluated_against(tmp_path):
    path = tmp_path / "gold.jsonl"
    path.write_text(run("ships near the pier", "--json").stdout)
    assert len(read_gold(path)) == 1
    found = json.loads(run("--evaluate", path, "--json").stdout)
    assert [found[key] for key in KEYS] == [1.0] * 5


def test_a_drawing_is_graphviz():
    done = run("ships near the pier", "--dot")
    assert done.stdout.startswith("digraph plan {\n")
    assert done.stdout.endswith("}\n")


@pytest.mark.parametrize("query", ["hello, how are you?", "", "   "])
def test_a_query_without_a_condition_is_exit_1(query):
    done = run(query)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith("georsmllm: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a query"),
        (["ships", "--evaluate", "x.jsonl"], "expected a query"),
        (["--evaluate", "none.jsonl"], "cannot read none.jsonl"),
        (["--evaluate", "none.jsonl", "--dot"], "--dot draws one plan"),
        (["ships", "--planner", "llm"], "--llm-url and --llm-model"),
        (["ships", "--llm-url", "http://localhost:1/v1"], "--llm-url and --llm-model"),
        (["ships", "--llm-model", "m1"], "--llm-url and --llm-model"),
        (["ships", "--llm-url", "localhost", "--llm-model", "m1"], "expected the address"),
    ],
)
def test_wrong_input_is_one_line(words, message):
    with pytest.raises(UsageError, match=message) as wrong:
        run(*words)
    assert str(wrong.value).isprintable()


@pytest.mark.parametrize(
    "words", [["ships", "--images", "3"], ["ships", "--timeout", "0"], ["ships", "--planner", "me"]]
)
def test_wrong_options_are_click_s_to_name(words):
    assert run(*words).exit_code == 2


def test_a_language_model_plans_and_its_plan_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("GEORSMLLM_LLM_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another")
    with llm_server([said(msgspec.json.encode(ORDER[0].plan).decode())]) as server:
        done = [run(ORDER[0].query, *asked_of(server)) for _ in range(2)]
        assert len(server.asked) == 1
        run(ORDER[0].query, *asked_of(server), "--no-cache")
        run(ORDER[0].query, *asked_of(server), "--cache", tmp_path / "elsewhere")
        monkeypatch.setenv("GEORSMLLM_LLM_URL", server.url)
        monkeypatch.setenv("GEORSMLLM_LLM_MODEL", "m1")
        done.append(run(ORDER[0].query))
        assert run(ORDER[0].query, "--planner", "embedded").stdout.endswith("planner: embedded\n")
    assert len(server.asked) == 3
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert len(list((tmp_path / "cache" / "georsmllm" / "plans").iterdir())) == 1
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1
    assert {one.stdout for one in done} == {done[0].stdout}
    assert done[0].stdout.endswith("=>  s4 is the answer (boxes)\nplanner: llm m1\n")
    assert KEY not in done[0].output


def test_openai_s_own_variable_is_the_second_choice(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another")
    with llm_server([said(msgspec.json.encode(ORDER[0].plan).decode())]) as server:
        run("ships", *asked_of(server))
    assert server.asked[0].headers["authorization"] == "Bearer sk-another"


@pytest.mark.parametrize("planner", ["auto", "llm"])
def test_a_server_that_is_down_is_a_notice_and_the_embedded_planner_plans(planner):
    done = run("segment the lakes", "--planner", planner, "--llm-url", free_url(), "--llm-model", "m1")
    assert done.exit_code == 0
    assert done.stderr.startswith("notice: no language model server answers at http://127.0.0.1:")
    assert done.stderr.endswith("; the embedded planner made this plan\n")
    assert done.stderr.count("\n") == 1
    assert done.stdout == run("segment the lakes").stdout


def test_a_notice_is_in_the_json_too():
    with llm_server([refused(401)]) as server:
        done = run("segment the lakes", "--json", *asked_of(server))
    (notice,) = json.loads(done.stdout)["notices"]
    assert "does not accept the key (401); the embedded planner made this plan" in notice


def test_an_evaluation_as_json(tmp_path):
    path = gold_file(tmp_path / "gold.jsonl")
    by_query = {example.query: example.plan for example in examples()}

    def behaviour(asked):
        query = asked.body["messages"][-1]["content"].split("<query>")[1].split("</query>")[0]
        return said(msgspec.json.encode(by_query[query]).decode())

    with llm_server(behaviour) as server:
        done = run("--evaluate", path, "--json", "--planner", "llm", *asked_of(server))
    found = json.loads(done.stdout)
    assert [found[key] for key in KEYS] == [1.0] * 5
    assert found["order_pair_accuracy"] == 1.0
    assert [row["id"] for row in found["queries"]] == [f"x{i}" for i in range(8)]
    assert {row["planner"] for row in found["queries"]} == {"llm m1"}
    assert len(server.asked) == 8


def test_a_language_model_that_fails_is_not_helped_in_an_evaluation(tmp_path):
    path = gold_file(tmp_path / "gold.jsonl")
    with llm_server([said("no")]) as server:
        done = run("--evaluate", path, "--planner", "llm", *asked_of(server))
    assert done.exit_code == 0
    table = done.stdout.splitlines()
    assert table[:3] == [
        "queries        8",
        "schema valid   0.000",
        "step count     0.000  (too many 0.000, too few 0.000)",
    ]
    assert (
        table.count("  failed: the language model m1 answered twice with no plan (expected one JSON object, got 'no')")
        == 8
    )


def test_an_evaluation_as_a_table_names_what_is_wrong(tmp_path):
    path = gold_file(tmp_path / "gold.jsonl")
    with llm_server([said(msgspec.json.encode(ORDER[0].plan).decode())]) as server:
        done = run("--evaluate", path, "--planner", "llm", *asked_of(server))
    table = done.stdout.splitlines()
    assert table[3] == "type sequence  0.125"
    assert table[7] == "order pairs    0.000  (of 1)"
    assert "x2" not in done.stdout  # it is right
    place = table.index("x3  Of the three longest barges, show those west of the lock.")
    assert table[place + 1 : place + 4] == [
        "  steps    detect, detect, filter_relation, compare",
        "  expected detect, compare, detect, filter_relation",
        "  edges    F1 0.33",
    ]


def test_the_figures_of_the_embedded_planner(real):
    found = json.loads(run("--evaluate", real("condition_queries.jsonl"), "--planner", "embedded", "--json").stdout)
    assert found["schema_valid"] == 1.0
    assert found["type_sequence_exact_match"] >= 0.85
    assert found["slot_f1"] >= 0.9


def test_the_command_starts_without_the_client():
    code = "import sys, georsmllm.scripts.parse; print('openai' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_planning_brings_nothing_heavy():
    code = (
        "import sys\nfrom georsmllm.scripts.cli import group\n"
        "group.main(['parse', 'white ships near the pier'], standalone_mode=False)\n"
        "print({'openai', 'numpy', 'scipy', 'torch', 'shapely'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")


def test_help_teaches():
    assert isinstance(command, click.Command)
    done = run("--help")
    for word in ("Examples:", "--evaluate", "anchor", "GEORSMLLM_LLM_API_KEY", "Exit codes: 0, 1"):
        assert word in done.stdout
