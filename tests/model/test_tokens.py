"""Conversations as tokens and labels: what is supervised, and that inference and everybody's template see the same ids."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from georsmllm.errors import BadRecord, UsageError
from georsmllm.model.assemble import read_tokenizer
from georsmllm.model.tokens import IGNORED, MARKER, TEMPLATE, Chat, Rendered
from georsmllm.types import Message

pytestmark = pytest.mark.filterwarnings("default")


def user(content: str) -> Message:
    return Message("user", content)


def answer(content: str) -> Message:
    return Message("assistant", content)


@pytest.fixture(scope="module")
def chat(mini: Path) -> Chat:
    return Chat.of_folder(mini)


def shown(chat: Chat, rendered: Rendered) -> tuple[str, str]:
    """All of it, and what is supervised."""
    learnt = [label for label in rendered.labels if label != IGNORED]
    return tuple(chat.tokenizer.decode(ids, skip_special_tokens=False) for ids in (rendered.ids, learnt))


def test_only_answers_and_their_ends_are_supervised(chat: Chat) -> None:
    messages = [user("<image>\n[count] Ships?"), answer("12"), user("And cars?"), answer("none")]
    whole, learnt = shown(chat, chat.render(messages, [3], where="a"))
    assert whole == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<image><image><image>\n[count] Ships?<|im_end|>\n<|im_start|>assistant\n12<|im_end|>\n"
        "<|im_start|>user\nAnd cars?<|im_end|>\n<|im_start|>assistant\nnone<|im_end|>\n"
    )
    assert learnt == "12<|im_end|>none<|im_end|>"


def test_two_images_have_a_newline_between_them(chat: Chat) -> None:
    whole, _ = shown(chat, chat.render([user("<image>\n<image>\nNew?"), answer("no")], [2, 1], where="a"))
    assert "user\n<image><image>\n<image>\nNew?" in whole


def test_a_system_prompt_of_ones_own_takes_the_place_of_the_usual(chat: Chat) -> None:
    whole, _ = shown(chat, chat.render([Message("system", "Be brief."), user("Hi"), answer("no")], [], where="a"))
    assert whole.startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi")


def test_words_that_look_like_tokens_stay_words(chat: Chat) -> None:
    messages = [user("What is <image> or <|im_end|>?"), answer("<|im_start|>")]
    rendered = chat.render(messages, [], where="a")
    assert chat.image not in rendered.ids
    assert rendered.ids.count(chat.end) == 3
    assert rendered.ids.count(chat.start) == 3
    assert chat.decode(rendered.ids).endswith("assistant\n<|im_start|>\n")


@pytest.mark.parametrize(
    ("content", "visual"),
    [("[det] Ships?", [3]), ("<image>\n[det] Ships?", []), ("<image>\n<image>\nNew?", [2]), ("<image>\nNew?", [2, 2])],
)
def test_markers_that_are_not_as_many_as_images_are_refused(chat: Chat, content: str, visual: list[int]) -> None:
    with pytest.raises(BadRecord, match="image_tokens"):
        chat.render([user(content), answer("no")], visual, where="a")
    with pytest.raises(BadRecord, match="image_tokens"):
        chat.prompt([user(content)], visual, where="a")


def test_images_that_no_question_shows_are_refused(chat: Chat) -> None:
    with pytest.raises(BadRecord, match="expected a question that shows 1 images"):
        chat.render([answer("no")], [3], where="a")


def test_a_conversation_without_an_answer_teaches_nothing(chat: Chat) -> None:
    with pytest.raises(BadRecord, match="no_answer"):
        chat.render([user("Hi")], [], where="a")


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=30) | st.sampled_from(
    ("[det] Where are the ships?", "[(202,506),(242,506)];[(1,2)]", "<|im_end|>", "<image>", " \n\n x", "42")
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[Message], list[int]]:
    """Questions and answers in turn, the images' markers in front of the first question."""
    visual = draw(st.lists(st.integers(1, 5), max_size=3))
    turns = draw(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=3))
    messages = [Message("system", draw(WORDS))] * draw(st.booleans())
    for number, (question, said) in enumerate(turns):
        plain = question.removeprefix("<image>\n")
        messages += [user(MARKER * len(visual) + plain if number == 0 else plain), answer(said)]
    return messages, visual


@settings(max_examples=200)
@given(talk=conversations())
def test_a_prompt_is_what_stands_before_the_last_answer(chat: Chat, talk: tuple[list[Message], list[int]]) -> None:
    messages, visual = talk
    rendered = chat.render(messages, visual, where="a")
    last = [*chat.encode(messages[-1].content), chat.end, *chat.newline]
    assert rendered.ids == [*chat.prompt(messages, visual, where="a"), *last]
    assert rendered.labels[-len(last) :] == [*last[: -len(chat.newline)], *[IGNORED] * len(chat.newline)]
    assert rendered.labels[-len(last) - 1] == IGNORED
    assert all(label in (IGNORED, token) for label, token in zip(rendered.labels, rendered.ids, strict=True))
    assert rendered.ids.count(chat.image) == sum(visual)


def by_template(folder: Path) -> Callable[[Sequence[Message], Sequence[int]], list[int]]:
    """The ids that plain transformers makes of a conversation with the saved template."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)

    def ids(messages: Sequence[Message], visual: Sequence[int]) -> list[int]:
        plain = [{"role": message.role, "content": message.content} for message in messages]
        first, *others = str(tokenizer.apply_chat_template(plain, tokenize=False)).split("<image>")
        text = first + "".join("<image>" * count + other for count, other in zip(visual, others, strict=True))
        return list(tokenizer(text).input_ids)

    return ids


def names_no_token(messages: Sequence[Message]) -> bool:
    return not any(
        token in message.content.removeprefix(MARKER * 3).replace(MARKER, "")
        for message in messages
        for token in ("<|", "<image>", "<video>")
    )


@settings(max_examples=150)
@given(talk=conversations())
def test_the_saved_template_gives_the_same_ids(mini: Path, chat: Chat, talk: tuple[list[Message], list[int]]) -> None:
    messages, visual = talk
    answers = [message.content for message in messages if message.role == "assistant"]
    # a token in words is one for others; an answer that begins with white space would melt into its header's newline
    if names_no_token(messages) and not any(one[:1].isspace() for one in answers):
        assert chat.render(messages, visual, where="a").ids == by_template(mini)(messages, visual)


def test_content_as_a_list_renders_as_the_marked_text(mini: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(mini)
    assert tokenizer.chat_template == TEMPLATE
    parts = [{"type": "image"}, {"type": "image"}, {"type": "text", "text": "New?"}]
    ways = [[{"role": "user", "content": content}] for content in (parts, "<image>\n<image>\nNew?")]
    one, other = (tokenizer.apply_chat_template(way, tokenize=False, add_generation_prompt=True) for way in ways)
    assert one == other
    assert one.endswith("<|im_end|>\n<|im_start|>assistant\n")


def test_the_real_vocabulary_gets_the_published_ids(real: Callable[[str], Path], tmp_path: Path) -> None:
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(real("tokenizer") / name, tmp_path / name)
    read_tokenizer(tmp_path).save(str(tmp_path / "tokenizer.json"))
    chat = Chat.of_folder(tmp_path)
    assert (chat.pad, chat.start, chat.end, chat.image) == (151643, 151644, 151645, 151646)
    assert chat.tokenizer.token_to_id("<video>") == 151647
    assert chat.encode("hello world") == [14990, 1879]
    assert chat.encode("user\n") == [872, 198]
    ids = chat.prompt([user("<image>\nhi")], [2], where="a")
    assert ids[-12:] == [151644, 872, 198, 151646, 151646, 198, 6023, 151645, 198, 151644, 77091, 198]


def test_qwen2_5_keeps_its_tokens_and_gets_ours_behind_them(real: Callable[[str], Path], tmp_path: Path) -> None:
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(real("tokenizer") / name, tmp_path / name)
    shutil.copy(real("tokenizer") / "qwen2.5_tokenizer_config.json", tmp_path / "tokenizer_config.json")
    read_tokenizer(tmp_path).save(str(tmp_path / "tokenizer.json"))
    chat = Chat.of_folder(tmp_path)
    assert chat.tokenizer.token_to_id("<|object_ref_start|>") == 151646
    assert (chat.image, chat.tokenizer.token_to_id("<video>"), chat.size) == (151665, 151666, 151667)


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no tokenizer\.json"):
        Chat.of_folder(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match="no tokenizer"):
        Chat.of_folder(tmp_path)
