from __future__ import annotations

import pytest
import torch
from chats import mixed_chat, small_chat
from hypothesis import given, settings
from hypothesis import strategies as st
from test_automaton import FORMS

from georsmllm.constrain.automaton import accepts
from georsmllm.constrain.form import Form, Points, texts
from georsmllm.constrain.processor import PointTextProcessor
from georsmllm.errors import UsageError
from georsmllm.model import tiny
from georsmllm.model.load import model
from georsmllm.model.tokens import Chat

pytestmark = pytest.mark.filterwarnings("default")  # third parties warn

PROMPT = 5


def answers(chat: Chat, forms: list[Form | None], budget: int, seed: int) -> list[str]:
    """What a model of random scores, drawn from as `generate` draws, answers to prompts of PROMPT tokens."""
    torch.manual_seed(seed)
    processor = PointTextProcessor(chat, forms, prompt_length=PROMPT, budget=budget)
    ids = torch.full((len(forms), PROMPT), chat.pad)
    is_done = torch.zeros(len(forms), dtype=torch.bool)
    for _ in range(budget):
        scores = processor(ids, torch.randn(len(forms), chat.size + 7))
        newest = torch.where(is_done, chat.pad, torch.distributions.Categorical(logits=scores).sample())
        ids = torch.cat((ids, newest[:, None]), dim=1)
        is_done |= newest == chat.end
        if is_done.all():
            break
    return [chat.decode([t for t in row[PROMPT:] if t < chat.size]) for row in ids.tolist()]


@pytest.mark.parametrize("chat", [small_chat(), mixed_chat()], ids=["small", "mixed"])
@settings(max_examples=25)
@given(
    asked=st.lists(st.sampled_from((*FORMS, None)), min_size=1, max_size=4),
    budget=st.integers(40, 130),
    seed=st.integers(0, 99),
)
def test_whatever_the_model_wants_its_answer_has_the_form(chat, asked, budget, seed):
    for form, text in zip(asked, answers(chat, asked, budget, seed), strict=True):
        assert form is None or accepts(form, text), text


def test_scores_of_what_may_come_are_left_as_they_are_and_free_rows_wholly() -> None:
    chat = small_chat()
    scores = torch.randn(2, chat.size)
    processor = PointTextProcessor(chat, [texts(("yes", "no")), None], prompt_length=PROMPT, budget=9)
    masked = processor(torch.zeros(2, PROMPT, dtype=torch.long), scores)
    may_come = [token for token in range(chat.size) if masked[0, token] > -torch.inf]
    assert sorted(chat.decode([token]) for token in may_come) == ["n", "no", "y"]
    assert torch.equal(masked[0, may_come], scores[0, may_come])
    assert torch.equal(masked[1], scores[1])


def test_a_second_call_of_generate_begins_anew() -> None:
    chat = small_chat()
    processor = PointTextProcessor(chat, [Points()], prompt_length=PROMPT, budget=60)
    ids = torch.zeros(1, PROMPT, dtype=torch.long)
    scores = torch.randn(1, chat.size)
    first = processor(ids, scores)
    processor(torch.cat((ids, first.argmax(dim=1)[:, None]), dim=1), scores)
    assert torch.equal(processor(ids, scores), first)


def test_a_budget_below_the_shortest_answer_is_refused() -> None:
    with pytest.raises(UsageError, match="max_new_tokens is 3, and an answer of the asked form may need 4"):
        PointTextProcessor(small_chat(), [None, Points()], prompt_length=PROMPT, budget=3)


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory):
    folder = tiny.make("mini", tmp_path_factory.mktemp("mini") / "model")
    return Chat.of_folder(folder), model(folder, dtype="float32", attn_implementation="eager").eval()


def generated(mini, prompts: list[str], forms: list[Form | None], **settings: object) -> list[str]:
    from transformers import LogitsProcessorList

    chat, net = mini
    rows = [chat.encode(prompt) for prompt in prompts]
    length = max(map(len, rows))
    ids = torch.tensor([[chat.pad] * (length - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in rows])
    processor = PointTextProcessor(chat, forms, prompt_length=length, budget=64)
    out = net.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=64, eos_token_id=chat.end, pad_token_id=chat.pad,
        logits_processor=LogitsProcessorList([processor]), **settings,
    )  # fmt: skip
    return [chat.decode(row) for row in out[:, length:].tolist()]


@pytest.mark.parametrize("is_drawn", [False, True])
def test_generate_writes_answers_of_the_form(mini, is_drawn) -> None:
    torch.manual_seed(0)
    forms = [*FORMS, None]
    prompts = ["a ship" * (1 + n % 3) for n in range(len(forms))]
    found = generated(mini, prompts, forms, do_sample=is_drawn)
    assert [text for form, text in zip(forms, found, strict=True) if form is not None and not accepts(form, text)] == []


@pytest.mark.parametrize("settings", [{"num_beams": 2}, {"num_return_sequences": 2, "do_sample": True}])
def test_beams_are_refused_in_one_line(mini, settings) -> None:
    with pytest.raises(UsageError, match="one beam and one answer"):
        generated(mini, ["a ship"], [Points()], **settings)
