"""`georsmllm serve` as a process over a model of 0.2 M parameters, and what it says of mistakes before it loads one."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import openai
import pytest
from click.testing import CliRunner
from PIL import Image

from georsmllm.errors import UsageError
from georsmllm.model import tiny
from georsmllm.scripts.serve import command

pytestmark = pytest.mark.filterwarnings("default")


def refused(*words: object, env: dict[str, str] | None = None) -> str:
    result = CliRunner().invoke(command, ["--model", "nowhere", *map(str, words)], env=env)
    assert isinstance(result.exception, UsageError), result.output
    return str(result.exception)


def test_a_folder_that_is_not_there_is_told_before_a_model_is_loaded(tmp_path: Path) -> None:
    assert "no such folder" in refused("--images", tmp_path / "none")


def test_an_address_that_is_taken_names_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert "choose another with --port" in refused("--port", other.getsockname()[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "cannot read the key"),
        ("", "holds no key"),
        ("two words", "no single word"),
        ("ключ", "no single word"),
    ],
)
def test_a_key_that_no_header_can_carry_is_refused(tmp_path: Path, text: str | None, expected: str) -> None:
    if text is not None:
        (tmp_path / "key").write_text(text, encoding="utf-8")
    assert expected in refused("--api-key-file", tmp_path / "key")


def test_a_key_of_the_environment_is_checked_too() -> None:
    assert "GEORSMLLM_API_KEY" in refused(env={"GEORSMLLM_API_KEY": "a b"})


@pytest.mark.parametrize(("words", "is_warned"), [((), True), (("--api-key-file", "key"), False)])
def test_an_open_address_without_a_key_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], is_warned: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("key").write_text("open-sesame\n")
    line = ["--model", "nowhere", "--host", "0.0.0.0", "--port", "0", *words]
    result = CliRunner().invoke(command, line, env={"GEORSMLLM_API_KEY": ""})
    assert ("warning: anyone who reaches this address" in result.stderr) is is_warned


def test_a_model_is_served_until_a_signal_and_leaves_nothing(tmp_path: Path) -> None:
    tiny.make("mini", tmp_path / "model", seed=3)
    (tmp_path / "scenes").mkdir()
    Image.new("RGB", (64, 64), (90, 120, 80)).save(tmp_path / "scenes" / "field.png")
    (tmp_path / "files").mkdir()
    line = [sys.executable, "-m", "georsmllm", "serve", "--model", str(tmp_path / "model"), "--port", "0",
            "--images", str(tmp_path / "scenes"), "--max-new-tokens", "16"]  # fmt: skip
    env = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path / "files"), "GEORSMLLM_API_KEY": "sesame"}
    process = subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    giving_up = threading.Timer(120, process.kill)
    giving_up.start()
    try:
        url = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        assert url is not None, process.stderr.read()
        client = openai.OpenAI(base_url=f"{url.group()}v1", api_key="sesame", max_retries=0)
        (model,) = client.models.list()
        answer = client.chat.completions.create(
            model=model.id, messages=[{"role": "user", "content": "hello"}], max_tokens=4
        )
        assert answer.object == "chat.completion"
        assert [path.name.startswith("georsmllm-") for path in (tmp_path / "files").iterdir()] == [True]
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=30)
    finally:
        giving_up.cancel()
        process.kill()
    assert process.returncode == 0, said
    assert (out, said.rstrip().splitlines()[-1]) == ("", "stopped")
    assert "Traceback" not in said
    assert "sesame" not in said
    assert list((tmp_path / "files").iterdir()) == []
    assert tempfile.gettempdir() != str(tmp_path / "files")
