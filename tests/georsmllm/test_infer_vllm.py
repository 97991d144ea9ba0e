"""What vLLM is asked, as far as it shows without vLLM."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from georsmllm.answering import Answer, Decoding, Question
from georsmllm.constrain.form import Exactly
from georsmllm.errors import UsageError
from georsmllm.infer_vllm import VllmEngine, answer_of, prompt_of, request
from georsmllm.model import tiny
from georsmllm.model.tokens import MARKER, Chat
from georsmllm.types import Message

VIEW = Image.new("RGB", (40, 30))


@pytest.fixture(scope="module")
def chat() -> Chat:
    return Chat(tiny.train_tokenizer(["Where are the ships? none"], 300), source="here")


def question(num_images: int, form: Exactly | None = None) -> Question:
    messages = (Message("user", MARKER * num_images + "Where?"), Message("assistant", "none"))
    return Question("q", messages, ((40, 30),) * num_images, lambda: (VIEW,) * num_images, "r.jsonl:1", form)


def test_a_request_has_one_placeholder_for_its_image_and_no_answer(chat: Chat) -> None:
    asked = request(question(1), chat, Decoding(64))
    assert asked.prompt_token_ids.count(chat.image) == 1
    assert asked.prompt_token_ids == chat.prompt(question(1).messages, [1], where="")
    assert prompt_of(asked) == {"prompt_token_ids": asked.prompt_token_ids, "multi_modal_data": {"image": [VIEW]}}
    assert asked.settings == {
        "temperature": 0.0, "top_p": 1.0, "max_tokens": 64, "stop_token_ids": [chat.end, chat.pad],
    }  # fmt: skip


def test_words_alone_bring_no_image(chat: Chat) -> None:
    assert list(prompt_of(request(question(0), chat, Decoding(64)))) == ["prompt_token_ids"]


def test_sampling_has_a_seed_for_each_question(chat: Chat) -> None:
    one = request(question(1), chat, Decoding(64, temperature=0.7, top_p=0.9, seed=1)).settings
    assert (one["temperature"], one["top_p"]) == (0.7, 0.9)
    assert one["seed"] == request(question(1), chat, Decoding(64, temperature=0.7, seed=1)).settings["seed"]
    assert one["seed"] != request(question(1), chat, Decoding(64, temperature=0.7, seed=2)).settings["seed"]


def test_a_form_goes_as_a_regex(chat: Chat) -> None:
    assert request(question(1), chat, Decoding(64)).regex == ""
    assert request(question(1, Exactly("none")), chat, Decoding(64)).regex == "none"


def test_a_pair_is_refused_with_the_way_out(chat: Chat) -> None:
    with pytest.raises(UsageError, match=r"r.jsonl:1: vLLM tiles both images of a pair.*--engine transformers"):
        request(question(2), chat, Decoding(64))


@pytest.mark.parametrize(("reason", "finish"), [("stop", "stop"), ("length", "length")])
def test_an_answer_drops_its_end_token(chat: Chat, reason: str, finish: str) -> None:
    ids = chat.encode("none")
    assert answer_of([*ids, chat.end], reason, chat) == Answer("none", finish, len(ids))


def test_an_adapter_is_refused_and_vllm_is_asked_for_by_name(chat: Chat, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--engine vllm needs vllm \(pip install vllm\)"):
        VllmEngine(tmp_path, chat, dtype="bfloat16", seed=0)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="vLLM has none for LLaVA-OneVision; merge it first: georsmllm model merge"):
        VllmEngine(tmp_path, chat, dtype="bfloat16", seed=0)
