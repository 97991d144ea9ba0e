"""`georsmllm train --show`: what is supervised and what is not, to the eye."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from itertools import pairwise

import hand_made_set
import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.model.tiny import train_tokenizer
from georsmllm.model.tokens import Chat
from georsmllm.train import show
from georsmllm.types import Message

TEXTS = ["Where are the ships? There are 12 of them, at [(202,506),(242,506)].", "none"]


@cache
def chat() -> Chat:
    return Chat(train_tokenizer(TEXTS, 320), source="this test")


def conversation(*turns: tuple[str, str]) -> tuple[Message, ...]:
    return tuple(Message(role, content) for role, content in turns)


ASKED = conversation(("user", "<image>\n[det] Where are the ships?"), ("assistant", "[(202,506)]"))


def test_without_colour_only_the_answer_and_its_end_stand_in_marks() -> None:
    assert show.dump(chat().render(ASKED, [1485], where="here"), chat(), coloured=False) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<image x 1485>\n[det] Where are the ships?<|im_end|>\n"
        "<|im_start|>assistant\n{+[(202,506)]<|im_end|>+}\n"
    )


def test_in_colour_the_answer_is_green_by_turns_and_the_rest_dim() -> None:
    text = show.dump(chat().render(ASKED, [3], where="here"), chat(), coloured=True)
    answer = text[text.rindex("assistant") :]
    greens = re.findall(r"\x1b\[(32|92)m", answer)
    assert len(greens) == len(chat().encode("[(202,506)]")) + 1, "a stretch for each token, and its end"
    assert all(a != b for a, b in pairwise(greens)), "neighbours differ, so borders show"
    assert not re.search(r"\x1b\[(32|92)m", text[: text.rindex("assistant")]), "nothing that was asked is supervised"
    assert re.sub(r"\x1b\[\d+m", "", text) == re.sub(
        r"\{\+|\+\}", "", show.dump(chat().render(ASKED, [3], where="here"), chat(), coloured=False)
    )


def test_a_pair_shows_two_images() -> None:
    pair = conversation(("user", "<image>\n<image>\n[change] What changed?"), ("assistant", "none"))
    assert "<image x 730>\n<image x 730>\n[change]" in show.dump(
        chat().render(pair, [730, 730], where="here"), chat(), coloured=False
    )


def test_a_packed_row_shows_its_border_and_adds_up() -> None:
    row = [chat().render(ASKED, [4], where="here"), chat().render(ASKED, [4], where="here")]
    text = show.dump_row(row, chat(), coloured=False)
    assert text.count("border of the row") == 1
    total, learnt = 2 * len(row[0].ids), 2 * row[0].num_supervised
    assert show.summary(row, num_images=2, num_crops=6) == (
        f"2 samples in one row, {total} tokens, {learnt} supervised ({learnt / total:.1%}), 2 images as 6 crops"
    )


@pytest.mark.parametrize(
    ("num_images", "num_crops", "said"), [(0, 0, "no image"), (1, 1, "1 image as 1 crop"), (1, 5, "1 image as 5 crops")]
)
def test_images_and_crops_are_counted_in_words(num_images: int, num_crops: int, said: str) -> None:
    line = show.summary([chat().render(ASKED, [4], where="here")], num_images=num_images, num_crops=num_crops)
    assert line.endswith(said)


def test_words_cannot_talk_to_the_terminal() -> None:
    asked = conversation(("user", "a\x1b[2Jb\x07\u202ec"), ("assistant", "none"))
    text = show.dump(chat().render(asked, [], where="here"), chat(), coloured=False)
    assert r"a\x1b[2Jb\x07\u202ec" in text


@given(st.text(max_size=40), st.text(max_size=40))
def test_the_pieces_are_the_conversation(question: str, answer: str) -> None:
    asked = conversation(("user", "q " + question), ("assistant", answer))
    rendered = chat().render(asked, [], where="here")
    pieces = list(show.pieces(rendered, chat()))
    assert sum(piece.num_tokens for piece in pieces) == len(rendered.ids)
    assert sum(piece.num_tokens for piece in pieces if piece.is_supervised) == rendered.num_supervised
    said = "".join(piece.text for piece in pieces if piece.is_supervised and not piece.is_form)
    assert said == chat().decode(chat().encode(answer))


@pytest.mark.parametrize(
    ("is_terminal", "said", "wanted"),
    [(True, None, True), (True, "", True), (True, "1", False), (False, None, False)],
)
def test_colour_is_for_terminals_and_for_who_wants_it(is_terminal: bool, said: str | None, wanted: bool) -> None:
    assert show.wants_colour(is_terminal, {"NO_COLOR": said}.get) == wanted


def test_a_recipe_is_shown_with_a_pair_and_a_packed_border_before_any_model_is_there(tmp_path) -> None:
    hand_made_set.write_set(tmp_path / "set")
    (tmp_path / "recipe.yaml").write_text(
        "model: {tiny: mini}\ndata: {sources: [{path: set}], max_length: 2048}\nstages: [{name: all}]\n"
    )
    code = (
        "import sys; from pathlib import Path; from georsmllm.train import recipe, show\n"
        "for one in show.of_recipe(recipe.load(Path(sys.argv[1])), 1, coloured=False):\n"
        "    print(one.place, one.text, one.summary, sep='\\n')\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "recipe.yaml")], capture_output=True, text=True, check=True
    )
    assert "Which ponds changed?" in done.stdout and "2 images as 2 crops" in done.stdout
    assert done.stdout.count("border of the row") == 1
    assert "train-00000.jsonl:" in done.stdout
